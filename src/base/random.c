// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static uint64_t rotate_left(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

struct rng rng_seeded(uint64_t seed)
{
	/* splitmix64 spreads the seed over the state, which must not be all zero. */
	struct rng rng;
	for (int i = 0; i < 4; i++) {
		seed += 0x9e3779b97f4a7c15;
		uint64_t z = seed;
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		rng.state[i] = z ^ z >> 31;
	}
	return rng;
}

uint64_t rng_next(struct rng *rng)
{
	uint64_t *s = rng->state;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
	/* Values below the remainder of 2^64 / bound would be favoured. */
	uint64_t threshold = -bound % bound;
	for (;;) {
		uint64_t value = rng_next(rng);
		if (value >= threshold)
			return value % bound;
	}
}

void random_fill(void *out, size_t len)
{
	uint8_t *at = out;
	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			fprintf(stderr, "mycelium: the system has no random numbers: %s\n", strerror(errno));
			abort();
		}
		at += got;
		len -= (size_t)got;
	}
}
