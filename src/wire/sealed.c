// SPDX-License-Identifier: Apache-2.0
#include "wire/sealed.h"

#include <assert.h>
#include <errno.h>

size_t sealed_write_frame(uint8_t *out, uint8_t *payload, size_t len, enum user_type type, const struct ip6 *source,
			  const struct ip6 *destination, uint8_t hop_limit, struct aead_key *key,
			  struct nonce_sequence *nonces)
{
	assert(len <= SEALED_PAYLOAD_MAX);
	size_t plain_len = USER_HEADER_SIZE + len;
	uint8_t *plain = payload - USER_HEADER_SIZE;
	struct writer user = writer_init(plain, USER_HEADER_SIZE);
	write_u8(&user, USER_VERSION);
	write_u8(&user, (uint8_t)type);
	write_zeros(&user, 2);

	struct writer w = writer_init(out, SEAL_HEADROOM + len + SEAL_TAILROOM);
	uint8_t *header = write_reserve(&w, DATA_FRAME_HEADER_SIZE);
	uint8_t *body = write_reserve(&w, plain_len);
	uint8_t *tag = write_reserve(&w, AEAD_TAG_SIZE);
	uint8_t *nonce = write_reserve(&w, AEAD_NONCE_SIZE);
	assert(!w.failed);

	frame_write_data_header(header, source, destination, hop_limit, (uint16_t)(len + SEAL_OVERHEAD));
	nonce_next(nonces, nonce);
	aead_seal(key, nonce, plain, plain_len, body, tag);
	return writer_len(&w);
}

int sealed_open(uint8_t *body, size_t len, struct aead_key *key, enum user_type *ret_type, uint8_t **ret_payload,
		size_t *ret_payload_len)
{
	if (len < SEAL_OVERHEAD)
		return -EBADMSG;
	size_t plain_len = len - SEAL_TAILROOM;
	const uint8_t *tag = &body[plain_len];
	const uint8_t *nonce = &body[plain_len + AEAD_TAG_SIZE];
	if (aead_open(key, nonce, body, plain_len, tag, body) != 0)
		return -EBADMSG;

	struct reader r = reader_init(body, plain_len);
	uint8_t version = read_u8(&r);
	uint8_t type = read_u8(&r);
	if (version != USER_VERSION || type > USER_OOB_ICMP)
		return -EPROTONOSUPPORT;
	*ret_type = (enum user_type)type;
	*ret_payload = &body[USER_HEADER_SIZE];
	*ret_payload_len = plain_len - USER_HEADER_SIZE;
	return 0;
}
