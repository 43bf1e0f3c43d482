// SPDX-License-Identifier: Apache-2.0
/* Token bucket: how often a remote may make us work. */
#ifndef MYCELIUM_ROUTER_BUDGET_H
#define MYCELIUM_ROUTER_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
	uint32_t per_second, burst;
	uint64_t millitokens;
	uint64_t refilled_ms;
};

static inline struct budget budget_full(uint32_t per_second, uint32_t burst, uint64_t now_ms)
{
	return (struct budget){.per_second = per_second, .burst = burst, .millitokens = burst * 1000ull,
			       .refilled_ms = now_ms};
}

/* Takes one token. Returns false when there is none. */
static inline bool budget_take(struct budget *budget, uint64_t now_ms)
{
	uint64_t full = budget->burst * 1000ull;
	uint64_t elapsed_ms = now_ms - budget->refilled_ms;
	if (elapsed_ms > full / budget->per_second)
		budget->millitokens = full;
	else
		budget->millitokens += elapsed_ms * budget->per_second;
	if (budget->millitokens > full)
		budget->millitokens = full;
	budget->refilled_ms = now_ms;
	if (budget->millitokens < 1000)
		return false;
	budget->millitokens -= 1000;
	return true;
}

#endif
