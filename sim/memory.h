// SPDX-License-Identifier: Apache-2.0
/* Memory for the simulator: there is nothing to simulate without it, so running out of it ends the process. */
#ifndef MYCELIUM_SIM_MEMORY_H
#define MYCELIUM_SIM_MEMORY_H

#include <stdio.h>
#include <stdlib.h>

static inline void *memory_checked(void *memory)
{
	if (memory == NULL) {
		fputs("mycelium-sim: out of memory\n", stderr);
		abort();
	}
	return memory;
}

/* `count` zeroed elements; free with free(). */
static inline void *memory_new(size_t count, size_t size)
{
	return memory_checked(calloc(count > 0 ? count : 1, size));
}

/* Room for at least `needed` elements in an array that grows by doubling. Returns the array, maybe at another place. */
static inline void *memory_grow(void *array, size_t *capacity, size_t needed, size_t size)
{
	if (needed <= *capacity)
		return array;
	size_t wanted = *capacity > 0 ? *capacity : 8;
	while (wanted < needed)
		wanted *= 2;
	*capacity = wanted;
	return memory_checked(reallocarray(array, wanted, size));
}

#endif
