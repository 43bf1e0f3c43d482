// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "stream.h"

static const char hello_hex[] = "010100002a03000804068000000007d0";

static void join_kinds(const json_t *vector, char *kinds, size_t size)
{
	size_t i;
	json_t *kind;
	kinds[0] = '\0';
	json_array_foreach (json_object_get(vector, "expect_packets"), i, kind) {
		size_t at = strlen(kinds);
		snprintf(&kinds[at], size - at, "%s ", json_string_value(kind));
	}
}

/* What completes the packet that a vector of an early end of stream has begun, and the packet's kind. */
static const struct {
	const char *name, *rest_hex, *kind;
	size_t left;
} unfinished[] = {
	{"eof_exactly_after_outer_header", "2a03000804068000000007d0", "hello", 4},
	{"eof_mid_data_header", "004004309364d8d884a9dd60de78c767d36104375106553015897c53fa73c63e1ddb", "data", 6},
	{"eof_after_data_fixed_header", "aabbcc", "data", 40},
};

static void check_unfinished(const char *name, struct blob bytes)
{
	for (size_t i = 0; i < sizeof(unfinished) / sizeof(unfinished[0]); i++) {
		if (strcmp(unfinished[i].name, name) != 0)
			continue;
		assert_stream(bytes, "", FRAME_INCOMPLETE, unfinished[i].left);
		struct blob whole = blob_join(blob_new(bytes.bytes, bytes.len), blob_of_hex(unfinished[i].rest_hex));
		whole = blob_join(whole, blob_of_hex(hello_hex));
		char kinds[64];
		snprintf(kinds, sizeof(kinds), "%s hello ", unfinished[i].kind);
		assert_stream(whole, kinds, FRAME_INCOMPLETE, 0);
		blob_free(whole);
		return;
	}
	fail_msg("%s: what completes it is not known", name);
}

static void check_decoder_vector(const json_t *vector)
{
	char kinds[256], followed[264];
	struct blob bytes = hex_of(vector, "hex");
	struct blob and_hello = blob_join(hex_of(vector, "hex"), blob_of_hex(hello_hex));
	const char *end = text_of(vector, "expect_end");
	join_kinds(vector, kinds, sizeof(kinds));
	snprintf(followed, sizeof(followed), "%shello ", kinds);

	if (strcmp(end, "open") == 0) {
		assert_stream(bytes, kinds, FRAME_INCOMPLETE, 0);
		assert_stream(and_hello, followed, FRAME_INCOMPLETE, 0);
	} else if (strcmp(end, "incomplete") == 0) {
		assert_string_equal(kinds, "");
		check_unfinished(text_of(vector, "name"), bytes);
	} else {
		struct stream stream = stream_of(and_hello, and_hello.len, 1);
		assert_true(stream_closed(&stream));
		assert_memory_equal(end, "close: ", 7);
		assert_string_equal(frame_result_text(stream.result), &end[7]);
		assert_stream(and_hello, kinds, stream.result, 0);
		blob_free(stream.buffer);
	}
	blob_free(bytes);
	blob_free(and_hello);
}

static void test_decoder_vectors(void **state)
{
	(void)state;
	json_t *root = vectors_load("packets.json"), *vector;
	size_t i;
	assert_int_equal(json_array_size(json_object_get(root, "decoder")), 27);
	json_array_foreach (json_object_get(root, "decoder"), i, vector)
		check_decoder_vector(vector);
	json_decref(root);
}

static void test_end_of_stream_text(void **state)
{
	(void)state;
	assert_string_equal(frame_result_text(FRAME_INCOMPLETE), "bytes remaining on stream");
}

/* Bytes 2, 3 and 4 mean nothing; version and type are looked at before the length. */
static void test_header_fields(void **state)
{
	(void)state;
	struct blob bytes = blob_of_hex("0100aabbcc00041104309364d8d884a9dd60de78c767d361"
					"04375106553015897c53fa73c63e1ddbdeadbeefff");
	struct ip6 source = ip6_of_text("430:9364:d8d8:84a9:dd60:de78:c767:d361");
	struct ip6 destination = ip6_of_text("437:5106:5530:1589:7c53:fa73:c63e:1ddb");
	struct frame frame;
	assert_int_equal(frame_decode(bytes.bytes, bytes.len, &frame), FRAME_OK);
	assert_int_equal(frame.type, FRAME_DATA);
	assert_int_equal(frame.len, 44);
	assert_ptr_equal(frame.bytes, bytes.bytes);
	struct ip6 got = frame_source(&frame);
	assert_memory_equal(&got, &source, sizeof(got));
	got = frame_destination(&frame);
	assert_memory_equal(&got, &destination, sizeof(got));
	assert_int_equal(frame_hop_limit(&frame), 17);
	size_t body_len;
	uint8_t *body = frame_body(&frame, &body_len);
	assert_hex(body, body_len, "deadbeef");

	frame_set_hop_limit(&frame, 16);
	assert_hex(bytes.bytes, bytes.len,
		   "0100aabbcc00041004309364d8d884a9dd60de78c767d361"
		   "04375106553015897c53fa73c63e1ddbdeadbeefff");
	blob_free(bytes);
}

static void test_largest_data_frame(void **state)
{
	(void)state;
	uint8_t *bytes = calloc(1, FRAME_SIZE_MAX);
	struct ip6 source = ip6_of_text("430::1"), destination = ip6_of_text("437::2");
	struct frame frame;
	size_t body_len;
	frame_write_data_header(bytes, &source, &destination, 255, 65535);
	assert_int_equal(frame_decode(bytes, FRAME_SIZE_MAX - 1, &frame), FRAME_INCOMPLETE);
	assert_int_equal(frame_decode(bytes, FRAME_SIZE_MAX, &frame), FRAME_OK);
	assert_int_equal(frame.len, 65575);
	assert_ptr_equal(frame_body(&frame, &body_len), &bytes[40]);
	assert_int_equal(body_len, 65535);
	free(bytes);
}

/* A control frame with wrong magic may be as long as any; it is skipped as a whole. */
static void test_largest_skipped_frame(void **state)
{
	(void)state;
	size_t len = CONTROL_FRAME_HEADER_SIZE + 65535;
	uint8_t *bytes = calloc(1, len);
	memcpy(bytes, (const uint8_t[]){1, 1, 0, 0, 0x2b, 3, 0xff, 0xff}, CONTROL_FRAME_HEADER_SIZE);
	struct frame frame;
	assert_int_equal(frame_decode(bytes, len - 1, &frame), FRAME_INCOMPLETE);
	assert_int_equal(frame_decode(bytes, len, &frame), FRAME_SKIPPED);
	assert_int_equal(frame.len, len);
	free(bytes);
}

/* Half of the inputs begin like a frame, so that the decoder gets beyond the first two bytes. */
static void test_random_bytes(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(1);
	for (unsigned round = 0; round < 3000; round++) {
		uint8_t bytes[200];
		size_t len = (size_t)rng_below(&rng, sizeof(bytes));
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)rng_next(&rng);
		if (round % 2 == 0)
			memcpy(bytes, (const uint8_t[]){1, 1, 0, 0, 0x2a, 3, 0, (uint8_t)round}, 8);
		struct blob blob = blob_new(bytes, len);
		struct stream stream = stream_of(blob, len, 1);
		assert_true(stream.buffer.len <= len);
		blob_free(stream.buffer);
		blob_free(blob);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decoder_vectors),
		cmocka_unit_test(test_end_of_stream_text),
		cmocka_unit_test(test_header_fields),
		cmocka_unit_test(test_largest_data_frame),
		cmocka_unit_test(test_largest_skipped_frame),
		cmocka_unit_test(test_random_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
