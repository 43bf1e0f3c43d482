// SPDX-License-Identifier: Apache-2.0
/*
 * The HTTP server in the control loop.
 *
 *   loop ── readable ──▶ epoll descriptor of libmicrohttpd ──▶ MHD_run() ──▶ on_request() ──▶ rest_handle()
 *     ▲                                                            │
 *     └────────── timer: what MHD_get_timeout() asks for ◀─────────┘
 */
#include "api/api.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/host.h"
#include "api/rest.h"

enum {
	CONNECTIONS_MAX = 128,
	CONNECTIONS_PER_ADDRESS_MAX = 64,
	CONNECTION_TIMEOUT_S = 30,
	CONNECTION_MEMORY_BYTES = 128 * 1024, /* request line and headers */
};

struct api {
	struct loop *loop;
	struct loop_io *io;
	struct loop_timer *timer;
	struct MHD_Daemon *daemon;
	unsigned connections; /* open ones after the last run */
	struct api_sources sources;
};

static const char host_refused[] =
	"The Host header must be an IP address or localhost, so that web pages cannot reach this API. "
	"Use for example http://127.0.0.1:8989 or http://localhost:8989.";

/* ---- requests ---------------------------------------------------------------------------------------------------- */

/* Takes over the body of the answer. */
static enum MHD_Result send_answer(struct MHD_Connection *connection, const struct rest_answer *answer)
{
	struct MHD_Response *response =
		answer->body != NULL
			? MHD_create_response_from_buffer(answer->body_len, answer->body, MHD_RESPMEM_MUST_FREE)
			: MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (response == NULL) {
		free(answer->body);
		return MHD_NO;
	}
	if (answer->content_type != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
	if (answer->allow != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
	enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return result;
}

static struct rest_answer refuse_host(void)
{
	struct rest_answer answer = {.status = 403, .content_type = "text/plain; charset=utf-8"};
	answer.body = strdup(host_refused);
	answer.body_len = strlen(host_refused);
	return answer.body != NULL ? answer : (struct rest_answer){.status = 403};
}

/* Called when the headers are there, for each piece of a body, and at the end of the request. No resource takes a
 * body yet: it is read and dropped, so that the client gets the answer and not a reset connection. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *target,
				  const char *method, const char *version, const char *upload, size_t *upload_len,
				  void **request_state)
{
	static char headers_seen;
	const struct api *api = context;
	(void)version;
	(void)upload;

	if (*request_state == NULL) {
		*request_state = &headers_seen;
		return MHD_YES;
	}
	if (*upload_len > 0) {
		*upload_len = 0;
		return MHD_YES;
	}
	struct rest_answer answer;
	if (host_is_served(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST)))
		answer = rest_handle(&api->sources, method, rest_path_of(target), loop_now_ms(api->loop));
	else
		answer = refuse_host();
	return send_answer(connection, &answer);
}

/* Paths are matched as they were sent, so nothing is unescaped. */
static size_t keep_escaped(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strlen(text);
}

/* ---- loop -------------------------------------------------------------------------------------------------------- */

static unsigned count_connections(const struct api *api)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
	return info != NULL ? info->num_connections : 0;
}

/* At its limit the daemon stops accepting, and it begins again only in the run after the one in which connections
 * ended. Nothing else would cause that run, so it happens here. */
static void run(struct api *api)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;
	unsigned before;

	do {
		before = api->connections;
		MHD_run(api->daemon);
		api->connections = count_connections(api);
	} while (api->connections < before);
	bool has_timeout = MHD_get_timeout(api->daemon, &timeout_ms) == MHD_YES;
	loop_timer_set(api->timer, has_timeout ? loop_now_ms(api->loop) + timeout_ms : UINT64_MAX);
}

static void on_readable(void *context, int events, int error)
{
	(void)events;
	(void)error;
	run(context);
}

static void on_timer(void *context)
{
	run(context);
}

static struct MHD_Daemon *start_daemon(struct api *api, int listen_fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, api, MHD_OPTION_LISTEN_SOCKET, listen_fd,
				MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
				MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_PER_ADDRESS_MAX,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_TIMEOUT_S,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
				MHD_OPTION_UNESCAPE_CALLBACK, keep_escaped, NULL, MHD_OPTION_END);
}

static bool watch_daemon(struct api *api)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL)
		return false;
	api->timer = loop_timer_new(api->loop, on_timer, api);
	api->io = loop_io_new(api->loop, info->epoll_fd, on_readable, api);
	if (api->timer == NULL || api->io == NULL)
		return false;
	loop_io_watch(api->io, LOOP_READABLE);
	return true;
}

/* The daemon gets a copy of the socket: whether it closes the one it was given when it cannot start is not
 * documented. */
static bool start(struct api *api, int listen_fd)
{
	int copy = fcntl(listen_fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return false;
	api->daemon = start_daemon(api, copy);
	return api->daemon != NULL && watch_daemon(api);
}

struct api *api_new(struct loop *loop, int listen_fd, const struct api_sources *sources)
{
	struct api *api = calloc(1, sizeof(*api));
	bool started = false;
	if (api != NULL) {
		api->loop = loop;
		api->sources = *sources;
		started = start(api, listen_fd);
	}
	close(listen_fd);
	if (started)
		return api;
	api_free(api);
	return NULL;
}

void api_free(struct api *api)
{
	if (api == NULL)
		return;
	loop_io_free(api->io);
	loop_timer_free(api->timer);
	if (api->daemon != NULL)
		MHD_stop_daemon(api->daemon);
	free(api);
}
