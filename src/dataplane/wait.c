// SPDX-License-Identifier: Apache-2.0
#include "dataplane/wait.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/random.h"
#include "base/timers.h"

enum { BUCKETS = 1024 };

struct item {
	struct list in_line;	/* packets of one /64, in order */
	struct list in_all;	/* all packets, in order of arrival: the head is the oldest */
	struct line *line;
	struct timer timer;
	struct ip6 address;
	struct parcel *parcel;
};

/* The packets of one /64. */
struct line {
	struct line *next_in_bucket;
	uint64_t upper;
	struct list items;
	size_t count, bytes;
};

struct wait {
	struct hash_key hash_key;
	struct list all;
	struct timers timers;
	size_t count, bytes;
	struct wait_counters counters;
	struct line *buckets[BUCKETS];
};

struct wait *wait_new(uint64_t seed)
{
	struct wait *wait = calloc(1, sizeof(*wait));
	if (wait == NULL)
		return NULL;
	struct rng rng = rng_seeded(seed);
	wait->hash_key = (struct hash_key){rng_next(&rng), rng_next(&rng)};
	list_init(&wait->all);
	return wait;
}

static struct line **line_place(struct wait *wait, uint64_t upper)
{
	struct line **place = &wait->buckets[hash_u64(&wait->hash_key, upper) % BUCKETS];
	while (*place != NULL && (*place)->upper != upper)
		place = &(*place)->next_in_bucket;
	return place;
}

static struct line *line_get(struct wait *wait, uint64_t upper)
{
	struct line **place = line_place(wait, upper);
	if (*place == NULL) {
		struct line *line = calloc(1, sizeof(*line));
		if (line == NULL)
			return NULL;
		line->upper = upper;
		list_init(&line->items);
		*place = line;
	}
	return *place;
}

static void line_drop_if_empty(struct wait *wait, struct line *line)
{
	if (line->count > 0)
		return;
	*line_place(wait, line->upper) = line->next_in_bucket;
	free(line);
}

/* Takes an item out and frees it; its line stays, even when empty. */
static struct parcel *unlink_item(struct wait *wait, struct item *item)
{
	struct parcel *parcel = item->parcel;
	timers_disarm(&wait->timers, &item->timer);
	list_remove(&item->in_line);
	list_remove(&item->in_all);
	item->line->count--;
	item->line->bytes -= parcel->len;
	wait->count--;
	wait->bytes -= parcel->len;
	free(item);
	return parcel;
}

static void drop_oldest_of(struct wait *wait, struct line *line)
{
	parcel_free(unlink_item(wait, container_of(line->items.next, struct item, in_line)));
	wait->counters.dropped++;
}

static void drop_oldest(struct wait *wait)
{
	struct item *item = container_of(wait->all.next, struct item, in_all);
	struct line *line = item->line;
	parcel_free(unlink_item(wait, item));
	wait->counters.dropped++;
	line_drop_if_empty(wait, line);
}

static void make_room(struct wait *wait, struct line *line, size_t len)
{
	while (line->count > 0 && (line->count == WAIT_PACKETS_PER_SUBNET_MAX || line->bytes + len > WAIT_BYTES_PER_SUBNET_MAX))
		drop_oldest_of(wait, line);
}

static struct item *item_new(struct wait *wait, struct parcel *parcel, uint64_t deadline_ms)
{
	struct item *item = calloc(1, sizeof(*item));
	if (item == NULL || timers_arm(&wait->timers, &item->timer, deadline_ms) != 0) {
		free(item);
		return NULL;
	}
	item->parcel = parcel;
	return item;
}

void wait_add(struct wait *wait, const struct ip6 *address, struct parcel *parcel, uint64_t deadline_ms, uint64_t now_ms)
{
	if (deadline_ms > now_ms + WAIT_MS_MAX)
		deadline_ms = now_ms + WAIT_MS_MAX;
	wait->counters.enqueued++;
	while (wait->count == WAIT_PACKETS_MAX || (wait->count > 0 && wait->bytes + parcel->len > WAIT_BYTES_MAX))
		drop_oldest(wait);
	struct line *line = line_get(wait, ip6_upper64(address));
	struct item *item = line != NULL ? item_new(wait, parcel, deadline_ms) : NULL;
	if (item == NULL) {
		if (line != NULL)
			line_drop_if_empty(wait, line);
		parcel_free(parcel);
		wait->counters.dropped++;
		return;
	}
	make_room(wait, line, parcel->len);
	item->address = *address;
	item->line = line;
	list_append(&line->items, &item->in_line);
	list_append(&wait->all, &item->in_all);
	line->count++;
	line->bytes += parcel->len;
	wait->count++;
	wait->bytes += parcel->len;
}

struct parcel *wait_take(struct wait *wait, const struct subnet *subnet, unsigned kinds)
{
	struct parcel *first = NULL, **tail = &first;
	struct line *line = *line_place(wait, ip6_upper64(&subnet->addr));
	if (line == NULL)
		return NULL;
	list_foreach (&line->items, node, tmp) {
		struct item *item = container_of(node, struct item, in_line);
		if ((kinds & 1u << item->parcel->kind) == 0 || !subnet_contains(subnet, &item->address))
			continue;
		*tail = unlink_item(wait, item);
		(*tail)->next = NULL;
		tail = &(*tail)->next;
		wait->counters.dequeued++;
	}
	line_drop_if_empty(wait, line);
	return first;
}

struct parcel *wait_take_expired(struct wait *wait, uint64_t now_ms)
{
	struct parcel *first = NULL, **tail = &first;
	for (struct timer *timer; (timer = timers_pop_due(&wait->timers, now_ms)) != NULL;) {
		struct item *item = container_of(timer, struct item, timer);
		struct line *line = item->line;
		*tail = unlink_item(wait, item);
		(*tail)->next = NULL;
		tail = &(*tail)->next;
		wait->counters.expired++;
		line_drop_if_empty(wait, line);
	}
	return first;
}

void wait_free(struct wait *wait)
{
	if (wait == NULL)
		return;
	while (wait->count > 0)
		drop_oldest(wait);
	timers_free(&wait->timers);
	free(wait);
}

uint64_t wait_next_deadline(const struct wait *wait)
{
	return timers_next_ms(&wait->timers);
}

size_t wait_count(const struct wait *wait)
{
	return wait->count;
}

size_t wait_bytes(const struct wait *wait)
{
	return wait->bytes;
}

const struct wait_counters *wait_counters(const struct wait *wait)
{
	return &wait->counters;
}
