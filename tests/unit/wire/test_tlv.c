// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "vectors.h"

static const char router_id_hex[] = "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f0000a1a2a3a4a5a6";

/* A control body in the making. */
struct body {
	uint8_t bytes[512];
	size_t len;
};

static void body_add(struct body *body, const char *hex)
{
	struct blob blob = blob_of_hex(hex);
	assert_true(body->len + blob.len <= sizeof(body->bytes));
	memcpy(&body->bytes[body->len], blob.bytes, blob.len);
	body->len += blob.len;
	blob_free(blob);
}

/* Adds a TLV whose payload is three pieces of hex text. */
static void body_add_tlv(struct body *body, enum tlv_type type, const char *a, const char *b, const char *c)
{
	char header[32];
	snprintf(header, sizeof(header), "%02x%02zx", (unsigned)type, (strlen(a) + strlen(b) + strlen(c)) / 2);
	body_add(body, header);
	body_add(body, a);
	body_add(body, b);
	body_add(body, c);
}

/* The first TLV of a body, read from exactly allocated bytes that are followed by a Hello, which must come out too. */
static bool first_tlv(const struct body *body, struct tlv *ret)
{
	struct blob bytes = blob_join(blob_new(body->bytes, body->len), blob_of_hex("04068000123407d0"));
	struct reader r = reader_init(bytes.bytes, bytes.len);
	struct tlv tlv, last;
	assert_true(tlv_next(&r, &tlv));
	bool found = reader_left(&r) > 0;
	last = tlv;
	if (found) {
		*ret = tlv;
		assert_true(tlv_next(&r, &last));
	}
	assert_int_equal(last.type, TLV_HELLO);
	assert_int_equal(last.hello.seqno, 0x1234);
	assert_false(tlv_next(&r, &tlv));
	blob_free(bytes);
	return found;
}

static bool read_one(enum tlv_type type, const char *a, const char *b, const char *c, struct tlv *ret)
{
	struct body body = {0};
	body_add_tlv(&body, type, a, b, c);
	return first_tlv(&body, ret);
}

static void test_hello_flags(void **state)
{
	(void)state;
	struct tlv tlv;
	assert_true(read_one(TLV_HELLO, "8900", "0007", "07d0", &tlv));
	assert_int_equal(tlv.hello.flags, 0x8000);
	assert_int_equal(tlv.hello.seqno, 7);
	assert_int_equal(tlv.hello.interval_cs, 2000);
	assert_true(read_one(TLV_HELLO, "0900", "0000", "0000", &tlv));
	assert_int_equal(tlv.hello.flags, 0);
}

static void test_ihu_encodings(void **state)
{
	(void)state;
	static const struct {
		const char *encoding, *address_on_wire, *address;
	} rows[] = {
		{"00ff", "", "::"},
		{"0100", "c0000201", "c000:201::"},
		{"0200", "20010db8000000000000000000000001", "2001:db8::1"},
		{"0300", "0708090a0b0c0d0e", "fe80::708:90a:b0c:d0e"},
	};
	struct tlv tlv;
	for (uint8_t i = 0; i < 4; i++) {
		struct ip6 address = ip6_of_text(rows[i].address);
		assert_true(read_one(TLV_IHU, rows[i].encoding, "03f21770", rows[i].address_on_wire, &tlv));
		assert_int_equal(tlv.ihu.encoding, i);
		assert_int_equal(tlv.ihu.rx_cost, 1010);
		assert_int_equal(tlv.ihu.interval_cs, 6000);
		assert_memory_equal(&tlv.ihu.address, &address, sizeof(address));
	}
	assert_false(read_one(TLV_IHU, "0400", "03f21770", "", &tlv));
	assert_false(read_one(TLV_IHU, "0200", "03f21770", "20010db80000000000000000000000", &tlv));
}

/* One prefix in each of the three TLVs that carry one. */
struct prefix_case {
	const char *encoding;
	unsigned len;
	const char *bytes;
	const char *expected; /* NULL: the TLV is dropped */
};

static void check_prefix(const struct prefix_case *row, const struct tlv_prefix *prefix)
{
	struct subnet expected = subnet_of_text(row->expected);
	assert_int_equal(prefix->encoding, row->encoding[1] - '0');
	assert_int_equal(prefix->subnet.len, expected.len);
	assert_memory_equal(&prefix->subnet.addr, &expected.addr, sizeof(expected.addr));
}

static void check_prefix_case(const struct prefix_case *row)
{
	char head[64], tail[256];
	struct tlv tlv;
	snprintf(head, sizeof(head), "%s00%02x00", row->encoding, row->len);
	snprintf(tail, sizeof(tail), "%s%s", row->bytes, router_id_hex);
	assert_int_equal(read_one(TLV_UPDATE, head, "753000010005", tail, &tlv), row->expected != NULL);
	if (row->expected != NULL) {
		check_prefix(row, &tlv.update.prefix);
		assert_hex(&tlv.update.router_id, sizeof(tlv.update.router_id), router_id_hex);
	}

	snprintf(head, sizeof(head), "03%s%02x", row->encoding, row->len);
	bool ignored_len = strcmp(row->encoding, "00") == 0;
	assert_int_equal(read_one(TLV_ROUTE_REQUEST, head, row->bytes, "", &tlv), row->expected != NULL || ignored_len);
	if (row->expected != NULL)
		check_prefix(row, &tlv.route_request.prefix);

	snprintf(head, sizeof(head), "%s%02x00084000", row->encoding, row->len);
	assert_int_equal(read_one(TLV_SEQNO_REQUEST, head, router_id_hex, row->bytes, &tlv), row->expected != NULL);
	if (row->expected != NULL) {
		check_prefix(row, &tlv.seqno_request.prefix);
		assert_hex(&tlv.seqno_request.router_id, sizeof(tlv.seqno_request.router_id), router_id_hex);
	}
}

static void test_prefixes(void **state)
{
	(void)state;
	static const struct prefix_case rows[] = {
		{"00", 0, "", "::/0"},
		{"00", 1, "", NULL},
		{"00", 64, "", NULL},
		{"01", 0, "", "0.0.0.0/0"},
		{"01", 23, "0a65ff", "10.101.254.0/23"},
		{"01", 24, "0a65ff", "10.101.255.0/24"},
		{"01", 32, "0a65ffff", "10.101.255.255/32"},
		{"01", 33, "0a65ffffff", NULL},
		{"02", 0, "", "::/0"},
		{"02", 1, "ff", "8000::/1"},
		{"02", 7, "05", "400::/7"},
		{"02", 8, "05", "500::/8"},
		{"02", 9, "05ff", "580::/9"},
		{"02", 63, "04309364d8d884a9", "430:9364:d8d8:84a8::/63"},
		{"02", 64, "04309364d8d884a9", "430:9364:d8d8:84a9::/64"},
		{"02", 65, "04309364d8d884a9ff", "430:9364:d8d8:84a9:8000::/65"},
		{"02", 127, "04309364d8d884a9dd60de78c767d361", "430:9364:d8d8:84a9:dd60:de78:c767:d360/127"},
		{"02", 128, "04309364d8d884a9dd60de78c767d361", "430:9364:d8d8:84a9:dd60:de78:c767:d361/128"},
		{"02", 129, "04309364d8d884a9dd60de78c767d36100", NULL},
		{"03", 64, "000a0014001e0028", "fe80::a:14:1e:28/64"},
		{"03", 63, "000a0014001e0028", NULL},
		{"03", 0, "", NULL},
		{"04", 64, "04309364d8d884a9", NULL},
		{"ff", 0, "", NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_prefix_case(&rows[i]);
}

static void test_wildcard_route_request(void **state)
{
	(void)state;
	struct tlv tlv;
	assert_true(read_one(TLV_ROUTE_REQUEST, "05", "00", "40", &tlv));
	assert_int_equal(tlv.route_request.generation, 5);
	assert_int_equal(tlv.route_request.prefix.encoding, AE_WILDCARD);
	assert_int_equal(tlv.route_request.prefix.subnet.len, 0);
	assert_true(read_one(TLV_ROUTE_REQUEST, "ff", "02", "00", &tlv));
	assert_int_equal(tlv.route_request.generation, 255);
	assert_int_equal(tlv.route_request.prefix.encoding, AE_IPV6);
}

static void test_hop_count(void **state)
{
	(void)state;
	struct tlv tlv;
	assert_false(read_one(TLV_SEQNO_REQUEST, "024000080000", router_id_hex, "0437510655301589", &tlv));
	assert_true(read_one(TLV_SEQNO_REQUEST, "0240000801ff", router_id_hex, "0437510655301589", &tlv));
	assert_int_equal(tlv.seqno_request.hop_count, 1);
	assert_int_equal(tlv.seqno_request.seqno, 8);
}

/* Each TLV cut short by any number of bytes is dropped, and with bytes behind its fields it is read all the same. */
static void test_lengths(void **state)
{
	(void)state;
	static const char *const payloads[] = {
		[TLV_HELLO] = "8000000007d0",
		[TLV_IHU] = "0200000a0fa020010db8000000000000000000000001",
		[TLV_UPDATE] = "02004000753000010005"
			       "0430000000000001"
			       "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f0000a1a2a3a4a5a6",
		[TLV_ROUTE_REQUEST] = "0002400430000000000001",
		[TLV_SEQNO_REQUEST] = "024000084000"
				      "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f0000a1a2a3a4a5a6"
				      "0430000000000001",
	};
	for (unsigned type = 0; type < sizeof(payloads) / sizeof(payloads[0]); type++) {
		if (payloads[type] == NULL)
			continue;
		struct tlv tlv;
		char cut[256];
		snprintf(cut, sizeof(cut), "%s", payloads[type]);
		assert_true(read_one((enum tlv_type)type, cut, "", "", &tlv));
		assert_int_equal(tlv.type, type);
		assert_true(read_one((enum tlv_type)type, cut, "0302", "0000", &tlv));
		assert_int_equal(tlv.type, type);
		while (cut[0] != '\0') {
			cut[strlen(cut) - 2] = '\0';
			assert_false(read_one((enum tlv_type)type, cut, "", "", &tlv));
		}
	}
}

static void test_walking_a_body(void **state)
{
	(void)state;
	struct body body = {0};
	struct tlv tlv;
	body_add(&body, "000102ffff006305000000000000");
	assert_false(first_tlv(&body, &tlv));
	body_add(&body, "0506000003f21770");
	assert_true(first_tlv(&body, &tlv));
	assert_int_equal(tlv.type, TLV_IHU);
}

/* A TLV that claims more than the body has ends the walk, whatever its type. */
static void test_overlong_tlv(void **state)
{
	(void)state;
	static const char *const bodies[] = {"04", "0407800000000000", "6301006302ff", "00000009", "0aff00"};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct blob bytes = blob_of_hex(bodies[i]);
		struct reader r = reader_init(bytes.bytes, bytes.len);
		struct tlv tlv;
		memset(&tlv, 0x5a, sizeof(tlv));
		assert_false(tlv_next(&r, &tlv));
		assert_int_equal(tlv.type, 0x5a5a5a5a);
		assert_false(tlv_next(&r, &tlv));
		blob_free(bytes);
	}
}

static struct tlv update_of(const char *prefix, uint8_t encoding)
{
	return (struct tlv){
		.type = TLV_UPDATE,
		.update = {.interval_cs = 30000,
			   .metric = 5,
			   .prefix = {.encoding = encoding, .subnet = subnet_of_text(prefix)}},
	};
}

/* Whatever is in memory, no bit behind the prefix length is sent. */
static void test_no_stray_bits_sent(void **state)
{
	(void)state;
	uint8_t out[TLV_FRAME_SIZE_MAX];
	for (unsigned len = 0; len <= 128; len++) {
		char text[64];
		snprintf(text, sizeof(text), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/%u", len);
		struct tlv tlv = update_of(text, AE_IPV6);
		size_t bytes = (len + 7) / 8;
		assert_int_equal(tlv_write_frame(&tlv, out), 60 + bytes);
		unsigned ones = 0;
		for (size_t i = 0; i < bytes; i++)
			ones += (unsigned)__builtin_popcount(out[20 + i]);
		assert_int_equal(ones, len);
	}
	struct tlv tlv = {.type = TLV_ROUTE_REQUEST,
			  .route_request.prefix = {.encoding = AE_IPV6, .subnet = subnet_of_text("43f:ffff::/11")}};
	assert_hex(out, tlv_write_frame(&tlv, out),
		   "010100002a030007"
		   "0905"
		   "00020b0420");
}

static void test_refused_prefixes(void **state)
{
	(void)state;
	static const struct {
		uint8_t encoding, len;
		bool update, route_request, seqno_request;
	} rows[] = {
		{AE_WILDCARD, 0, false, true, false},
		{AE_IPV4, 24, true, false, false},
		{AE_IPV4, 33, false, false, false},
		{AE_IPV6, 128, true, true, true},
		{AE_IPV6, 129, false, false, false},
		{AE_IPV6, 255, false, false, false},
		{AE_LINK_LOCAL, 64, false, false, false},
		{4, 64, false, false, false},
		{255, 0, false, false, false},
	};
	uint8_t out[TLV_FRAME_SIZE_MAX];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tlv_prefix prefix = {.encoding = rows[i].encoding, .subnet.len = rows[i].len};
		struct tlv update = {.type = TLV_UPDATE, .update = {.interval_cs = 1, .prefix = prefix}};
		struct tlv route = {.type = TLV_ROUTE_REQUEST, .route_request.prefix = prefix};
		struct tlv seqno = {.type = TLV_SEQNO_REQUEST, .seqno_request = {.hop_count = 1, .prefix = prefix}};
		assert_int_equal(tlv_write_frame(&update, out) > 0, rows[i].update);
		assert_int_equal(tlv_write_frame(&route, out) > 0, rows[i].route_request);
		assert_int_equal(tlv_write_frame(&seqno, out) > 0, rows[i].seqno_request);
	}
}

static void test_refused_values(void **state)
{
	(void)state;
	uint8_t out[TLV_FRAME_SIZE_MAX];
	struct tlv seqno = {.type = TLV_SEQNO_REQUEST,
			    .seqno_request.prefix = {.encoding = AE_IPV6, .subnet = subnet_of_text("437::/64")}};
	assert_int_equal(tlv_write_frame(&seqno, out), 0);
	seqno.seqno_request.hop_count = 1;
	assert_int_equal(tlv_write_frame(&seqno, out), 64);

	struct tlv update = update_of("430::/64", AE_IPV6);
	update.update.interval_cs = 0;
	assert_int_equal(tlv_write_frame(&update, out), 0);
	update.update.metric = METRIC_INFINITE;
	assert_int_equal(tlv_write_frame(&update, out), 68);

	struct tlv ihu = {.type = TLV_IHU, .ihu = {.rx_cost = 10}};
	assert_int_equal(tlv_write_frame(&ihu, out), 0);
	ihu.ihu.interval_cs = 6000;
	assert_int_equal(tlv_write_frame(&ihu, out), 16);
	ihu.ihu.encoding = AE_LINK_LOCAL;
	assert_int_equal(tlv_write_frame(&ihu, out), 0);
}

static void test_undefined_flags_not_sent(void **state)
{
	(void)state;
	uint8_t out[TLV_FRAME_SIZE_MAX];
	struct tlv hello = {.type = TLV_HELLO, .hello = {.flags = 0xffff, .seqno = 1, .interval_cs = 2000}};
	assert_hex(out, tlv_write_frame(&hello, out), "010100002a03000804068000000107d0");
	struct tlv update = update_of("430::/64", AE_IPV6);
	update.update.flags = 0xff;
	assert_int_equal(tlv_write_frame(&update, out), 68);
	assert_int_equal(out[11], 0xc0);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(tlv_name(TLV_HELLO), "hello");
	assert_string_equal(tlv_name(TLV_IHU), "ihu");
	assert_string_equal(tlv_name(TLV_UPDATE), "update");
	assert_string_equal(tlv_name(TLV_ROUTE_REQUEST), "route_request");
	assert_string_equal(tlv_name(TLV_SEQNO_REQUEST), "seqno_request");
	assert_string_equal(tlv_name((enum tlv_type)6), "unknown");
	assert_string_equal(tlv_name((enum tlv_type)200), "unknown");
}

static const struct tlv_prefix *prefix_in(const struct tlv *tlv)
{
	switch (tlv->type) {
	case TLV_UPDATE:
		return &tlv->update.prefix;
	case TLV_ROUTE_REQUEST:
		return &tlv->route_request.prefix;
	case TLV_SEQNO_REQUEST:
		return &tlv->seqno_request.prefix;
	default:
		return NULL;
	}
}

/* Bodies of one known type and random bytes: what comes out is canonical, and the walk ends. */
static void test_random_bodies(void **state)
{
	(void)state;
	static const uint8_t types[] = {TLV_HELLO, TLV_IHU, TLV_UPDATE, TLV_ROUTE_REQUEST, TLV_SEQNO_REQUEST, 0, 99};
	struct rng rng = rng_seeded(2);
	unsigned found = 0;
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t bytes[160];
		size_t len = (size_t)rng_below(&rng, sizeof(bytes));
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)rng_next(&rng);
		bytes[0] = types[round % sizeof(types)];
		bytes[1] = (uint8_t)rng_below(&rng, len + 2);
		bytes[2] &= 3;
		struct blob body = blob_new(bytes, len);
		struct reader r = reader_init(body.bytes, body.len);
		struct tlv tlv;
		for (; tlv_next(&r, &tlv); found++) {
			const struct tlv_prefix *prefix = prefix_in(&tlv);
			if (prefix == NULL || prefix->encoding == AE_LINK_LOCAL)
				continue;
			for (unsigned bit = prefix->subnet.len; bit < 128; bit++)
				assert_false(prefix->subnet.addr.bytes[bit / 8] >> (7 - bit % 8) & 1);
		}
		assert_int_equal(reader_left(&r), 0);
		blob_free(body);
	}
	assert_true(found > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello_flags),
		cmocka_unit_test(test_ihu_encodings),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_wildcard_route_request),
		cmocka_unit_test(test_hop_count),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_walking_a_body),
		cmocka_unit_test(test_overlong_tlv),
		cmocka_unit_test(test_no_stray_bits_sent),
		cmocka_unit_test(test_refused_prefixes),
		cmocka_unit_test(test_refused_values),
		cmocka_unit_test(test_undefined_flags_not_sent),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_random_bodies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
