// SPDX-License-Identifier: Apache-2.0
/* The check itself: each invariant is broken by hand, named, and mended again. */
#include "rig.h"
#include "router/internal.h"

/* Two peers announce one subnet; the route to a second one is gone, its record stays; a third subnet is searched
 * for. */
struct scene {
	struct rig *rig;
	struct router *router;
	uint32_t a, b;
	struct destination *shared, *gone;
	struct entry *best, *other;
	struct source *source;
	struct query *query;
};

static struct scene scene_make(void)
{
	struct rig *rig = rig_start();
	struct origin shared = origin_make(1, 0), gone = origin_make(2, 0), sought = origin_make(3, 0);
	struct scene scene = {.rig = rig, .router = rig->router};
	scene.a = rig_peer(rig, 10);
	scene.b = rig_peer(rig, 500);
	give_update(rig, scene.a, &shared, 100, 1);
	give_update(rig, scene.b, &shared, 50, 1);
	give_update(rig, scene.b, &gone, 100, 1);
	give_retraction(rig, scene.b, &gone);
	rig_pass(rig, 10000);
	assert_int_equal(router_need_route(rig->router, &sought.address, NEED_SEND, rig->now), ROUTE_SEARCHING);
	rig_pull(rig);

	uint32_t handle = destination_find(rig->router, &shared.subnet);
	scene.shared = destination_at(rig->router, handle);
	scene.gone = destination_at(rig->router, destination_find(rig->router, &gone.subnet));
	assert_int_equal(scene.gone->first, 0);
	scene.best = entry_at(rig->router, scene.shared->first);
	scene.other = entry_at(rig->router, scene.best->next);
	for (uint32_t i = 1; i < rig->router->sources.fresh; i++)
		if (source_at(rig->router, i)->destination == handle)
			scene.source = source_at(rig->router, i);
	assert_non_null(scene.source);
	scene.query = query_find(rig->router, ip6_upper64(&sought.address));
	assert_non_null(scene.query);
	return scene;
}

static void expect_broken(const struct scene *scene, const char *expected)
{
	const char *broken = router_check(scene->router, scene->rig->now);
	assert_non_null(broken);
	assert_string_equal(broken, expected);
}

/* With another value in a field the check must say `expected`; then the field is mended. */
static void breaks(const struct scene *scene, void *field, size_t size, const void *value, const char *expected)
{
	uint8_t kept[64];
	assert_true(size <= sizeof(kept));
	memcpy(kept, field, size);
	memcpy(field, value, size);
	expect_broken(scene, expected);
	memcpy(field, kept, size);
	rig_check(scene->rig);
}

static void breaks_u16(const struct scene *scene, uint16_t *field, uint16_t value, const char *expected)
{
	breaks(scene, field, sizeof(*field), &value, expected);
}

static void breaks_u32(const struct scene *scene, uint32_t *field, uint32_t value, const char *expected)
{
	breaks(scene, field, sizeof(*field), &value, expected);
}

static void test_entries(void **state)
{
	(void)state;
	struct scene scene = scene_make();
	struct entry *best = scene.best;
	breaks_u32(&scene, &best->destination, best->destination + 1,
		   "an entry stands in the list of another destination");
	breaks_u32(&scene, &best->expiry.prev, 0, "I8: an entry has no deadline in the future");
	breaks_u32(&scene, &best->expiry.at, scene.router->entry_wheel.now,
		   "I8: an entry has no deadline in the future");
	breaks_u16(&scene, &best->metric, METRIC_INFINITE, "an infinite entry stays longer than its hold");
	breaks_u16(&scene, &best->neighbour, NO_NEIGHBOUR, "I7: a finite entry has no neighbour");
	breaks_u16(&scene, &best->neighbour, scene.other->neighbour,
		   "I2: two entries of a destination via one neighbour");
	bool dead = false;
	breaks(&scene, &neighbour_find(scene.router, scene.a)->alive, sizeof(dead), &dead,
	       "I7: the neighbour of an entry is dead");
	rig_stop(scene.rig);
}

static void test_selection(void **state)
{
	(void)state;
	struct scene scene = scene_make();
	uint8_t selected = scene.gone->flags | DESTINATION_SELECTED;
	breaks(&scene, &scene.gone->flags, sizeof(selected), &selected, "I2: selected without entries");
	breaks_u16(&scene, &scene.best->metric, 60000, "I3: an unfeasible entry is selected");
	uint32_t expires = scene.best->expiry.at;
	scene.best->expiry.at = scene.router->entry_wheel.now + 1;
	breaks_u16(&scene, &scene.best->metric, METRIC_INFINITE, "I3: an infinite entry is selected");
	scene.best->expiry.at = expires;
	assert_non_null(query_start(scene.router, scene.shared->upper, true));
	expect_broken(&scene, "I1: a search runs for a destination that has a route");
	query_resolve(scene.router, scene.shared->upper);
	rig_stop(scene.rig);
}

static void test_table(void **state)
{
	(void)state;
	struct scene scene = scene_make();
	struct router *router = scene.router;
	uint64_t upper = scene.shared->upper ^ 1;
	breaks(&scene, &scene.shared->upper, sizeof(upper), &upper, "I1: a destination is not in the index, or twice");
	struct subnet subnet = destination_subnet(router, scene.best->destination);
	breaks(&scene, &router->own, sizeof(subnet), &subnet, "I4: the own subnet is in the table");
	breaks_u32(&scene, &router->destinations.count, 3, "a destination nobody needs stays");
	breaks_u32(&scene, &router->destination_index.count, 3, "a destination nobody needs stays");
	breaks_u32(&scene, &router->existing, 2, "an entry is in no list");
	breaks_u32(&scene, &router->entries.count, 3, "an entry is in no list");
	breaks_u32(&scene, &router->entry_wheel.count, 3, "I8: deadlines without entries");
	breaks_u32(&scene, &scene.shared->holds, scene.shared->holds + 1,
		   "destinations are held by nobody, or not held");
	rig_stop(scene.rig);
}

static void test_sources_and_router_ids(void **state)
{
	(void)state;
	struct scene scene = scene_make();
	struct router *router = scene.router;
	breaks_u32(&scene, &scene.source->gc.prev, 0, "I8: a source has no deadline");
	breaks_u32(&scene, &scene.source->gc.at, scene.source->gc.at + 10000, "I9: a source lives too long");
	breaks_u16(&scene, &scene.source->metric, METRIC_INFINITE, "I6: an infinite feasibility distance");
	breaks_u32(&scene, &router->source_wheel.count, 7, "sources are miscounted");
	uint8_t count = (uint8_t)(scene.shared->source_count + 1);
	breaks(&scene, &scene.shared->source_count, sizeof(count), &count, "sources are miscounted");
	breaks_u32(&scene, &router->originators.count, 7, "a router id nobody needs stays");
	struct originator *originator = originator_at(router, scene.best->originator);
	breaks_u32(&scene, &originator->references, originator->references + 1,
		   "references to router ids are miscounted");
	rig_stop(scene.rig);
}

static void test_peers(void **state)
{
	(void)state;
	struct scene scene = scene_make();
	struct neighbour *a = neighbour_find(scene.router, scene.a), *b = neighbour_find(scene.router, scene.b);
	breaks_u32(&scene, &a->first_entry, b->first_entry, "an entry stands in the list of another neighbour");
	breaks_u32(&scene, &a->entry_count, 2, "the entries of a neighbour are miscounted");
	breaks_u32(&scene, &scene.router->neighbour_count, 3, "peers are miscounted");
	uint32_t first = a->first_entry;
	a->first_entry = a->entry_count = 0;
	expect_broken(&scene, "an entry is in no neighbour's list");
	a->first_entry = first;
	a->entry_count = 1;
	rig_stop(scene.rig);
}

static void test_journals(void **state)
{
	(void)state;
	struct scene scene = scene_make();
	struct journal *journal = &scene.router->journals[JOURNAL_UPDATES];
	uint32_t behind = journal->readers_behind;
	journal->readers_behind = behind + 1;
	expect_broken(&scene, "readers of a journal are miscounted");
	journal->readers_behind = behind;
	uint8_t flags = scene.shared->flags;
	scene.shared->flags |= DESTINATION_UPDATE_DUE;
	scene.shared->holds++;
	expect_broken(&scene, "an announcement is due, but in no journal");
	scene.shared->flags = flags;
	scene.shared->holds--;
	rig_stop(scene.rig);
}

static void test_searches(void **state)
{
	(void)state;
	struct scene scene = scene_make();
	uint64_t upper = scene.query->upper ^ 1, late = scene.rig->now + 1;
	breaks(&scene, &scene.query->upper, sizeof(upper), &upper, "I1: a search is not in the index, or twice");
	breaks(&scene, &scene.query->asked_ms, sizeof(late), &late, "I8: a search has a wrong deadline");
	breaks_u32(&scene, &scene.router->query_index.count, 2, "I1: searches are miscounted");
	rig_stop(scene.rig);
}

static void test_time_does_not_run_backwards(void **state)
{
	(void)state;
	struct scene scene = scene_make();
	assert_null(router_check(scene.router, 0));
	rig_stop(scene.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries),  cmocka_unit_test(test_selection),
		cmocka_unit_test(test_table),    cmocka_unit_test(test_sources_and_router_ids),
		cmocka_unit_test(test_peers),    cmocka_unit_test(test_journals),
		cmocka_unit_test(test_searches), cmocka_unit_test(test_time_does_not_run_backwards),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
