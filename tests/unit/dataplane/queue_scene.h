// SPDX-License-Identifier: Apache-2.0
/* A queue in virtual time, with numbered packets. Include behind cmocka.h. */
#ifndef MYCELIUM_TESTS_DATAPLANE_QUEUE_SCENE_H
#define MYCELIUM_TESTS_DATAPLANE_QUEUE_SCENE_H

#include <stdlib.h>
#include <string.h>

#include "dataplane/queue.h"

enum { POOL = 8192, NONE = UINT32_MAX, MS = 1000 };

struct scene {
	struct queue queue;
	struct slot_pool *pool;
	uint64_t now_us;
};

static inline struct scene *scene_new(void)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	assert_non_null(scene);
	scene->pool = slot_pool_new(POOL);
	scene->now_us = 1000000;
	return scene;
}

static inline void scene_free(struct scene *scene)
{
	queue_clear(&scene->queue, scene->pool);
	assert_true(queue_empty(&scene->queue));
	assert_int_equal(slot_pool_used(scene->pool), 0);
	slot_pool_free(scene->pool);
	free(scene);
}

static inline struct slot *numbered(struct scene *scene, uint32_t number, size_t len)
{
	struct slot *slot = slot_take(scene->pool, len, 0);
	assert_non_null(slot);
	slot->flow = 0;
	memset(slot->data, 0, len);
	memcpy(slot->data + 8, &number, sizeof(number));
	return slot;
}

static inline void put(struct scene *scene, uint32_t flow, uint32_t number, size_t len)
{
	struct slot *slot = numbered(scene, number, len);
	slot->flow = flow;
	queue_put_data(&scene->queue, slot, SIZE_MAX, scene->now_us, scene->pool);
}

static inline void put_control(struct scene *scene, uint32_t number)
{
	queue_put_control(&scene->queue, numbered(scene, number, 16));
}

/* Takes the next slot, gives it back and returns its number. */
static inline uint32_t take(struct scene *scene, bool *ret_control)
{
	uint32_t number = NONE;
	struct slot *slot = queue_take(&scene->queue, scene->now_us, scene->pool, ret_control);
	if (slot != NULL)
		memcpy(&number, slot->data + 8, sizeof(number));
	slot_give(scene->pool, slot);
	return number;
}

static inline uint32_t take_data(struct scene *scene)
{
	bool control;
	uint32_t number = take(scene, &control);
	assert_false(control);
	return number;
}

#endif
