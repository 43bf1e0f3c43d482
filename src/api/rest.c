// SPDX-License-Identifier: Apache-2.0
/*
 * The resources of the API and their representations.
 *
 * Lists are taken as a snapshot, sorted and written row by row: the router and the peer manager are walked once, and
 * the output does not depend on the order of their tables.
 */
#include "api/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/json.h"

struct request {
	const struct api_sources *sources;
	uint64_t now_ms;
};

/* Rows of one size, copied while a table is walked. */
struct snapshot {
	const struct request *request;
	char *rows;
	size_t row_size, count, capacity;
	bool failed;
};

static void snapshot_add(struct snapshot *snapshot, const void *row)
{
	if (snapshot->failed)
		return;
	if (snapshot->count == snapshot->capacity) {
		size_t capacity = snapshot->capacity > 0 ? 2 * snapshot->capacity : 64;
		char *rows = reallocarray(snapshot->rows, capacity, snapshot->row_size);
		if (rows == NULL) {
			snapshot->failed = true;
			return;
		}
		snapshot->rows = rows;
		snapshot->capacity = capacity;
	}
	memcpy(snapshot->rows + snapshot->count++ * snapshot->row_size, row, snapshot->row_size);
}

static const void *snapshot_row(const struct snapshot *snapshot, size_t index)
{
	return snapshot->rows + index * snapshot->row_size;
}

/* Sorts the rows and writes them as an array. The snapshot is empty afterwards. */
static char *snapshot_text(struct snapshot *snapshot, int (*compare)(const void *a, const void *b),
			   json_t *(*row)(void *context, size_t index), size_t *ret_len)
{
	char *text = NULL;
	if (snapshot->count > 0)
		qsort(snapshot->rows, snapshot->count, snapshot->row_size, compare);
	if (!snapshot->failed)
		text = json_text_of_rows(snapshot->count, row, snapshot, ret_len);
	free(snapshot->rows);
	return text;
}

static uint64_t seconds_since(uint64_t then_ms, uint64_t now_ms)
{
	return now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0;
}

static int compare_subnets(const struct subnet *a, const struct subnet *b)
{
	int order = memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));
	return order != 0 ? order : (int)a->len - (int)b->len;
}

/* ---- node -------------------------------------------------------------------------------------------------------- */

static char *get_admin(const struct request *request, size_t *ret_len)
{
	const struct api_sources *sources = request->sources;
	struct subnet own = subnet64_of(&sources->address);
	char subnet[SUBNET_TEXT_SIZE], address[IP6_TEXT_SIZE], key[PUBLIC_KEY_TEXT_SIZE];

	subnet_text(&own, subnet);
	ip6_text(&sources->address, address);
	public_key_text(&sources->key, key);
	json_t *started = json_of_counter(sources->started_unix_s);
	json_t *value = json_pack("{s:s,s:s,s:s,s:o}", "nodeSubnet", subnet, "nodeIp", address, "nodePubkey", key,
				  "nodeStartTime", started);
	return json_text(value, ret_len);
}

/* ---- peers ------------------------------------------------------------------------------------------------------- */

struct peer_row {
	struct peer_info info;
	char text[ENDPOINT_TEXT_SIZE];
};

static void add_peer(void *context, const struct peer_info *info)
{
	struct peer_row row = {.info = *info};
	endpoint_text(&info->endpoint, row.text);
	snapshot_add(context, &row);
}

static int compare_peers(const void *a, const void *b)
{
	const struct peer_row *left = a, *right = b;
	return strcmp(left->text, right->text);
}

static json_t *peer_json(void *context, size_t index)
{
	static const char *const types[] = {
		[PEER_STATIC] = "static", [PEER_INBOUND] = "inbound", [PEER_LINK_LOCAL] = "linkLocalDiscovery"};
	static const char *const states[] = {
		[PEER_DEAD] = "dead", [PEER_CONNECTING] = "connecting", [PEER_ALIVE] = "alive"};

	const struct snapshot *snapshot = context;
	const struct peer_row *row = snapshot_row(snapshot, index);
	const struct peer_info *info = &row->info;
	uint64_t now_ms = snapshot->request->now_ms;
	json_t *last_connected =
		info->was_connected ? json_of_counter(seconds_since(info->last_connected_ms, now_ms)) : json_null();
	return json_pack("{s:o,s:s,s:s,s:o,s:o,s:o,s:o}", "endpoint", json_of_endpoint(&info->endpoint), "type",
			 types[info->type], "connectionState", states[info->state], "txBytes",
			 json_of_counter(info->tx_bytes), "rxBytes", json_of_counter(info->rx_bytes), "discovered",
			 json_of_counter(seconds_since(info->discovered_ms, now_ms)), "lastConnected", last_connected);
}

static char *get_peers(const struct request *request, size_t *ret_len)
{
	const struct api_sources *sources = request->sources;
	struct snapshot snapshot = {.request = request, .row_size = sizeof(struct peer_row)};
	if (sources->refresh_counters != NULL)
		sources->refresh_counters(sources->context);
	peers_for_each(sources->peers, add_peer, &snapshot);
	return snapshot_text(&snapshot, compare_peers, peer_json, ret_len);
}

/* ---- routes ------------------------------------------------------------------------------------------------------ */

static void add_selected(void *context, const struct router_route *route)
{
	if (route->selected)
		snapshot_add(context, route);
}

static void add_fallback(void *context, const struct router_route *route)
{
	if (!route->selected)
		snapshot_add(context, route);
}

static int compare_routes(const void *a, const void *b)
{
	const struct router_route *left = a, *right = b;
	int order = compare_subnets(&left->subnet, &right->subnet);
	if (order != 0)
		return order;
	return left->peer < right->peer ? -1 : left->peer > right->peer;
}

/* The next hop of a route whose neighbour is gone has no name any more. */
static json_t *route_json(void *context, size_t index)
{
	const struct snapshot *snapshot = context;
	const struct api_sources *sources = snapshot->request->sources;
	const struct router_route *route = snapshot_row(snapshot, index);
	const char *next_hop = route->peer != ROUTER_NO_PEER ? sources->peer_name(sources->context, route->peer) : "";
	return json_pack("{s:o,s:s,s:o,s:i}", "subnet", json_of_subnet(&route->subnet), "nextHop", next_hop, "metric",
			 json_of_metric(route->metric), "seqno", (int)route->seqno);
}

static char *get_routes(const struct request *request, void (*add)(void *context, const struct router_route *route),
			size_t *ret_len)
{
	struct snapshot snapshot = {.request = request, .row_size = sizeof(struct router_route)};
	router_for_each_route(request->sources->router, add, &snapshot);
	return snapshot_text(&snapshot, compare_routes, route_json, ret_len);
}

static char *get_selected(const struct request *request, size_t *ret_len)
{
	return get_routes(request, add_selected, ret_len);
}

static char *get_fallback(const struct request *request, size_t *ret_len)
{
	return get_routes(request, add_fallback, ret_len);
}

struct query_row {
	struct subnet subnet;
	uint64_t deadline_ms;
};

static void add_query(void *context, const struct subnet *subnet, uint64_t deadline_ms)
{
	struct query_row row = {.subnet = *subnet, .deadline_ms = deadline_ms};
	snapshot_add(context, &row);
}

static int compare_queries(const void *a, const void *b)
{
	const struct query_row *left = a, *right = b;
	return compare_subnets(&left->subnet, &right->subnet);
}

/* The remaining seconds are a string. */
static json_t *query_json(void *context, size_t index)
{
	const struct snapshot *snapshot = context;
	const struct query_row *row = snapshot_row(snapshot, index);
	char seconds[24];
	snprintf(seconds, sizeof(seconds), "%llu",
		 (unsigned long long)seconds_since(snapshot->request->now_ms, row->deadline_ms));
	return json_pack("{s:o,s:s}", "subnet", json_of_subnet(&row->subnet), "expiration", seconds);
}

static char *get_queried(const struct request *request, size_t *ret_len)
{
	struct snapshot snapshot = {.request = request, .row_size = sizeof(struct query_row)};
	router_for_each_query(request->sources->router, add_query, &snapshot);
	return snapshot_text(&snapshot, compare_queries, query_json, ret_len);
}

/* ---- routing ----------------------------------------------------------------------------------------------------- */

struct resource {
	const char *path;
	char *(*get)(const struct request *request, size_t *ret_len);
};

static const struct resource resources[] = {
	{"/api/v1/admin", get_admin},
	{"/api/v1/admin/peers", get_peers},
	{"/api/v1/admin/routes/selected", get_selected},
	{"/api/v1/admin/routes/fallback", get_fallback},
	{"/api/v1/admin/routes/queried", get_queried},
};

static const struct resource *find_resource(const char *path)
{
	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
		if (strcmp(resources[i].path, path) == 0)
			return &resources[i];
	}
	return NULL;
}

const char *rest_path_of(const char *target)
{
	if (strncasecmp(target, "http://", strlen("http://")) != 0)
		return target;
	const char *path = strchr(target + strlen("http://"), '/');
	return path != NULL ? path : "/";
}

struct rest_answer rest_handle(const struct api_sources *sources, const char *method, const char *path, uint64_t now_ms)
{
	const struct resource *resource = find_resource(path);
	if (resource == NULL)
		return (struct rest_answer){.status = 404};
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return (struct rest_answer){.status = 405, .allow = "GET,HEAD"};
	struct request request = {.sources = sources, .now_ms = now_ms};
	struct rest_answer answer = {.status = 200, .content_type = "application/json"};
	answer.body = resource->get(&request, &answer.body_len);
	return answer.body != NULL ? answer : (struct rest_answer){.status = 500};
}
