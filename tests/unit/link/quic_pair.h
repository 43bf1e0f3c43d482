// SPDX-License-Identifier: Apache-2.0
/* Two QUIC endpoints: set up and torn down for tests that need no more. */
#ifndef MYCELIUM_TESTS_LINK_QUIC_PAIR_H
#define MYCELIUM_TESTS_LINK_QUIC_PAIR_H

#include "quic_end.h"

static struct end a, b;
static struct end *const both[] = {&a, &b};

static inline int open_both(void **state)
{
	(void)state;
	skipped_us = 0;
	end_open(&a, 0, 1);
	end_open(&b, 0, 2);
	return 0;
}

/* With a link between them. */
static inline int open_pair(void **state)
{
	open_both(state);
	connect_ends(&a, &b, AF_INET);
	return 0;
}

static inline int open_pair_ipv6(void **state)
{
	open_both(state);
	connect_ends(&a, &b, AF_INET6);
	return 0;
}

static inline int close_both(void **state)
{
	(void)state;
	end_close(&a);
	end_close(&b);
	return 0;
}

#endif
