// SPDX-License-Identifier: Apache-2.0
/*
 * A sealed body, taken twice: as it comes off the wire, and as the plaintext of a body that is sealed first, because
 * random bytes do not get past the tag.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wire/sealed.h"

static struct aead_key *key;

/* Opens in place; the payload must lie inside the body. */
static int open_body(uint8_t *body, size_t len)
{
	enum user_type type;
	uint8_t *payload;
	size_t payload_len;
	int result = sealed_open(body, len, key, &type, &payload, &payload_len);
	if (result == 0 && (payload != &body[USER_HEADER_SIZE] || payload_len != len - SEAL_OVERHEAD))
		abort();
	return result;
}

static void set_up(void)
{
	static const struct shared_secret secret = {{0x96, 0x63, 0xaa, 0x1d}};
	if (key != NULL)
		return;
	if (aead_setup() != 0 || (key = aead_key_new(&secret)) == NULL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const uint8_t nonce[AEAD_NONCE_SIZE] = {1};

	set_up();
	uint8_t *body = malloc(len + SEAL_TAILROOM);
	if (len > 0)
		memcpy(body, bytes, len);
	(void)open_body(body, len);

	if (len > 0)
		memcpy(body, bytes, len);
	aead_seal(key, nonce, body, len, body, &body[len]);
	memcpy(&body[len + AEAD_TAG_SIZE], nonce, sizeof(nonce));
	int result = open_body(body, len + SEAL_TAILROOM);
	bool known = len >= USER_HEADER_SIZE && bytes[0] == USER_VERSION && bytes[1] <= USER_OOB_ICMP;
	if ((result == 0) != known || (len >= USER_HEADER_SIZE && result == -EBADMSG))
		abort();
	free(body);
	return 0;
}
