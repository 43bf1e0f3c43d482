// SPDX-License-Identifier: Apache-2.0
/* Token bucket in integer milliseconds: `rate` tokens per second, at most `burst` saved up. */
#ifndef MYCELIUM_BASE_TOKEN_BUCKET_H
#define MYCELIUM_BASE_TOKEN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct token_bucket {
	uint64_t updated_ms;
	uint64_t millitokens;
};

/* A full bucket. */
static inline struct token_bucket token_bucket_full(uint32_t burst, uint64_t now_ms)
{
	return (struct token_bucket){.updated_ms = now_ms, .millitokens = (uint64_t)burst * 1000};
}

/* Takes one token. Returns false when there is none. */
static inline bool token_bucket_take(struct token_bucket *bucket, uint32_t rate, uint32_t burst, uint64_t now_ms)
{
	uint64_t full = (uint64_t)burst * 1000;
	uint64_t elapsed_ms = now_ms - bucket->updated_ms;
	bucket->updated_ms = now_ms;
	if (elapsed_ms >= full || bucket->millitokens + elapsed_ms * rate >= full)
		bucket->millitokens = full;
	else
		bucket->millitokens += elapsed_ms * rate;
	if (bucket->millitokens < 1000)
		return false;
	bucket->millitokens -= 1000;
	return true;
}

#endif
