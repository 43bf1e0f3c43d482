// SPDX-License-Identifier: Apache-2.0
/* Every entry of packets.json's `vectors`: decoded to its fields, encoded from its fields, sealed and opened. */
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

static const json_t *vector_of(const char *name)
{
	return vector_named(json_object_get(root, "vectors"), name);
}

static bool decode_only(const json_t *vector)
{
	return has(vector, "notes") && strncmp(text_of(vector, "notes"), "decode only", 11) == 0;
}

/* ---- control ---- */

static struct tlv_prefix prefix_of(const json_t *fields)
{
	struct tlv_prefix prefix = {.encoding = (uint8_t)number_of(fields, "ae")};
	if (has(fields, "prefix"))
		prefix.subnet = subnet_of_text(text_of(fields, "prefix"));
	assert_int_equal(prefix.subnet.len, number_of(fields, "plen"));
	return prefix;
}

static struct tlv hello_of(const json_t *fields)
{
	return (struct tlv){.type = TLV_HELLO,
			    .hello = {.flags = (uint16_t)number_of(fields, "flags"),
				      .seqno = (uint16_t)number_of(fields, "seqno"),
				      .interval_cs = (uint16_t)number_of(fields, "interval_cs")}};
}

static struct tlv ihu_of(const json_t *fields)
{
	struct tlv tlv = {.type = TLV_IHU,
			  .ihu = {.encoding = (uint8_t)number_of(fields, "ae"),
				  .rx_cost = (uint16_t)number_of(fields, "rx_cost"),
				  .interval_cs = (uint16_t)number_of(fields, "interval_cs")}};
	if (has(fields, "address"))
		tlv.ihu.address = subnet_of_text(text_of(fields, "address")).addr;
	return tlv;
}

static struct tlv update_of(const json_t *fields)
{
	struct tlv tlv = {.type = TLV_UPDATE,
			  .update = {.flags = (uint8_t)number_of(fields, "flags"),
				     .interval_cs = (uint16_t)number_of(fields, "interval_cs"),
				     .seqno = (uint16_t)number_of(fields, "seqno"),
				     .metric = (uint16_t)number_of(fields, "metric"),
				     .prefix = prefix_of(fields)}};
	hex_into(fields, "router_id", &tlv.update.router_id, ROUTER_ID_SIZE);
	return tlv;
}

static struct tlv route_request_of(const json_t *fields)
{
	return (struct tlv){
		.type = TLV_ROUTE_REQUEST,
		.route_request = {.generation = (uint8_t)number_of(fields, "generation"), .prefix = prefix_of(fields)}};
}

static struct tlv seqno_request_of(const json_t *fields)
{
	struct tlv tlv = {.type = TLV_SEQNO_REQUEST,
			  .seqno_request = {.seqno = (uint16_t)number_of(fields, "seqno"),
					    .hop_count = (uint8_t)number_of(fields, "hop_count"),
					    .prefix = prefix_of(fields)}};
	hex_into(fields, "router_id", &tlv.seqno_request.router_id, ROUTER_ID_SIZE);
	return tlv;
}

static struct tlv tlv_of(const json_t *fields)
{
	static const struct {
		const char *name;
		struct tlv (*make)(const json_t *fields);
	} makers[] = {
		{"hello", hello_of},
		{"ihu", ihu_of},
		{"update", update_of},
		{"route_request", route_request_of},
		{"seqno_request", seqno_request_of},
	};
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
		if (strcmp(makers[i].name, text_of(fields, "tlv")) == 0)
			return makers[i].make(fields);
	fail_msg("unknown TLV %s", text_of(fields, "tlv"));
	return (struct tlv){0};
}

static void assert_prefix(const struct tlv_prefix *got, struct tlv_prefix expected)
{
	/* Vectors may name a whole address; what is received ends at the prefix length, except for link-local ones. */
	for (unsigned bit = expected.subnet.len; bit < 128 && expected.encoding != AE_LINK_LOCAL; bit++)
		expected.subnet.addr.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	assert_int_equal(got->encoding, expected.encoding);
	assert_int_equal(got->subnet.len, expected.subnet.len);
	assert_memory_equal(&got->subnet.addr, &expected.subnet.addr, sizeof(got->subnet.addr));
}

static void assert_hello(const struct tlv_hello *got, const struct tlv_hello *expected)
{
	assert_int_equal(got->flags, expected->flags);
	assert_int_equal(got->seqno, expected->seqno);
	assert_int_equal(got->interval_cs, expected->interval_cs);
}

static void assert_ihu(const struct tlv_ihu *got, const struct tlv_ihu *expected)
{
	assert_int_equal(got->encoding, expected->encoding);
	assert_int_equal(got->rx_cost, expected->rx_cost);
	assert_int_equal(got->interval_cs, expected->interval_cs);
	assert_memory_equal(&got->address, &expected->address, sizeof(got->address));
}

static void assert_update(const struct tlv_update *got, const struct tlv_update *expected)
{
	assert_int_equal(got->flags, expected->flags);
	assert_int_equal(got->interval_cs, expected->interval_cs);
	assert_int_equal(got->seqno, expected->seqno);
	assert_int_equal(got->metric, expected->metric);
	assert_prefix(&got->prefix, expected->prefix);
	assert_memory_equal(&got->router_id, &expected->router_id, ROUTER_ID_SIZE);
}

static void assert_seqno_request(const struct tlv_seqno_request *got, const struct tlv_seqno_request *expected)
{
	assert_int_equal(got->seqno, expected->seqno);
	assert_int_equal(got->hop_count, expected->hop_count);
	assert_prefix(&got->prefix, expected->prefix);
	assert_memory_equal(&got->router_id, &expected->router_id, ROUTER_ID_SIZE);
}

static void assert_tlv(const struct tlv *got, const struct tlv *expected)
{
	assert_int_equal(got->type, expected->type);
	switch (got->type) {
	case TLV_HELLO:
		assert_hello(&got->hello, &expected->hello);
		break;
	case TLV_IHU:
		assert_ihu(&got->ihu, &expected->ihu);
		break;
	case TLV_UPDATE:
		assert_update(&got->update, &expected->update);
		break;
	case TLV_ROUTE_REQUEST:
		assert_int_equal(got->route_request.generation, expected->route_request.generation);
		assert_prefix(&got->route_request.prefix, expected->route_request.prefix);
		break;
	case TLV_SEQNO_REQUEST:
		assert_seqno_request(&got->seqno_request, &expected->seqno_request);
		break;
	}
}

static void check_control(const json_t *vector, const json_t *fields, struct blob bytes)
{
	struct tlv expected = tlv_of(fields), got;
	struct frame frame;
	assert_int_equal(frame_decode(bytes.bytes, bytes.len, &frame), FRAME_OK);
	assert_int_equal(frame.len, bytes.len);
	struct reader body = frame_control_body(&frame);
	assert_true(tlv_next(&body, &got));
	assert_tlv(&got, &expected);
	assert_false(tlv_next(&body, &got));

	char kinds[32];
	snprintf(kinds, sizeof(kinds), "%s ", text_of(fields, "tlv"));
	assert_stream(bytes, kinds, FRAME_INCOMPLETE, 0);

	uint8_t out[TLV_FRAME_SIZE_MAX];
	size_t len = tlv_write_frame(&expected, out);
	if (!decode_only(vector))
		assert_bytes(out, len, bytes);
	else if (!has(fields, "flags_on_wire"))
		assert_int_equal(len, 0);
}

/* ---- data ---- */

/* The plaintext of a sealed vector: the one it names, or the one with the same name. NULL when there is no key. */
static const json_t *plaintext_vector(const json_t *vector, const json_t *fields)
{
	char name[128];
	if (!has(fields, "key"))
		return NULL;
	if (has(fields, "contains"))
		return vector_of(text_of(fields, "contains"));
	const char *text = text_of(vector, "name");
	snprintf(name, sizeof(name), "%.*s_plaintext", (int)(strlen(text) - strlen("_data")), text);
	return vector_of(name);
}

static void check_sealed(const json_t *fields, const json_t *plain_vector, const struct frame *frame, struct blob bytes)
{
	struct ip6 source = ip6_of(fields, "src"), destination = ip6_of(fields, "dst");
	struct blob plaintext = hex_of(plain_vector, "hex");
	struct aead_key *key = key_of_hex(text_of(fields, "key"));
	uint8_t nonce[AEAD_NONCE_SIZE];
	hex_into(fields, "nonce", nonce, sizeof(nonce));

	size_t body_len;
	uint8_t *body = frame_body(frame, &body_len);
	assert_opens((struct blob){body, body_len}, key, plaintext);
	struct blob sealed =
		seal_frame(plaintext, &source, &destination, (uint8_t)number_of(fields, "hop_limit"), key, nonce);
	assert_bytes(sealed.bytes, sealed.len, bytes);
	blob_free(sealed);
	blob_free(plaintext);
	aead_key_free(key);
}

static void check_data_header(const json_t *fields, const struct frame *frame)
{
	struct ip6 source = ip6_of(fields, "src"), destination = ip6_of(fields, "dst");
	struct ip6 got_source = frame_source(frame), got_destination = frame_destination(frame);
	size_t body_len;
	assert_int_equal(frame->type, FRAME_DATA);
	assert_int_equal(frame_hop_limit(frame), number_of(fields, "hop_limit"));
	assert_memory_equal(&got_source, &source, sizeof(source));
	assert_memory_equal(&got_destination, &destination, sizeof(destination));
	assert_ptr_equal(frame_body(frame, &body_len), &frame->bytes[40]);
	assert_int_equal(body_len, number_of(fields, "body_len"));
}

static void check_written_header(const json_t *fields, struct blob bytes)
{
	struct ip6 source = ip6_of(fields, "src"), destination = ip6_of(fields, "dst");
	uint8_t header[DATA_FRAME_HEADER_SIZE];
	frame_write_data_header(header, &source, &destination, (uint8_t)number_of(fields, "hop_limit"),
				(uint16_t)number_of(fields, "body_len"));
	assert_memory_equal(header, bytes.bytes, sizeof(header));
}

static void check_data(const json_t *vector, const json_t *fields, struct blob bytes)
{
	struct frame frame;
	size_t body_len;
	assert_int_equal(frame_decode(bytes.bytes, bytes.len, &frame), FRAME_OK);
	assert_int_equal(frame.len, bytes.len);
	check_data_header(fields, &frame);
	assert_stream(bytes, "data ", FRAME_INCOMPLETE, 0);
	if (!decode_only(vector))
		check_written_header(fields, bytes);

	uint8_t *body = frame_body(&frame, &body_len);
	const json_t *plain_vector = plaintext_vector(vector, fields);
	if (plain_vector != NULL)
		check_sealed(fields, plain_vector, &frame, bytes);
	else if (has(fields, "body"))
		assert_hex(body, body_len, text_of(fields, "body"));
	else if (body_len > 0)
		assert_hex(body, body_len, text_of(vector_of("l3_sealed"), "hex"));
}

static void check_data_header_only(const json_t *vector, const json_t *fields, struct blob bytes)
{
	(void)vector;
	uint8_t *whole = calloc(1, FRAME_SIZE_MAX);
	struct frame frame;
	memcpy(whole, bytes.bytes, bytes.len);
	assert_int_equal(frame_decode(whole, FRAME_SIZE_MAX - 1, &frame), FRAME_INCOMPLETE);
	assert_int_equal(frame_decode(whole, FRAME_SIZE_MAX, &frame), FRAME_OK);
	check_data_header(fields, &frame);
	check_written_header(fields, bytes);
	free(whole);
}

/* ---- user data ---- */

static void assert_message_fields(const json_t *fields, const struct message_packet *packet)
{
	uint64_t flags = number_of(fields, "flags");
	assert_hex(packet->id, sizeof(packet->id), text_of(fields, "message_id"));
	assert_int_equal(packet->is_ack, (flags & 0x0100) != 0);
	switch (packet->kind) {
	case MESSAGE_INIT:
		assert_true(flags & 0x8000);
		assert_int_equal(packet->init.is_reply, (flags & 0x0400) != 0);
		assert_int_equal(packet->init.length, number_of(fields, "length"));
		if (packet->is_ack) {
			assert_int_equal(packet->init.topic_len, number_of(fields, "topic_len"));
			assert_null(packet->init.topic);
		} else {
			const char *topic = text_of(fields, "topic");
			assert_int_equal(packet->init.topic_len, strlen(topic));
			assert_memory_equal(packet->init.topic, topic, strlen(topic));
		}
		break;
	case MESSAGE_CHUNK:
		assert_true(flags & 0x1000);
		assert_int_equal(packet->chunk.index, number_of(fields, "index"));
		assert_int_equal(packet->chunk.offset, number_of(fields, "offset"));
		assert_int_equal(packet->chunk.size, number_of(fields, "size"));
		break;
	case MESSAGE_DONE:
		assert_true(flags & 0x4000);
		assert_int_equal(packet->done.chunk_count, number_of(fields, "chunk_count"));
		assert_hex(packet->done.checksum, sizeof(packet->done.checksum), text_of(fields, "checksum"));
		break;
	case MESSAGE_READ:
		assert_int_equal(flags, 0x0800);
		break;
	case MESSAGE_ABORT:
		assert_int_equal(flags, 0x2000);
		break;
	}
}

static void assert_chunk_data(const json_t *fields, const struct message_chunk *chunk)
{
	if (strncmp(text_of(fields, "data"), "bytes i & 0xff", 14) != 0) {
		assert_hex(chunk->data, (size_t)chunk->size, text_of(fields, "data"));
		return;
	}
	assert_int_equal(chunk->size, 1300);
	for (size_t i = 0; i < chunk->size; i++)
		assert_int_equal(chunk->data[i], i & 0xff);
}

static void check_message(const json_t *fields, const uint8_t *payload, size_t len)
{
	struct message_packet packet;
	uint8_t out[MESSAGE_PACKET_SIZE_MAX];
	assert_int_equal(message_decode(payload, len, &packet), 0);
	assert_message_fields(fields, &packet);
	if (packet.kind == MESSAGE_CHUNK && !packet.is_ack)
		assert_chunk_data(fields, &packet.chunk);
	assert_int_equal(message_encode(&packet, out, NULL), len);
	assert_memory_equal(out, payload, len);
}

/* The reporter is c, the originator a, the dropped packet the one of the L3 vectors or one too large to quote. */
static void check_oob(const json_t *fields, uint8_t *payload, size_t len)
{
	struct ip6 original = ip6_of(fields, "original_dst"), reporter = ip6_of_text("439:d043:492b:1897::");
	struct ip6 originator = ip6_of_text("430:9364:d8d8:84a9:dd60:de78:c767:d361");
	struct blob inner = hex_of(fields, "ipv6_icmp");
	assert_bytes(&payload[16], len - 16, inner);

	struct oob_report report;
	assert_int_equal(oob_read(payload, len, &reporter, &originator, &report), 0);
	assert_memory_equal(&report.original_destination, &original, sizeof(original));
	assert_int_equal(report.error.type, number_of(fields, "icmp_type"));
	assert_int_equal(report.error.code, number_of(fields, "icmp_code"));
	assert_int_equal(report.error.word, 0);
	assert_ptr_equal(report.quote, &payload[64]);
	assert_int_equal(report.quote_len, len - 64);

	uint8_t out[OOB_PAYLOAD_MAX], large[1233] = {0};
	struct icmp6_error error = {.type = (uint8_t)number_of(fields, "icmp_type")};
	size_t written =
		report.quote_len > 0
			? oob_write(out, &original, &reporter, &originator, &error, report.quote, report.quote_len)
			: oob_write(out, &original, &reporter, &originator, &error, large, sizeof(large));
	assert_bytes(out, written, (struct blob){payload, len});
	blob_free(inner);
}

static void check_user_data(const json_t *vector, const json_t *fields, struct blob bytes)
{
	(void)vector;
	uint8_t *payload = &bytes.bytes[USER_HEADER_SIZE];
	size_t len = bytes.len - USER_HEADER_SIZE;
	assert_int_equal(bytes.bytes[0], USER_VERSION);
	if (bytes.bytes[1] == USER_L3) {
		assert_hex(payload, len, text_of(fields, "ipv6_packet"));
		assert_true(ip6_packet_complete(payload, len));
	} else if (bytes.bytes[1] == USER_MESSAGE) {
		check_message(fields, payload, len);
	} else {
		assert_int_equal(bytes.bytes[1], USER_OOB_ICMP);
		check_oob(fields, payload, len);
	}
}

static void check_sealed_body(const json_t *vector, const json_t *fields, struct blob bytes)
{
	(void)vector;
	static const struct ip6 nowhere;
	struct blob plaintext = hex_of(fields, "plaintext");
	struct aead_key *key = key_of_hex(text_of(fields, "key"));
	uint8_t nonce[AEAD_NONCE_SIZE];
	hex_into(fields, "nonce", nonce, sizeof(nonce));
	assert_opens(bytes, key, plaintext);
	struct blob sealed = seal_frame(plaintext, &nowhere, &nowhere, 1, key, nonce);
	assert_bytes(&sealed.bytes[40], sealed.len - 40, bytes);
	blob_free(sealed);
	blob_free(plaintext);
	aead_key_free(key);
}

/* ---- what reaches the host, and the beacon ---- */

static void check_l3_delivered(const json_t *fields, struct blob bytes)
{
	struct blob packet = hex_of(vector_of("l3_plaintext"), "hex");
	packet.bytes[USER_HEADER_SIZE + 7] = (uint8_t)number_of(fields, "hop_limit");
	assert_bytes(bytes.bytes, bytes.len,
		     (struct blob){&packet.bytes[USER_HEADER_SIZE], packet.len - USER_HEADER_SIZE});
	assert_int_equal(ip6_packet_hop_limit(bytes.bytes), number_of(fields, "hop_limit"));
	blob_free(packet);
}

static void check_oob_delivered(const json_t *fields, struct blob bytes)
{
	struct ip6 source = ip6_of(fields, "src"), destination = ip6_of(fields, "dst");
	struct blob report_bytes = hex_of(vector_of("oob_time_exceeded_plaintext"), "hex");
	struct aead_key *key = key_of_hex(text_of(json_object_get(root, "shared_secrets"), "ab"));
	struct oob_report report;
	enum user_type type;
	uint8_t *quoted, out[ICMP6_ERROR_SIZE_MAX];
	size_t quoted_len;
	assert_int_equal(oob_read(&report_bytes.bytes[USER_HEADER_SIZE], report_bytes.len - USER_HEADER_SIZE, &source,
				  &destination, &report),
			 0);
	assert_int_equal(sealed_open(report.quote, report.quote_len, key, &type, &quoted, &quoted_len), 0);
	assert_int_equal(type, USER_L3);
	size_t len = icmp6_write_error(out, &source, &destination, (uint8_t)number_of(fields, "hop_limit"),
				       &report.error, quoted, quoted_len);
	assert_bytes(out, len, bytes);
	aead_key_free(key);
	blob_free(report_bytes);
}

static void check_ipv6(const json_t *vector, const json_t *fields, struct blob bytes)
{
	assert_true(ip6_packet_complete(bytes.bytes, bytes.len));
	if (strcmp(text_of(vector, "name"), "l3_delivered") == 0)
		check_l3_delivered(fields, bytes);
	else
		check_oob_delivered(fields, bytes);
}

static void check_discovery(const json_t *vector, const json_t *fields, struct blob bytes)
{
	(void)vector;
	static const struct router_id other;
	struct ip6 sender = ip6_of_text("fe80::1");
	struct beacon beacon;
	uint8_t out[BEACON_SIZE];
	assert_int_equal(beacon_read(bytes.bytes, bytes.len, &sender, &other, &beacon), 0);
	assert_int_equal(beacon.tcp_port, number_of(fields, "tcp_port"));
	assert_hex(&beacon.router_id, ROUTER_ID_SIZE, text_of(fields, "router_id"));
	beacon_write(&beacon, out);
	assert_bytes(out, sizeof(out), bytes);
}

static const struct {
	const char *layer;
	void (*check)(const json_t *vector, const json_t *fields, struct blob bytes);
	unsigned expected;
} layers[] = {
	{"control", check_control, 25},
	{"data", check_data, 20},
	{"data_header_only", check_data_header_only, 1},
	{"user_data_plaintext", check_user_data, 16},
	{"sealed_body", check_sealed_body, 1},
	{"ipv6", check_ipv6, 2},
	{"discovery", check_discovery, 1},
};

enum { LAYERS = sizeof(layers) / sizeof(layers[0]) };

static void test_every_vector(void **state)
{
	(void)state;
	unsigned counts[LAYERS] = {0}, checked = 0;
	size_t i;
	json_t *vector;
	json_array_foreach (json_object_get(root, "vectors"), i, vector) {
		struct blob bytes = hex_of(vector, "hex");
		assert_int_equal(bytes.len, number_of(vector, "len"));
		for (unsigned layer = 0; layer < LAYERS; layer++) {
			if (strcmp(layers[layer].layer, text_of(vector, "layer")) != 0)
				continue;
			layers[layer].check(vector, json_object_get(vector, "fields"), bytes);
			counts[layer]++;
			checked++;
		}
		blob_free(bytes);
	}
	assert_int_equal(checked, json_array_size(json_object_get(root, "vectors")));
	for (unsigned layer = 0; layer < LAYERS; layer++)
		assert_int_equal(counts[layer], layers[layer].expected);
}

static int set_up(void **state)
{
	(void)state;
	root = vectors_load("packets.json");
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
		cmocka_unit_test(test_every_vector),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
