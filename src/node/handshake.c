// SPDX-License-Identifier: Apache-2.0
/* TLS handshakes in the control loop: each waits for its socket, none for another. */
#include <errno.h>
#include <stdlib.h>

#include "link/tls.h"
#include "node/node_internal.h"

enum { HANDSHAKE_TIMEOUT_MS = 10000 };

struct handshake {
	struct node *node;
	struct tls_handshake *tls;
	struct loop_io *io;
	struct loop_timer *timeout;
	void (*callback)(void *context, struct link *link, int error, const char *text);
	void *context;
};

void handshake_cancel(struct handshake *handshake)
{
	if (handshake == NULL)
		return;
	loop_io_free(handshake->io);
	loop_timer_free(handshake->timeout);
	tls_handshake_free(handshake->tls);
	free(handshake);
}

/* The watcher must be gone before the descriptor goes to a lane, or is closed. */
static void finish(struct handshake *handshake, int error, const char *text)
{
	struct handshake ended = *handshake;
	loop_io_free(handshake->io);
	loop_timer_free(handshake->timeout);
	free(handshake);
	struct link *link = NULL;
	if (error == 0) {
		link = tls_link_new(ended.tls);
		error = link != NULL ? 0 : -ENOMEM;
		ended.tls = NULL;
	}
	ended.callback(ended.context, link, error, text);
	tls_handshake_free(ended.tls);
}

static void on_ready(void *context, int events, int error)
{
	struct handshake *handshake = context;
	(void)events;
	/* Polling only says that something is wrong; the next step says what. */
	int result = tls_handshake_step(handshake->tls);
	if (result == -EAGAIN && error != 0)
		result = error;
	if (result == -EAGAIN)
		loop_io_watch(handshake->io, tls_handshake_wants(handshake->tls) == TLS_WANTS_WRITABLE ? LOOP_WRITABLE : LOOP_READABLE);
	else
		finish(handshake, result, result != 0 && result != error ? tls_handshake_error_text(handshake->tls) : NULL);
}

static void on_timeout(void *context)
{
	finish(context, -ETIMEDOUT, "no answer to the TLS handshake");
}

struct handshake *handshake_start(struct node *node, int fd, bool server,
				  void (*callback)(void *context, struct link *link, int error, const char *text), void *context)
{
	struct handshake *handshake = calloc(1, sizeof(*handshake));
	if (handshake == NULL) {
		socket_close_fd(fd);
		return NULL;
	}
	*handshake = (struct handshake){.node = node, .callback = callback, .context = context};
	handshake->tls = tls_handshake_new(node->resources.network, fd, server);
	if (handshake->tls != NULL) {
		handshake->io = loop_io_new(node->loop, tls_handshake_fd(handshake->tls), on_ready, handshake);
		handshake->timeout = loop_timer_new(node->loop, on_timeout, handshake);
	}
	if (handshake->io == NULL || handshake->timeout == NULL) {
		handshake_cancel(handshake);
		return NULL;
	}
	/* The first step is taken in the loop: nothing of it may happen inside the caller. */
	loop_io_watch(handshake->io, server ? LOOP_READABLE : LOOP_WRITABLE);
	loop_timer_set(handshake->timeout, loop_now_ms(node->loop) + HANDSHAKE_TIMEOUT_MS);
	return handshake;
}
