// SPDX-License-Identifier: Apache-2.0
#include "dataplane/fib.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <urcu/urcu-qsbr.h>
#include <urcu/rculfhash.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/random.h"

enum { BUCKETS_MIN = 64, BUCKETS_PER_ENTRY = 1 };

/* The thread sanitizer does not see into liburcu: it is told where the hand-overs are. */
#if defined(__SANITIZE_THREAD__)
#define MYCELIUM_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MYCELIUM_TSAN 1
#endif
#endif
#ifdef MYCELIUM_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define HANDED_OVER(address) __tsan_release((void *)(uintptr_t)(address))
#define TAKEN_OVER(address) __tsan_acquire((void *)(uintptr_t)(address))
#else
#define HANDED_OVER(address) ((void)(address))
#define TAKEN_OVER(address) ((void)(address))
#endif

/* All prefixes inside one /64, longest first. Immutable once added. */
struct entry {
	struct cds_lfht_node node;
	uint64_t upper;
	struct entry *next_retired;
	unsigned count;
	struct fib_route routes[];
};

struct fib {
	struct cds_lfht *table;
	struct hash_key hash_key;
	size_t count;
	struct entry *retired;
	uint64_t next_secret_id;
};

void fib_reader_start(void)
{
	urcu_qsbr_register_thread();
}

void fib_reader_rest(struct fib *fib)
{
	HANDED_OVER(fib);
	urcu_qsbr_thread_offline();
}

void fib_reader_resume(void)
{
	urcu_qsbr_thread_online();
}

void fib_reader_end(struct fib *fib)
{
	HANDED_OVER(fib);
	urcu_qsbr_unregister_thread();
}

struct fib *fib_new(uint64_t seed)
{
	struct fib *fib = calloc(1, sizeof(*fib));
	if (fib == NULL)
		return NULL;
	struct rng rng = rng_seeded(seed);
	fib->hash_key = (struct hash_key){rng_next(&rng), rng_next(&rng)};
	fib->next_secret_id = 1;
	fib->table = cds_lfht_new_flavor(BUCKETS_MIN, BUCKETS_MIN, 0, 0, &urcu_qsbr_flavor, NULL);
	if (fib->table == NULL) {
		free(fib);
		return NULL;
	}
	urcu_qsbr_register_thread();
	return fib;
}

static void secret_release(struct fib_secret *secret)
{
	if (secret == NULL || --secret->references > 0)
		return;
	secret_wipe(&secret->secret, sizeof(secret->secret));
	free(secret);
}

static void entry_free(struct entry *entry)
{
	for (unsigned i = 0; i < entry->count; i++)
		secret_release(entry->routes[i].secret);
	free(entry);
}

static void retire(struct fib *fib, struct entry *entry)
{
	entry->next_retired = fib->retired;
	fib->retired = entry;
}

void fib_reclaim(struct fib *fib)
{
	if (fib->retired == NULL)
		return;
	urcu_qsbr_synchronize_rcu();
	TAKEN_OVER(fib);
	while (fib->retired != NULL) {
		struct entry *next = fib->retired->next_retired;
		entry_free(fib->retired);
		fib->retired = next;
	}
}

void fib_free(struct fib *fib)
{
	if (fib == NULL)
		return;
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;
	cds_lfht_for_each (fib->table, &iter, node) {
		cds_lfht_del(fib->table, node);
		retire(fib, container_of(node, struct entry, node));
	}
	fib_reclaim(fib);
	cds_lfht_destroy(fib->table, NULL);
	urcu_qsbr_unregister_thread();
	free(fib);
}

static int entry_matches(struct cds_lfht_node *node, const void *key)
{
	const uint64_t *upper = key;
	const struct entry *entry = container_of(node, struct entry, node);
	TAKEN_OVER(entry);
	return entry->upper == *upper;
}

static struct entry *entry_find(const struct fib *fib, uint64_t upper)
{
	struct cds_lfht_iter iter;
	cds_lfht_lookup(fib->table, (unsigned long)hash_u64(&fib->hash_key, upper), entry_matches, &upper, &iter);
	struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
	if (node == NULL)
		return NULL;
	return container_of(node, struct entry, node);
}

const struct fib_route *fib_lookup(const struct fib *fib, const struct ip6 *address)
{
	const struct entry *entry = entry_find(fib, ip6_upper64(address));
	const struct fib_route *longest = NULL;
	for (unsigned i = 0; entry != NULL && i < entry->count; i++) {
		const struct fib_route *route = &entry->routes[i];
		if (route->subnet.len != 64 && !subnet_contains(&route->subnet, address))
			continue;
		/* What is kept for its secret alone does not hide a shorter prefix with a next hop. */
		if (route->peer != FIB_NO_PEER)
			return route;
		if (longest == NULL)
			longest = route;
	}
	return longest;
}

static const struct fib_route *route_in(const struct entry *entry, const struct subnet *subnet)
{
	for (unsigned i = 0; entry != NULL && i < entry->count; i++)
		if (subnet_equal(&entry->routes[i].subnet, subnet))
			return &entry->routes[i];
	return NULL;
}

const struct fib_route *fib_get(const struct fib *fib, const struct subnet *subnet)
{
	return route_in(entry_find(fib, ip6_upper64(&subnet->addr)), subnet);
}

/* Keeps about one bucket per entry; the table itself grows and shrinks in powers of two. */
static void resize(struct fib *fib)
{
	size_t buckets = BUCKETS_MIN;
	while (buckets < fib->count * BUCKETS_PER_ENTRY)
		buckets *= 2;
	if ((fib->count & (fib->count - 1)) == 0)
		cds_lfht_resize(fib->table, (unsigned long)buckets);
}

/* Puts `fresh` (NULL: nothing) in the place of `old` (NULL: nothing). */
static void publish(struct fib *fib, struct entry *old, struct entry *fresh)
{
	if (fresh != NULL) {
		unsigned long hash = (unsigned long)hash_u64(&fib->hash_key, fresh->upper);
		cds_lfht_node_init(&fresh->node);
		HANDED_OVER(fresh);
		if (old == NULL) {
			cds_lfht_add(fib->table, hash, &fresh->node);
			fib->count++;
			resize(fib);
		} else {
			cds_lfht_add_replace(fib->table, hash, entry_matches, &fresh->upper, &fresh->node);
		}
	} else if (old != NULL) {
		cds_lfht_del(fib->table, &old->node);
		fib->count--;
	}
	if (old != NULL)
		retire(fib, old);
}

/* Copies `old` with the route of `change`'s subnet replaced by it, or left out when it has neither next hop nor secret.
 * `ret` is NULL when nothing would be left. */
static int rebuild(const struct entry *old, const struct fib_route *change, struct entry **ret)
{
	bool keep = change->peer != FIB_NO_PEER || change->secret != NULL;
	unsigned old_count = old != NULL ? old->count : 0;
	if (keep && route_in(old, &change->subnet) == NULL && old_count == FIB_LONGER_MAX + 1)
		return -ENOSPC;
	struct entry *fresh = calloc(1, sizeof(*fresh) + (old_count + 1) * sizeof(struct fib_route));
	if (fresh == NULL)
		return -ENOMEM;
	fresh->upper = ip6_upper64(&change->subnet.addr);
	for (unsigned i = 0; i < old_count; i++) {
		const struct fib_route *route = &old->routes[i];
		if (subnet_equal(&route->subnet, &change->subnet))
			continue;
		if (keep && route->subnet.len < change->subnet.len) {
			fresh->routes[fresh->count++] = *change;
			keep = false;
		}
		fresh->routes[fresh->count++] = *route;
	}
	if (keep)
		fresh->routes[fresh->count++] = *change;
	if (fresh->count == 0) {
		free(fresh);
		fresh = NULL;
	}
	for (unsigned i = 0; fresh != NULL && i < fresh->count; i++)
		if (fresh->routes[i].secret != NULL)
			fresh->routes[i].secret->references++;
	*ret = fresh;
	return 0;
}

static int apply(struct fib *fib, const struct fib_route *change)
{
	assert(change->subnet.len >= 64 && change->subnet.len <= 128);
	struct entry *old = entry_find(fib, ip6_upper64(&change->subnet.addr)), *fresh;
	int error = rebuild(old, change, &fresh);
	if (error == 0)
		publish(fib, old, fresh);
	return error;
}

/* The present route of a prefix as the start of a change. */
static struct fib_route present(const struct fib *fib, const struct subnet *subnet)
{
	const struct fib_route *route = fib_get(fib, subnet);
	if (route != NULL)
		return *route;
	return (struct fib_route){.subnet = subnet_canonical(*subnet), .peer = FIB_NO_PEER};
}

int fib_set_route(struct fib *fib, const struct subnet *subnet, uint32_t peer, uint64_t expires_ms)
{
	struct fib_route change = present(fib, subnet);
	change.peer = peer;
	change.expires_ms = expires_ms;
	return apply(fib, &change);
}

void fib_clear_route(struct fib *fib, const struct subnet *subnet)
{
	struct fib_route change = present(fib, subnet);
	if (change.peer == FIB_NO_PEER)
		return;
	change.peer = FIB_NO_PEER;
	apply(fib, &change);
}

int fib_set_secret(struct fib *fib, const struct subnet *subnet, const struct shared_secret *secret)
{
	struct fib_secret *published = calloc(1, sizeof(*published));
	if (published == NULL)
		return -ENOMEM;
	*published = (struct fib_secret){.id = fib->next_secret_id++, .secret = *secret, .references = 1};
	struct fib_route change = present(fib, subnet);
	change.secret = published;
	int error = apply(fib, &change);
	secret_release(published);
	return error;
}

void fib_clear_secret(struct fib *fib, const struct subnet *subnet)
{
	struct fib_route change = present(fib, subnet);
	if (change.secret == NULL)
		return;
	change.secret = NULL;
	apply(fib, &change);
}

size_t fib_count(const struct fib *fib)
{
	return fib->count;
}
