// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>

#include "base/ip6.h"
#include "base/random.h"

static struct ip6 parse(const char *text)
{
	struct ip6 addr;
	assert_int_equal(ip6_parse(text, &addr), 0);
	return addr;
}

static struct subnet subnet(const char *text, uint8_t len)
{
	return (struct subnet){.addr = parse(text), .len = len};
}

/* Bit by bit, as the definition says. */
static bool bit(const struct ip6 *addr, unsigned index)
{
	return addr->bytes[index / 8] >> (7 - index % 8) & 1;
}

static bool same_leading_bits(const struct ip6 *a, const struct ip6 *b, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (bit(a, i) != bit(b, i))
			return false;
	return true;
}

/* Random addresses that share long prefixes. */
static struct ip6 close_address(struct rng *rng)
{
	struct ip6 addr = {{0x04}};
	unsigned at = (unsigned)rng_below(rng, 128);
	addr.bytes[at / 8] ^= (uint8_t)(0x80 >> at % 8);
	at = (unsigned)rng_below(rng, 128);
	addr.bytes[at / 8] ^= (uint8_t)(0x80 >> at % 8);
	return addr;
}

static void text_follows_rfc_5952(void **state)
{
	(void)state;
	const char *const texts[] = {
		"::", "::1", "1::", "400::", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1", "2001:db8::1:0:0:1",
		"1:2:3:4:5:6:7:8", "0:2:3:4:5:6:7:0", "1::8", "::ffff:192.0.2.1", "::ffff:0.0.0.0", "fe80::1:0:0:0",
		"548:c783:d7ce:74a3:9ba1:a0cb:ae21:338d", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "1:0:0:2::", "::2:0:0:0",
	};
	char text[IP6_TEXT_SIZE];
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ip6 addr = parse(texts[i]);
		assert_string_equal(ip6_text(&addr, text), texts[i]);
	}
	struct ip6 compatible = parse("::192.0.2.1");
	assert_string_equal(ip6_text(&compatible, text), "::c000:201");
}

static void text_reads_back(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(2);
	char text[IP6_TEXT_SIZE], expected[INET6_ADDRSTRLEN];
	for (int i = 0; i < 10000; i++) {
		struct ip6 addr = {0}, back;
		for (unsigned g = 0; g < 8; g++)
			if (rng_below(&rng, 2) == 0)
				addr.bytes[2 * g + rng_below(&rng, 2)] = (uint8_t)rng_next(&rng);
		assert_int_equal(ip6_parse(ip6_text(&addr, text), &back), 0);
		assert_true(ip6_equal(&addr, &back));
		/* The C library agrees, except where it writes embedded IPv4 addresses. */
		inet_ntop(AF_INET6, addr.bytes, expected, sizeof(expected));
		if (strchr(expected, '.') == NULL)
			assert_string_equal(text, expected);
	}
}

static void bad_text_is_refused(void **state)
{
	(void)state;
	const char *const texts[] = {"", "1", ":", ":::", "1::2::3", "12345::", "[::1]", "fe80::1%eth0", "1.2.3.4", "::1 ", "g::"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ip6 addr = {{7}};
		assert_int_equal(ip6_parse(texts[i], &addr), -EINVAL);
		assert_int_equal(addr.bytes[0], 7);
	}
}

static void overlay_is_400_slash_7(void **state)
{
	(void)state;
	const struct {
		const char *text;
		bool inside;
	} cases[] = {{"400::", true}, {"5ff:ffff::1", true}, {"3ff::", false}, {"600::", false}, {"::", false}, {"2400::", false}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ip6 addr = parse(cases[i].text);
		assert_int_equal(ip6_in_overlay(&addr), cases[i].inside);
	}
}

static void upper_half_is_a_number_and_back(void **state)
{
	(void)state;
	struct ip6 addr = parse("4a1:b2c3:d4e5:f607:1122:3344:5566:7788");
	assert_true(ip6_upper64(&addr) == 0x04a1b2c3d4e5f607);
	struct ip6 network = parse("4a1:b2c3:d4e5:f607::");
	struct ip6 back = ip6_from_upper64(0x04a1b2c3d4e5f607);
	assert_true(ip6_equal(&network, &back));
	struct subnet own = subnet64_of(&addr);
	assert_int_equal(own.len, 64);
	assert_true(ip6_equal(&own.addr, &network));
	char text[SUBNET_TEXT_SIZE];
	assert_string_equal(subnet_text(&own, text), "4a1:b2c3:d4e5:f607::/64");
}

static void canonical_clears_bits_behind_the_length(void **state)
{
	(void)state;
	for (unsigned len = 0; len <= 128; len++) {
		struct subnet s = subnet("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", (uint8_t)len);
		s = subnet_canonical(s);
		assert_int_equal(s.len, len);
		for (unsigned i = 0; i < 128; i++)
			assert_int_equal(bit(&s.addr, i), i < len);
	}
	assert_int_equal(subnet_canonical(subnet("::", 200)).len, 128);
}

static void comparisons_agree_with_bits(void **state)
{
	(void)state;
	struct rng rng = rng_seeded(3);
	unsigned contained = 0, covered = 0, equal = 0;
	for (int i = 0; i < 20000; i++) {
		struct subnet a = {.addr = close_address(&rng), .len = (uint8_t)rng_below(&rng, 129)};
		struct subnet b = {.addr = close_address(&rng), .len = (uint8_t)rng_below(&rng, 129)};
		if (rng_below(&rng, 4) == 0)
			b.len = a.len;
		bool contains = same_leading_bits(&a.addr, &b.addr, a.len);
		assert_int_equal(subnet_contains(&a, &b.addr), contains);
		assert_int_equal(subnet_covers(&a, &b), contains && a.len <= b.len);
		assert_int_equal(subnet_equal(&a, &b), contains && a.len == b.len);
		contained += contains;
		covered += contains && a.len <= b.len;
		equal += contains && a.len == b.len;
	}
	/* The random cases were of every kind. */
	assert_true(contained > 100 && covered > 100 && equal > 100 && contained < 19900);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_follows_rfc_5952),
		cmocka_unit_test(text_reads_back),
		cmocka_unit_test(bad_text_is_refused),
		cmocka_unit_test(overlay_is_400_slash_7),
		cmocka_unit_test(upper_half_is_a_number_and_back),
		cmocka_unit_test(canonical_clears_bits_behind_the_length),
		cmocka_unit_test(comparisons_agree_with_bits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
