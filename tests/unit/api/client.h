// SPDX-License-Identifier: Apache-2.0
/* A blocking HTTP client in a thread, while the loop under test runs in the test's own thread. */
#ifndef MYCELIUM_TESTS_API_CLIENT_H
#define MYCELIUM_TESTS_API_CLIENT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/loop.h"

enum { RESPONSE_MAX = 2 << 20 };

struct client {
	struct loop *loop;
	struct loop_wake *done;
	uint16_t port;
	const char *request;
	size_t request_len;
	char *response; /* all that came until the server closed, NUL-terminated */
	size_t len;
};

/* From 127.0.0.`host`. Returns a connected socket or -1. */
static inline int client_connect(uint16_t port, uint32_t host)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000 | host)};
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval limit = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) != 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline void *client_thread(void *context)
{
	struct client *client = context;
	int fd = client_connect(client->port, 1);
	size_t sent = 0;
	ssize_t n = 1;
	while (fd >= 0 && sent < client->request_len && n > 0) {
		n = send(fd, client->request + sent, client->request_len - sent, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
	}
	while (fd >= 0 && client->len < RESPONSE_MAX) {
		n = recv(fd, client->response + client->len, RESPONSE_MAX - client->len, 0);
		if (n <= 0)
			break;
		client->len += (size_t)n;
	}
	client->response[client->len] = '\0';
	if (fd >= 0)
		close(fd);
	loop_wake(client->done);
	return NULL;
}

static inline void client_done(void *context)
{
	loop_stop(context);
}

/* Sends bytes and reads until the server closes; the request must therefore ask for that. */
static inline void client_exchange(struct client *client, const char *request, size_t len)
{
	pthread_t thread;
	client->request = request;
	client->request_len = len;
	client->len = 0;
	pthread_create(&thread, NULL, client_thread, client);
	loop_run(client->loop);
	pthread_join(thread, NULL);
}

/* "GET /api/v1/admin": sends this with a Host, Connection: close, and what `headers` adds (each with its line end). */
static inline void client_request(struct client *client, const char *method_and_path, const char *headers)
{
	char request[2048];
	int len =
		snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: 127.0.0.1:8989\r\nConnection: close\r\n%s\r\n",
			 method_and_path, headers);
	client_exchange(client, request, (size_t)len);
}

/* Lets the loop run for a while. */
static inline void client_pause(struct client *client, unsigned ms)
{
	struct loop_timer *timer = loop_timer_new(client->loop, client_done, client->loop);
	loop_timer_set(timer, loop_now_ms(client->loop) + ms);
	loop_run(client->loop);
	loop_timer_free(timer);
}

static inline int client_status(const struct client *client)
{
	return client->len > 12 && strncmp(client->response, "HTTP/1.", 7) == 0 ? atoi(client->response + 9) : 0;
}

/* The body of the first response, or "" without one. */
static inline const char *client_body(const struct client *client)
{
	const char *end = strstr(client->response, "\r\n\r\n");
	return end != NULL ? end + 4 : "";
}

/* Copies the value of a header into `value`. Returns false when it is absent. */
static inline bool client_header(const struct client *client, const char *name, char *value, size_t size)
{
	const char *body = client_body(client);
	const char *line = strstr(client->response, "\r\n");
	for (; line != NULL && line + 4 < body; line = strstr(line + 2, "\r\n")) {
		size_t len = strlen(name);
		if (strncasecmp(line + 2, name, len) != 0 || line[2 + len] != ':')
			continue;
		const char *start = line + 2 + len + 1;
		start += strspn(start, " ");
		snprintf(value, size, "%.*s", (int)strcspn(start, "\r"), start);
		return true;
	}
	return false;
}

#endif
