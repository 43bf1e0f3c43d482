// SPDX-License-Identifier: Apache-2.0
/* Protection of QUIC packets: against the vectors of RFC 9001, against the helper library, and through key updates. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <gnutls/crypto.h>
#include <stdio.h>

#include "crypto/aead_aes.h"
#include "link/quic_internal.h"
#include "link/quic_protect.h"
#include "quic_pair.h"

enum { LEN_MAX = 1500, TAG_SIZE = AEAD_TAG_SIZE, HEADER_MAX = 48 };

/* Without the package or on another processor there is nothing to test. */
#define need_backend()                                                                                                 \
	do {                                                                                                           \
		if (aes_backend() == NULL)                                                                             \
			skip();                                                                                        \
	} while (0)

static void fill(struct rng *rng, uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)rng_next(rng);
}

static size_t from_hex(const char *hex, uint8_t *ret, size_t max)
{
	size_t len = strlen(hex) / 2;
	assert_true(len <= max);
	for (size_t i = 0; i < len; i++) {
		const char digits[3] = {hex[2 * i], hex[2 * i + 1]};
		ret[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return len;
}

static void check_mask(const char *key_hex, const char *sample_hex, const char *mask_hex)
{
	uint8_t key[AES_128_KEY_BYTES], sample[AES_BLOCK_BYTES], expected[NGTCP2_HP_MASKLEN], mask[NGTCP2_HP_MASKLEN];
	const ngtcp2_crypto_cipher cipher = {(void *)GNUTLS_CIPHER_AES_128_CBC};
	ngtcp2_crypto_cipher_ctx context;
	from_hex(key_hex, key, sizeof(key));
	from_hex(sample_hex, sample, sizeof(sample));
	from_hex(mask_hex, expected, sizeof(expected));
	assert_int_equal(quic_protect_new_cipher(key, sizeof(key), &context), 0);
	assert_int_equal(quic_protect_hp_mask(mask, &cipher, &context, sample), 0);
	assert_memory_equal(mask, expected, sizeof(mask));
	quic_protect_delete_cipher(NULL, &context, NULL);
}

/* RFC 9001, A.2 and A.3. */
static void specified_masks(void **state)
{
	(void)state;
	need_backend();
	check_mask("9f50449e04a0e810283a1e9933adedd2", "d1b1c98dd7689fb8ec11d242b123dc9b", "437b9aec36");
	check_mask("c206b8d9b9f0f37644430b490eeaa314", "2cd0991cd25b0aac406a5816b6394100", "2ec0d8356a");
}

/* RFC 9001, A.3: the Initial packet of the server, whose packet number 1 goes into the last byte of the nonce. */
static void specified_packet(void **state)
{
	(void)state;
	need_backend();
	uint8_t key[AES_128_KEY_BYTES], nonce[AEAD_NONCE_SIZE], header[32], plain[128], sealed[160], out[160];
	from_hex("cf3a5331653c364c88f0f379b6067e37", key, sizeof(key));
	from_hex("0ac1493ca1905853b0bba03e", nonce, sizeof(nonce));
	nonce[sizeof(nonce) - 1] ^= 1;
	size_t header_len = from_hex("c1000000010008f067a5502a4262b50040750001", header, sizeof(header));
	size_t len = from_hex("02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df56"
			      "6dc5430b9a045a1200130100002e00330024001d00209d3c940d89690b84d08a60993c144eca68"
			      "4d1081287c834d5311bcf32bb9da1a002b00020304",
			      plain, sizeof(plain));
	assert_int_equal(from_hex("5a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2"
				  "493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f"
				  "8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee",
				  sealed, sizeof(sealed)),
			 len + TAG_SIZE);
	const ngtcp2_crypto_aead aead = {(void *)GNUTLS_CIPHER_AES_128_GCM, TAG_SIZE};
	ngtcp2_crypto_aead_ctx context;
	assert_int_equal(quic_protect_new_aead(key, sizeof(key), &context), 0);
	assert_int_equal(quic_protect_encrypt(out, &aead, &context, plain, len, nonce, sizeof(nonce), header,
					      header_len),
			 0);
	assert_memory_equal(out, sealed, len + TAG_SIZE);
	assert_int_equal(quic_protect_decrypt(out, &aead, &context, sealed, len + TAG_SIZE, nonce, sizeof(nonce),
					      header, header_len),
			 0);
	assert_memory_equal(out, plain, len);
	quic_protect_delete_aead(NULL, &context, NULL);
}

/* ---- against the helper library ---------------------------------------------------------------------------------- */

struct suite {
	size_t key_size;
	gnutls_cipher_algorithm_t aead, mask;
};

static const struct suite suites[] = {
	{AES_128_KEY_BYTES, GNUTLS_CIPHER_AES_128_GCM, GNUTLS_CIPHER_AES_128_CBC},
	{AES_256_KEY_BYTES, GNUTLS_CIPHER_AES_256_GCM, GNUTLS_CIPHER_AES_256_CBC},
};

struct both_contexts {
	ngtcp2_crypto_aead aead;
	ngtcp2_crypto_cipher cipher;
	ngtcp2_crypto_aead_ctx ours, theirs;
	ngtcp2_crypto_cipher_ctx our_cipher, their_cipher;
};

/* What the helper library calls a context of header protection. */
static gnutls_cipher_hd_t new_cipher(const struct suite *suite, const uint8_t *key)
{
	const gnutls_datum_t secret = {(uint8_t *)(uintptr_t)key, (unsigned)suite->key_size};
	gnutls_cipher_hd_t cipher;
	assert_int_equal(gnutls_cipher_init(&cipher, suite->mask, &secret, NULL), 0);
	return cipher;
}

static void make_both(const struct suite *suite, const uint8_t *key, struct both_contexts *ret)
{
	ret->aead = (ngtcp2_crypto_aead){(void *)(uintptr_t)suite->aead, TAG_SIZE};
	ret->cipher.native_handle = (void *)(uintptr_t)suite->mask;
	assert_int_equal(quic_protect_new_aead(key, suite->key_size, &ret->ours), 0);
	assert_int_equal(quic_protect_new_cipher(key, suite->key_size, &ret->our_cipher), 0);
	assert_int_equal(ngtcp2_crypto_aead_ctx_encrypt_init(&ret->theirs, &ret->aead, key, AEAD_NONCE_SIZE), 0);
	ret->their_cipher.native_handle = new_cipher(suite, key);
}

/* Through the same callbacks, as ngtcp2 would. */
static void delete_both(struct both_contexts *two)
{
	quic_protect_delete_aead(NULL, &two->ours, NULL);
	quic_protect_delete_aead(NULL, &two->theirs, NULL);
	quic_protect_delete_cipher(NULL, &two->our_cipher, NULL);
	quic_protect_delete_cipher(NULL, &two->their_cipher, NULL);
}

static void check_length(const struct both_contexts *two, struct rng *rng, size_t len)
{
	static uint8_t plain[LEN_MAX + 1], mine[LEN_MAX + TAG_SIZE], model[LEN_MAX + TAG_SIZE], opened[LEN_MAX + 1];
	uint8_t nonce[AEAD_NONCE_SIZE], header[HEADER_MAX];
	size_t header_len = (size_t)rng_below(rng, sizeof(header) + 1);
	fill(rng, plain, len);
	fill(rng, nonce, sizeof(nonce));
	fill(rng, header, sizeof(header));
	assert_int_equal(ngtcp2_crypto_encrypt(model, &two->aead, &two->theirs, plain, len, nonce, sizeof(nonce),
					       header, header_len),
			 0);
	assert_int_equal(quic_protect_encrypt(mine, &two->aead, &two->ours, plain, len, nonce, sizeof(nonce), header,
					      header_len),
			 0);
	assert_memory_equal(mine, model, len + TAG_SIZE);
	memcpy(mine, plain, len);
	assert_int_equal(quic_protect_encrypt(mine, &two->aead, &two->ours, mine, len, nonce, sizeof(nonce), header,
					      header_len),
			 0);
	assert_memory_equal(mine, model, len + TAG_SIZE);

	opened[len] = 0xee;
	assert_int_equal(quic_protect_decrypt(opened, &two->aead, &two->ours, model, len + TAG_SIZE, nonce,
					      sizeof(nonce), header, header_len),
			 0);
	assert_memory_equal(opened, plain, len);
	assert_int_equal(opened[len], 0xee);
	assert_int_equal(quic_protect_decrypt(mine, &two->aead, &two->ours, mine, len + TAG_SIZE, nonce,
					      sizeof(nonce), header, header_len),
			 0);
	assert_memory_equal(mine, plain, len);
	/* A context of GnuTLS through the same callbacks. */
	assert_int_equal(quic_protect_encrypt(mine, &two->aead, &two->theirs, plain, len, nonce, sizeof(nonce),
					      header, header_len),
			 0);
	assert_memory_equal(mine, model, len + TAG_SIZE);
	assert_int_equal(quic_protect_decrypt(opened, &two->aead, &two->theirs, mine, len + TAG_SIZE, nonce,
					      sizeof(nonce), header, header_len),
			 0);
	assert_memory_equal(opened, plain, len);
}

static void same_packets_as_the_library(void **state)
{
	(void)state;
	need_backend();
	struct rng rng = rng_seeded(9001);
	struct both_contexts two;
	uint8_t key[AES_256_KEY_BYTES];
	for (unsigned i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		fill(&rng, key, sizeof(key));
		make_both(&suites[i], key, &two);
		for (size_t len = 0; len <= LEN_MAX; len++)
			check_length(&two, &rng, len);
		delete_both(&two);
	}
}

static void same_masks_as_the_library(void **state)
{
	(void)state;
	need_backend();
	struct rng rng = rng_seeded(5);
	struct both_contexts two;
	uint8_t key[AES_256_KEY_BYTES], sample[AES_BLOCK_BYTES], model[NGTCP2_HP_MASKLEN], mask[NGTCP2_HP_MASKLEN + 1];
	for (unsigned i = 0; i < 2000; i++) {
		fill(&rng, key, sizeof(key));
		fill(&rng, sample, sizeof(sample));
		make_both(&suites[i % 2], key, &two);
		mask[NGTCP2_HP_MASKLEN] = 0xee;
		assert_int_equal(ngtcp2_crypto_hp_mask(model, &two.cipher, &two.their_cipher, sample), 0);
		assert_int_equal(quic_protect_hp_mask(mask, &two.cipher, &two.our_cipher, sample), 0);
		assert_memory_equal(mask, model, sizeof(model));
		assert_int_equal(mask[NGTCP2_HP_MASKLEN], 0xee);
		assert_int_equal(quic_protect_hp_mask(mask, &two.cipher, &two.their_cipher, sample), 0);
		assert_memory_equal(mask, model, sizeof(model));
		delete_both(&two);
	}
}

static void tampered_packets_are_refused(void **state)
{
	(void)state;
	need_backend();
	enum { LEN = 50, HEADER = 9, NONCE_AT = HEADER + LEN + TAG_SIZE, WHOLE = NONCE_AT + AEAD_NONCE_SIZE };
	static const uint8_t zero[LEN];
	struct rng rng = rng_seeded(6);
	struct both_contexts two;
	uint8_t key[AES_256_KEY_BYTES], packet[WHOLE], out[LEN];
	for (unsigned i = 0; i < 2; i++) {
		fill(&rng, key, sizeof(key));
		fill(&rng, packet, sizeof(packet));
		make_both(&suites[i], key, &two);
		quic_protect_encrypt(&packet[HEADER], &two.aead, &two.ours, &packet[HEADER], LEN, &packet[NONCE_AT],
				     AEAD_NONCE_SIZE, packet, HEADER);
		for (size_t bit = 0; bit < 8 * sizeof(packet); bit++) {
			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
			memset(out, 0xee, sizeof(out));
			assert_int_equal(quic_protect_decrypt(out, &two.aead, &two.ours, &packet[HEADER],
							      LEN + TAG_SIZE, &packet[NONCE_AT], AEAD_NONCE_SIZE,
							      packet, HEADER),
					 NGTCP2_ERR_DECRYPT);
			assert_memory_equal(out, zero, sizeof(out));
			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t len = 0; len < LEN + TAG_SIZE; len++)
			assert_int_equal(quic_protect_decrypt(out, &two.aead, &two.ours, &packet[HEADER], len,
							      &packet[NONCE_AT], AEAD_NONCE_SIZE, packet, HEADER),
					 NGTCP2_ERR_DECRYPT);
		delete_both(&two);
	}
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

static struct end *const both_ends[] = {&a, &b};

/* From now on two ends know only this cipher. */
static void agree_on(const char *cipher)
{
	char priority[128];
	snprintf(priority, sizeof(priority),
		 "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+%s:%%DISABLE_TLS13_COMPAT_MODE", cipher);
	for (unsigned i = 0; i < 2; i++) {
		gnutls_priority_deinit(both_ends[i]->identity->priority);
		assert_int_equal(gnutls_priority_init(&both_ends[i]->identity->priority, priority, NULL), 0);
	}
}

/* Of the newest link. */
static struct quic_connection *connection_of(struct end *end)
{
	return container_of(end->link[end->links - 1].link, struct quic_connection, link);
}

static void send_newest(struct end *end, const uint8_t *frame, size_t len)
{
	wait_until(both_ends, 2, link_unsent(end->link[end->links - 1].link) == 0);
	send_frame(end, end->links - 1, frame, len);
}

/* Frames of many sizes both ways, by stream and by datagram. */
static void talk(void)
{
	uint8_t frame[5000];
	struct end_link *at_a = &a.link[a.links - 1], *at_b = &b.link[b.links - 1];
	unsigned to_a = at_a->frames, to_b = at_b->frames;
	for (unsigned i = 0; i < 20; i++) {
		make_data(frame, 40 + 50 * i, i);
		send_newest(&a, frame, 40 + 50 * i);
		send_newest(&b, frame, 40 + 50 * i);
	}
	make_control(frame, sizeof(frame), 1);
	send_newest(&a, frame, sizeof(frame));
	send_newest(&b, frame, sizeof(frame));
	wait_until(both_ends, 2, at_a->frames == to_a + 21 && at_b->frames == to_b + 21);
	assert_int_equal(at_a->closed + at_b->closed, 0);
}

/* The key phase that packets of a connection show is the peer's to see; here it is enough that a further update is
 * refused until the peer has followed, and allowed afterwards. */
static void update_keys(struct end *end)
{
	struct quic_connection *connection = connection_of(end);
	uint64_t give_up_us = now_us() + (uint64_t)PATIENCE_MS * 1000;
	while (ngtcp2_conn_initiate_key_update(connection->conn, now_us() * NGTCP2_MICROSECONDS) != 0) {
		assert_true(now_us() < give_up_us);
		skipped_us += 20000;
		talk();
	}
	assert_int_equal(ngtcp2_conn_initiate_key_update(connection->conn, now_us() * NGTCP2_MICROSECONDS),
			 NGTCP2_ERR_INVALID_STATE);
	talk();
}

/* The next keys of a connection, as the helper library makes them of the same secrets. */
static void same_next_keys_as_the_library(ngtcp2_conn *conn, size_t len)
{
	enum { TEXT = 100, SECRET_MAX = 48 };
	struct rng rng = rng_seeded(len);
	struct {
		uint8_t rx_secret[SECRET_MAX], tx_secret[SECRET_MAX], rx_iv[AEAD_NONCE_SIZE], tx_iv[AEAD_NONCE_SIZE];
	} ours = {0}, theirs = {0};
	uint8_t rx_secret[SECRET_MAX], tx_secret[SECRET_MAX], keys[2][AES_256_KEY_BYTES];
	uint8_t text[TEXT], sealed[2][TEXT + TAG_SIZE];
	ngtcp2_crypto_aead_ctx rx[2] = {0}, tx[2] = {0};
	const ngtcp2_crypto_aead *aead = &ngtcp2_conn_get_crypto_ctx(conn)->aead;
	fill(&rng, rx_secret, len);
	fill(&rng, tx_secret, len);
	fill(&rng, text, sizeof(text));
	assert_int_equal(quic_protect_update_key(conn, ours.rx_secret, ours.tx_secret, &rx[0], ours.rx_iv, &tx[0],
						 ours.tx_iv, rx_secret, tx_secret, len, NULL),
			 0);
	assert_int_equal(ngtcp2_crypto_update_key(conn, theirs.rx_secret, theirs.tx_secret, &rx[1], keys[0],
						  theirs.rx_iv, &tx[1], keys[1], theirs.tx_iv, rx_secret, tx_secret,
						  len),
			 0);
	assert_memory_equal(&ours, &theirs, sizeof(ours));
	for (unsigned i = 0; i < 2; i++)
		quic_protect_encrypt(sealed[i], aead, &tx[i], text, TEXT, ours.tx_iv, AEAD_NONCE_SIZE, text, 9);
	assert_memory_equal(sealed[0], sealed[1], sizeof(sealed[0]));
	for (unsigned i = 0; i < 2; i++)
		quic_protect_encrypt(sealed[i], aead, &rx[i], text, TEXT, ours.rx_iv, AEAD_NONCE_SIZE, text, 9);
	assert_memory_equal(sealed[0], sealed[1], sizeof(sealed[0]));
	for (unsigned i = 0; i < 2; i++) {
		quic_protect_delete_aead(conn, &rx[i], NULL);
		quic_protect_delete_aead(conn, &tx[i], NULL);
	}
}

static void keys_are_updated_with(const char *cipher, gnutls_cipher_algorithm_t expected, size_t secret_len)
{
	agree_on(cipher);
	connect_ends(&a, &b, AF_INET);
	assert_int_equal(gnutls_cipher_get(connection_of(&a)->tls), expected);
	same_next_keys_as_the_library(connection_of(&a)->conn, secret_len);
	talk();
	for (unsigned i = 0; i < 6; i++)
		update_keys(i % 3 == 1 ? &b : &a);
	end_free_link(&a, a.links - 1);
	wait_until(both_ends, 2, b.link[b.links - 1].closed == 1);
}

static void keys_are_updated(void **state)
{
	(void)state;
	keys_are_updated_with("AES-128-GCM", GNUTLS_CIPHER_AES_128_GCM, 32);
	keys_are_updated_with("AES-256-GCM", GNUTLS_CIPHER_AES_256_GCM, 48);
	keys_are_updated_with("CHACHA20-POLY1305", GNUTLS_CIPHER_CHACHA20_POLY1305, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(specified_masks),
		cmocka_unit_test(specified_packet),
		cmocka_unit_test(same_packets_as_the_library),
		cmocka_unit_test(same_masks_as_the_library),
		cmocka_unit_test(tampered_packets_are_refused),
		cmocka_unit_test_setup_teardown(keys_are_updated, open_both, close_both),
	};
	return cmocka_run_group_tests_name("quic_protect", tests, NULL, NULL);
}
