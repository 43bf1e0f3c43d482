// SPDX-License-Identifier: Apache-2.0
/*
 * Every entry of traces.json, packets recorded from a running node of the reference: control packets are decoded and
 * encoded again, sealed ones opened with the secret derived from the keys in the file and sealed again with the same
 * nonce, what they carry is decoded and encoded again.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "stream.h"
#include "wire/beacon.h"
#include "wire/icmp6.h"
#include "wire/message.h"

static json_t *root;

static const json_t *trace_of(const char *name)
{
	return vector_named(json_object_get(root, "traces"), name);
}

/* The key between two nodes, named like "ab": secret of the first, public key of the second. */
static struct aead_key *key_between(char first, char second)
{
	const json_t *keys = json_object_get(root, "keys");
	struct secret_key secret;
	struct public_key public;
	struct shared_secret shared;
	hex_into(json_object_get(keys, (char[]){first, '\0'}), "secret", &secret, sizeof(secret));
	hex_into(json_object_get(keys, (char[]){second, '\0'}), "public", &public, sizeof(public));
	assert_int_equal(shared_secret_derive(&secret, &public, &shared), 0);
	struct aead_key *key = aead_key_new(&shared);
	assert_non_null(key);
	return key;
}

static struct tlv decode_tlv(struct blob bytes)
{
	struct frame frame;
	struct tlv tlv, none;
	assert_int_equal(frame_decode(bytes.bytes, bytes.len, &frame), FRAME_OK);
	assert_int_equal(frame.len, bytes.len);
	struct reader body = frame_control_body(&frame);
	assert_true(tlv_next(&body, &tlv));
	assert_false(tlv_next(&body, &none));

	char kinds[32];
	snprintf(kinds, sizeof(kinds), "%s ", tlv_name(tlv.type));
	assert_stream(bytes, kinds, FRAME_INCOMPLETE, 0);
	uint8_t out[TLV_FRAME_SIZE_MAX];
	assert_bytes(out, tlv_write_frame(&tlv, out), bytes);
	return tlv;
}

static void assert_prefix(const struct tlv_prefix *prefix, const json_t *fields)
{
	struct ip6 expected = ip6_of(fields, "prefix");
	assert_int_equal(prefix->encoding, number_of(fields, "ae"));
	assert_int_equal(prefix->subnet.len, number_of(fields, "plen"));
	assert_memory_equal(&prefix->subnet.addr, &expected, sizeof(expected));
}

static void check_hello(const json_t *trace, const json_t *fields, struct blob bytes)
{
	(void)trace;
	struct tlv tlv = decode_tlv(bytes);
	assert_int_equal(tlv.type, TLV_HELLO);
	assert_int_equal(tlv.hello.flags, number_of(fields, "flags"));
	assert_int_equal(tlv.hello.seqno, number_of(fields, "seqno"));
	assert_int_equal(tlv.hello.interval_cs, number_of(fields, "interval"));
}

static void check_ihu(const json_t *trace, const json_t *fields, struct blob bytes)
{
	(void)trace;
	struct tlv tlv = decode_tlv(bytes);
	assert_int_equal(tlv.type, TLV_IHU);
	assert_int_equal(tlv.ihu.encoding, number_of(fields, "ae"));
	assert_int_equal(tlv.ihu.rx_cost, number_of(fields, "rxcost"));
	assert_int_equal(tlv.ihu.interval_cs, number_of(fields, "interval"));
}

static void check_update(const json_t *trace, const json_t *fields, struct blob bytes)
{
	(void)trace;
	struct tlv tlv = decode_tlv(bytes);
	assert_int_equal(tlv.type, TLV_UPDATE);
	assert_int_equal(tlv.update.flags, number_of(fields, "flags"));
	assert_int_equal(tlv.update.interval_cs, number_of(fields, "interval"));
	assert_int_equal(tlv.update.seqno, number_of(fields, "seqno"));
	assert_int_equal(tlv.update.metric, number_of(fields, "metric"));
	assert_prefix(&tlv.update.prefix, fields);
	assert_hex(&tlv.update.router_id, ROUTER_ID_SIZE, text_of(fields, "rid"));
}

static void check_route_request(const json_t *trace, const json_t *fields, struct blob bytes)
{
	(void)trace;
	struct tlv tlv = decode_tlv(bytes);
	assert_int_equal(tlv.type, TLV_ROUTE_REQUEST);
	assert_int_equal(tlv.route_request.generation, number_of(fields, "generation"));
	assert_prefix(&tlv.route_request.prefix, fields);
}

static void check_seqno_request(const json_t *trace, const json_t *fields, struct blob bytes)
{
	(void)trace;
	struct tlv tlv = decode_tlv(bytes);
	assert_int_equal(tlv.type, TLV_SEQNO_REQUEST);
	assert_int_equal(tlv.seqno_request.seqno, number_of(fields, "seqno"));
	assert_int_equal(tlv.seqno_request.hop_count, number_of(fields, "hops"));
	assert_prefix(&tlv.seqno_request.prefix, fields);
	assert_hex(&tlv.seqno_request.router_id, ROUTER_ID_SIZE, text_of(fields, "rid"));
}

static void check_message(const uint8_t *payload, size_t len)
{
	struct message_packet packet;
	uint8_t out[MESSAGE_PACKET_SIZE_MAX];
	assert_int_equal(message_decode(payload, len, &packet), 0);
	assert_int_equal(message_encode(&packet, out, NULL), len);
	assert_memory_equal(out, payload, len);
}

static void check_oob(uint8_t *payload, size_t len, const struct ip6 *source, const struct ip6 *destination)
{
	struct oob_report report;
	uint8_t out[OOB_PAYLOAD_MAX];
	assert_int_equal(oob_read(payload, len, source, destination, &report), 0);
	size_t written = oob_write(out, &report.original_destination, source, destination, &report.error, report.quote,
				   report.quote_len);
	assert_bytes(out, written, (struct blob){payload, len});
}

static void check_plaintext(struct blob plaintext, const struct ip6 *source, const struct ip6 *destination)
{
	uint8_t *payload = &plaintext.bytes[USER_HEADER_SIZE];
	size_t len = plaintext.len - USER_HEADER_SIZE;
	if (plaintext.bytes[1] == USER_MESSAGE) {
		check_message(payload, len);
	} else if (plaintext.bytes[1] == USER_OOB_ICMP) {
		check_oob(payload, len, source, destination);
	} else {
		assert_true(ip6_packet_complete(payload, len));
		struct ip6 inner_source = ip6_packet_source(payload);
		struct ip6 inner_destination = ip6_packet_destination(payload);
		assert_memory_equal(&inner_source, source, sizeof(*source));
		assert_memory_equal(&inner_destination, destination, sizeof(*destination));
	}
}

static void check_data(const json_t *trace, const json_t *fields, struct blob bytes)
{
	struct ip6 source = ip6_of(fields, "src"), destination = ip6_of(fields, "dst");
	struct frame frame;
	size_t body_len;
	assert_int_equal(frame_decode(bytes.bytes, bytes.len, &frame), FRAME_OK);
	assert_int_equal(frame.len, bytes.len);
	assert_stream(bytes, "data ", FRAME_INCOMPLETE, 0);
	struct ip6 got = frame_source(&frame);
	assert_memory_equal(&got, &source, sizeof(got));
	got = frame_destination(&frame);
	assert_memory_equal(&got, &destination, sizeof(got));
	assert_int_equal(frame_hop_limit(&frame), number_of(fields, "hop"));
	uint8_t *body = frame_body(&frame, &body_len);
	assert_int_equal(body_len, number_of(fields, "body_len"));

	const char *between = text_of(trace, "sealed_between");
	struct aead_key *key = key_between(between[0], between[1]), *other_end = key_between(between[1], between[0]);
	struct blob plaintext = hex_of(trace, "plaintext");
	uint8_t nonce[AEAD_NONCE_SIZE];
	hex_into(fields, "nonce", nonce, sizeof(nonce));
	assert_opens((struct blob){body, body_len}, key, plaintext);
	assert_opens((struct blob){body, body_len}, other_end, plaintext);
	struct blob sealed = seal_frame(plaintext, &source, &destination, frame_hop_limit(&frame), key, nonce);
	assert_bytes(sealed.bytes, sealed.len, bytes);
	check_plaintext(plaintext, &source, &destination);
	blob_free(sealed);
	blob_free(plaintext);
	aead_key_free(key);
	aead_key_free(other_end);
}

static void check_beacon(const json_t *trace, const json_t *fields, struct blob bytes)
{
	(void)trace;
	static const struct router_id other;
	struct ip6 sender = ip6_of_text("fe80::1");
	struct beacon beacon;
	uint8_t out[BEACON_SIZE];
	assert_int_equal(beacon_read(bytes.bytes, bytes.len, &sender, &other, &beacon), 0);
	assert_int_equal(beacon.tcp_port, number_of(fields, "tcp_port"));
	assert_hex(&beacon.router_id, ROUTER_ID_SIZE, text_of(fields, "rid"));
	beacon_write(&beacon, out);
	assert_bytes(out, sizeof(out), bytes);
}

/* l3_in with the hop limit that is left. */
static void check_tun_l3(struct blob bytes)
{
	struct blob plaintext = hex_of(trace_of("l3_in"), "plaintext");
	plaintext.bytes[USER_HEADER_SIZE + 7] = 62;
	assert_bytes(bytes.bytes, bytes.len,
		     (struct blob){&plaintext.bytes[USER_HEADER_SIZE], plaintext.len - USER_HEADER_SIZE});
	blob_free(plaintext);
}

/* What oob_in turns into. */
static void check_tun_oob(struct blob bytes)
{
	const json_t *fields = json_object_get(trace_of("oob_in"), "fields");
	struct ip6 source = ip6_of(fields, "src"), destination = ip6_of(fields, "dst");
	struct blob plaintext = hex_of(trace_of("oob_in"), "plaintext");
	struct aead_key *key = key_between('a', 'b');
	struct oob_report report;
	enum user_type type;
	uint8_t *quoted, out[ICMP6_ERROR_SIZE_MAX];
	size_t quoted_len;
	assert_int_equal(oob_read(&plaintext.bytes[USER_HEADER_SIZE], plaintext.len - USER_HEADER_SIZE, &source,
				  &destination, &report),
			 0);
	assert_int_equal(sealed_open(report.quote, report.quote_len, key, &type, &quoted, &quoted_len), 0);
	assert_int_equal(type, USER_L3);
	assert_bytes(out, icmp6_write_error(out, &source, &destination, 62, &report.error, quoted, quoted_len), bytes);
	aead_key_free(key);
	blob_free(plaintext);
}

/* An error that the node made itself: the same from its parts. The quote may be padded to its largest size. */
static void check_tun_error(struct blob bytes)
{
	struct ip6 source = ip6_packet_source(bytes.bytes), destination = ip6_packet_destination(bytes.bytes);
	struct icmp6_error error = {.type = bytes.bytes[40], .code = bytes.bytes[41]};
	uint8_t out[ICMP6_ERROR_SIZE_MAX];
	size_t len = icmp6_write_error(out, &source, &destination, ip6_packet_hop_limit(bytes.bytes), &error,
				       &bytes.bytes[48], bytes.len - 48);
	assert_bytes(out, len, bytes);
}

static void check_tun(const json_t *trace, const json_t *fields, struct blob bytes)
{
	static const struct {
		const char *name;
		void (*check)(struct blob bytes);
	} checks[] = {
		{"l3_in_tun", check_tun_l3},
		{"oob_in_tun", check_tun_oob},
		{"local_icmp_1_3", check_tun_error},
		{"local_icmp_3_0", check_tun_error},
	};
	assert_int_equal(bytes.len, number_of(fields, "length"));
	assert_true(ip6_packet_complete(bytes.bytes, bytes.len));
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (strcmp(checks[i].name, text_of(trace, "name")) == 0) {
			checks[i].check(bytes);
			return;
		}
	fail_msg("%s: no check", text_of(trace, "name"));
}

static const struct {
	const char *kind;
	void (*check)(const json_t *trace, const json_t *fields, struct blob bytes);
} kinds[] = {
	{"Hello", check_hello},
	{"Ihu", check_ihu},
	{"Update", check_update},
	{"RouteRequest", check_route_request},
	{"SeqnoRequest", check_seqno_request},
	{"Data", check_data},
	{"TunPacket", check_tun},
	{"Beacon", check_beacon},
};

static void test_every_trace(void **state)
{
	(void)state;
	unsigned checked = 0;
	size_t i;
	json_t *trace;
	json_array_foreach (json_object_get(root, "traces"), i, trace) {
		const json_t *fields = json_object_get(trace, "fields");
		struct blob bytes = hex_of(trace, "hex");
		for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
			if (strcmp(kinds[kind].kind, text_of(fields, "kind")) != 0)
				continue;
			kinds[kind].check(trace, fields, bytes);
			checked++;
		}
		blob_free(bytes);
	}
	assert_int_equal(checked, 46);
	assert_int_equal(checked, json_array_size(json_object_get(root, "traces")));
}

static void assert_acknowledged(const char *packet, const char *ack)
{
	struct blob in = hex_of(trace_of(packet), "plaintext"), expected = hex_of(trace_of(ack), "plaintext");
	uint8_t out[MESSAGE_ACK_SIZE_MAX];
	size_t len = message_write_ack(&in.bytes[USER_HEADER_SIZE], in.len - USER_HEADER_SIZE, out);
	assert_bytes(out, len, (struct blob){&expected.bytes[USER_HEADER_SIZE], expected.len - USER_HEADER_SIZE});
	blob_free(in);
	blob_free(expected);
}

static void test_recorded_acknowledgements(void **state)
{
	(void)state;
	assert_acknowledged("message_in_init", "message_in_init_ack");
	assert_acknowledged("message_in_chunk", "message_in_chunk_ack");
	assert_acknowledged("message_in_done", "message_in_done_ack");
}

/* A relay changes one byte. */
static void test_recorded_transit(void **state)
{
	(void)state;
	struct blob in = hex_of(trace_of("transit_in"), "hex"), out = hex_of(trace_of("transit_out"), "hex");
	struct frame frame;
	assert_int_equal(frame_decode(in.bytes, in.len, &frame), FRAME_OK);
	frame_set_hop_limit(&frame, (uint8_t)(frame_hop_limit(&frame) - 1));
	assert_bytes(in.bytes, in.len, out);
	blob_free(in);
	blob_free(out);
}

static int set_up(void **state)
{
	(void)state;
	root = vectors_load("traces.json");
	return aead_setup();
}

static int tear_down(void **state)
{
	(void)state;
	json_decref(root);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_trace),
		cmocka_unit_test(test_recorded_acknowledgements),
		cmocka_unit_test(test_recorded_transit),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
