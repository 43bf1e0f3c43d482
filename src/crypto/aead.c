// SPDX-License-Identifier: Apache-2.0
#include "crypto/aead.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

const struct aead_backend *const aead_backends[] = {
#ifdef HAVE_IPSEC_MB
	&aead_ipsec_mb,
#endif
	&aead_gnutls,
	NULL,
};

static const struct aead_backend *chosen;

/* Known answers. The long one runs the wide loops of a back end and their remainder; its plaintext is 0, 1, 2, ... */
enum { ANSWER_LONG = 1404 };

struct answer {
	uint8_t key[KEY_SIZE];
	uint8_t nonce[AEAD_NONCE_SIZE];
	size_t len;
	bool counting; /* plaintext counts up instead of being zero */
	uint8_t ciphertext_start[16];
	uint8_t tag[AEAD_TAG_SIZE];
};

static const struct answer answers[] = {
	/* AES-256 test cases 13 and 14 of the GCM specification. */
	{
		.len = 0,
		.tag = {0x53, 0x0f, 0x8a, 0xfb, 0xc7, 0x45, 0x36, 0xb9, 0xa9, 0x63, 0xb4, 0xf1, 0xc4, 0xcb, 0x73, 0x8b},
	},
	{
		.len = 16,
		.ciphertext_start = {0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3,
				     0x9d, 0x18},
		.tag = {0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0, 0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19},
	},
	/* Key and nonce of its test case 15 with a whole packet. */
	{
		.key = {0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c, 0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08,
			0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c, 0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08},
		.nonce = {0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88},
		.len = ANSWER_LONG,
		.counting = true,
		.ciphertext_start = {0x8b, 0x1d, 0xf1, 0xd6, 0x65, 0xd7, 0x7d, 0xe5, 0x59, 0x2f, 0x34, 0x6d, 0x89, 0x7c,
				     0x6a, 0xe8},
		.tag = {0x83, 0x01, 0x4b, 0xdc, 0x6b, 0x80, 0xa6, 0x54, 0x6f, 0xaf, 0x38, 0xf9, 0x7e, 0x58, 0x1e, 0xee},
	},
};

static bool all_zero(const uint8_t *bytes, size_t len)
{
	uint8_t any = 0;
	for (size_t i = 0; i < len; i++)
		any |= bytes[i];
	return any == 0;
}

/* Seals, opens, and opens with a damaged tag, all in place. */
static bool answer_holds(const struct aead_backend *backend, struct aead_key *key, const struct answer *answer)
{
	uint8_t plain[ANSWER_LONG] = {0}, buffer[ANSWER_LONG], tag[AEAD_TAG_SIZE];
	size_t start = sizeof(answer->ciphertext_start), len = answer->len;
	assert(len <= sizeof(plain));
	for (size_t i = 0; i < len && answer->counting; i++)
		plain[i] = (uint8_t)i;
	memcpy(buffer, plain, sizeof(buffer));

	backend->seal(key, answer->nonce, buffer, len, buffer, tag);
	if (memcmp(tag, answer->tag, sizeof(tag)) != 0)
		return false;
	if (memcmp(buffer, answer->ciphertext_start, len < start ? len : start) != 0)
		return false;
	if (backend->open(key, answer->nonce, buffer, len, tag, buffer) != 0 || memcmp(buffer, plain, len) != 0)
		return false;

	tag[AEAD_TAG_SIZE - 1] ^= 1;
	return backend->open(key, answer->nonce, buffer, len, tag, buffer) == -EBADMSG && all_zero(buffer, len);
}

static bool self_test_passes(const struct aead_backend *backend)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct aead_key *key = backend->key_new(answers[i].key);
		bool holds = key != NULL && answer_holds(backend, key, &answers[i]);
		backend->key_free(key);
		if (!holds)
			return false;
	}
	return true;
}

int aead_setup(void)
{
	for (size_t i = 0; aead_backends[i] != NULL; i++) {
		if (aead_backends[i]->probe() == 0 && self_test_passes(aead_backends[i])) {
			chosen = aead_backends[i];
			return 0;
		}
	}
	return -ENOTSUP;
}

const struct aead_backend *aead_backend(void)
{
	assert(chosen != NULL);
	return chosen;
}

struct aead_key *aead_key_new(const struct shared_secret *secret)
{
	return aead_backend()->key_new(secret->bytes);
}

void aead_key_free(struct aead_key *key)
{
	if (key != NULL)
		chosen->key_free(key);
}

void aead_seal(struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE], const uint8_t *in, size_t len,
	       uint8_t *out, uint8_t tag[static AEAD_TAG_SIZE])
{
	chosen->seal(key, nonce, in, len, out, tag);
}

int aead_open(struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE], const uint8_t *in, size_t len,
	      const uint8_t tag[static AEAD_TAG_SIZE], uint8_t *out)
{
	return chosen->open(key, nonce, in, len, tag, out);
}
