// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

enum { PEER_COLUMNS = 8, SOCKET_SIZE = 32 };

static const char *const header[PEER_COLUMNS] = {
	"Protocol", "Socket", "Type", "Connection", "Rx total", "Tx total", "Discovered", "Last connection",
};

/* How the table names what the API says. */
struct display {
	const char *api, *table;
};

static const struct display displays[] = {
	{"tcp", "Tcp"}, {"tls", "Tls"}, {"quic", "Quic"}, {"vsock", "Vsock"},
	{"static", "Static"}, {"inbound", "Inbound"}, {"linkLocalDiscovery", "LinkLocalDiscovery"},
	{"alive", "Alive"}, {"connecting", "Connecting"}, {"dead", "Dead"},
};

/* A word that this version does not know, from a newer node, is shown as it is. */
static const char *display(const char *api)
{
	for (size_t i = 0; i < sizeof(displays) / sizeof(displays[0]); i++) {
		if (strcmp(displays[i].api, api) == 0)
			return displays[i].table;
	}
	return api;
}

/* One peer of the answer. */
struct peer {
	const char *protocol, *socket, *type, *state;
	json_int_t tx_bytes, rx_bytes, discovered;
	json_t *last_connected;		/* a number or null */
	char vsock_text[SOCKET_SIZE];
};

static int read_peer(json_t *json, struct peer *ret)
{
	json_t *address = NULL;
	json_int_t cid = 0, port = 0;
	if (json_unpack(json, "{s:{s:s, s:o}, s:s, s:s, s:I, s:I, s:I, s:o}", "endpoint", "proto", &ret->protocol,
			"addr", &address, "type", &ret->type, "connectionState", &ret->state, "txBytes", &ret->tx_bytes,
			"rxBytes", &ret->rx_bytes, "discovered", &ret->discovered, "lastConnected",
			&ret->last_connected) < 0)
		return -EPROTO;
	if (!json_is_integer(ret->last_connected) && !json_is_null(ret->last_connected))
		return -EPROTO;
	if (json_unpack(address, "{s:s}", "socket", &ret->socket) == 0)
		return 0;
	if (json_unpack(address, "{s:{s:I, s:I}}", "vsock", "cid", &cid, "port", &port) < 0)
		return -EPROTO;
	snprintf(ret->vsock_text, sizeof(ret->vsock_text), "%" PRIu32 ":%" PRIu32, (uint32_t)cid, (uint32_t)port);
	ret->socket = ret->vsock_text;
	return 0;
}

static int add_peer(struct table *table, json_t *json)
{
	struct peer peer = {0};
	char rx[BYTES_TEXT_SIZE], tx[BYTES_TEXT_SIZE], discovered[DURATION_TEXT_SIZE], last[DURATION_TEXT_SIZE];
	int result = read_peer(json, &peer);
	if (result < 0)
		return result;
	uint64_t last_connected = (uint64_t)json_integer_value(peer.last_connected);
	const char *cells[PEER_COLUMNS] = {
		display(peer.protocol),
		peer.socket,
		display(peer.type),
		display(peer.state),
		bytes_text((uint64_t)peer.rx_bytes, rx),
		bytes_text((uint64_t)peer.tx_bytes, tx),
		duration_text((uint64_t)peer.discovered, discovered),
		json_is_null(peer.last_connected) ? "Never connected" : duration_text(last_connected, last),
	};
	return table_add_row(table, cells);
}

static int print_table(json_t *peers, FILE *out)
{
	struct table *table = table_new(PEER_COLUMNS);
	int result = table != NULL ? table_add_row(table, header) : -ENOMEM;
	for (size_t i = 0; result == 0 && i < json_array_size(peers); i++)
		result = add_peer(table, json_array_get(peers, i));
	if (result == 0)
		table_print(table, out);
	table_free(table);
	return result;
}

static int print_json(json_t *peers, FILE *out)
{
	char *text = json_dumps(peers, JSON_INDENT(2));
	if (text == NULL)
		return -ENOMEM;
	fprintf(out, "%s\n", text);
	free(text);
	return 0;
}

enum exit_status peers_list_run(const struct args *args, FILE *out, FILE *err)
{
	json_t *peers = NULL;
	char *body = NULL;
	if (client_get_list(&args->api_address, "/api/v1/admin/peers", &peers, &body, err) < 0)
		return EXIT_STATUS_FAILED;
	int result = args->json ? print_json(peers, out) : print_table(peers, out);
	if (result == -EPROTO)
		client_report_foreign(&args->api_address, err);
	else if (result < 0)
		fputs("error: out of memory\n", err);
	json_decref(peers);
	free(body);
	return result < 0 ? EXIT_STATUS_FAILED : EXIT_STATUS_OK;
}
