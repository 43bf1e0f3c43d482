// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

enum { ROUTE_COLUMNS = 4, QUERY_COLUMNS = 2, NUMBER_SIZE = 24 };

static const char *const route_header[ROUTE_COLUMNS] = {"Subnet", "Next Hop", "Metric", "Seq No"};
static const char *const query_header[QUERY_COLUMNS] = {"Subnet", "Query expiration"};

/* One table of routes, or of queries. */
struct listing {
	const char *path;
	size_t columns;
	const char *const *header;
	int (*add)(struct table *table, json_t *json);
};

static int add_route(struct table *table, json_t *json)
{
	const char *subnet = NULL, *next_hop = NULL;
	json_t *metric = NULL;
	json_int_t seqno = 0;
	char metric_number[NUMBER_SIZE], seqno_text[NUMBER_SIZE];
	if (json_unpack(json, "{s:s, s:s, s:o, s:I}", "subnet", &subnet, "nextHop", &next_hop, "metric", &metric,
			"seqno", &seqno) < 0 || (!json_is_integer(metric) && !json_is_string(metric)))
		return -EPROTO;
	snprintf(metric_number, sizeof(metric_number), "%lld", (long long)json_integer_value(metric));
	snprintf(seqno_text, sizeof(seqno_text), "%lld", (long long)seqno);
	const char *metric_text = json_is_string(metric) ? json_string_value(metric) : metric_number;
	return table_add_row(table, (const char *const[]){subnet, next_hop, metric_text, seqno_text});
}

static int add_query(struct table *table, json_t *json)
{
	const char *subnet = NULL, *expiration = NULL;
	if (json_unpack(json, "{s:s, s:s}", "subnet", &subnet, "expiration", &expiration) < 0)
		return -EPROTO;
	return table_add_row(table, (const char *const[]){subnet, expiration});
}

static struct listing listing_of(enum command command)
{
	if (command == COMMAND_ROUTES_QUERIED)
		return (struct listing){"/api/v1/admin/routes/queried", QUERY_COLUMNS, query_header, add_query};
	const char *path = command == COMMAND_ROUTES_SELECTED ? "/api/v1/admin/routes/selected" :
								"/api/v1/admin/routes/fallback";
	return (struct listing){path, ROUTE_COLUMNS, route_header, add_route};
}

static int print_table(const struct listing *listing, json_t *rows, FILE *out)
{
	struct table *table = table_new(listing->columns);
	int result = table != NULL ? table_add_row(table, listing->header) : -ENOMEM;
	for (size_t i = 0; result == 0 && i < json_array_size(rows); i++)
		result = listing->add(table, json_array_get(rows, i));
	if (result == 0)
		table_print(table, out);
	table_free(table);
	return result;
}

enum exit_status routes_run(const struct args *args, FILE *out, FILE *err)
{
	struct listing listing = listing_of(args->command);
	json_t *rows = NULL;
	char *body = NULL;
	int result = 0;
	if (client_get_list(&args->api_address, listing.path, &rows, &body, err) < 0)
		return EXIT_STATUS_FAILED;
	if (args->json)
		fprintf(out, "%s\n", body);	/* as the node wrote it */
	else
		result = print_table(&listing, rows, out);
	if (result == -EPROTO)
		client_report_foreign(&args->api_address, err);
	else if (result < 0)
		fputs("error: out of memory\n", err);
	json_decref(rows);
	free(body);
	return result < 0 ? EXIT_STATUS_FAILED : EXIT_STATUS_OK;
}
