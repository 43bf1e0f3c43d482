// SPDX-License-Identifier: Apache-2.0
/* Host names, by libuv's helper threads: the system's resolver can only be called, and waited for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/loop_internal.h"

struct loop_resolve {
	uv_getaddrinfo_t request;
	/* NULL once nobody waits for the answer any more: the request itself lives until the resolver is done with it. */
	void (*callback)(void *context, int error, const struct sockaddr_storage *addresses, unsigned count);
	void *context;
};

static unsigned copy_addresses(const struct addrinfo *from, struct sockaddr_storage *to, unsigned max)
{
	unsigned count = 0;
	for (; from != NULL && count < max; from = from->ai_next) {
		if (from->ai_family != AF_INET && from->ai_family != AF_INET6)
			continue;
		memset(&to[count], 0, sizeof(to[count]));
		memcpy(&to[count++], from->ai_addr, from->ai_addrlen);
	}
	return count;
}

static int error_of(int status)
{
	switch (status) {
	case 0:
		return 0;
	case UV_EAI_NONAME:
	case UV_EAI_NODATA:
	case UV_EAI_ADDRFAMILY:
		return -ENOENT;
	case UV_EAI_MEMORY:
		return -ENOMEM;
	default:
		return -EAGAIN;
	}
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *result)
{
	struct loop_resolve *resolve = request->data;
	struct sockaddr_storage addresses[LOOP_ADDRESSES_MAX];
	unsigned count = copy_addresses(result, addresses, LOOP_ADDRESSES_MAX);
	int error = error_of(status);
	uv_freeaddrinfo(result);
	loop_callback_begins(request->loop);
	if (resolve->callback != NULL)
		resolve->callback(resolve->context, error != 0 || count > 0 ? error : -ENOENT, addresses, count);
	free(resolve);
}

struct loop_resolve *loop_resolve_start(struct loop *loop, const char *host,
					void (*callback)(void *context, int error, const struct sockaddr_storage *addresses,
							 unsigned count),
					void *context)
{
	struct loop_resolve *resolve = calloc(1, sizeof(*resolve));
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	if (resolve == NULL)
		return NULL;
	resolve->request.data = resolve;
	resolve->callback = callback;
	resolve->context = context;
	if (uv_getaddrinfo(loop_uv(loop), &resolve->request, on_resolved, host, NULL, &hints) != 0) {
		free(resolve);
		return NULL;
	}
	return resolve;
}

void loop_resolve_cancel(struct loop_resolve *resolve)
{
	if (resolve == NULL)
		return;
	resolve->callback = NULL;
	/* One that waits for a helper thread ends at once, one that has it when it is done. */
	uv_cancel((uv_req_t *)&resolve->request);
}
