// SPDX-License-Identifier: Apache-2.0
#include <assert.h>

#include "link/link_internal.h"

void link_free(struct link *link)
{
	if (link != NULL)
		link->ops->free(link);
}

int link_fd(const struct link *link)
{
	return link->fd;
}

const char *link_name(const struct link *link)
{
	return link->name;
}

const char *link_protocol_error(const struct link *link)
{
	return frame_result_text(link->protocol_error);
}

long link_send(struct link *link, const struct iovec *frames, unsigned count, bool *ret_blocked)
{
	assert(count > 0 && count <= LINK_VECTOR && link_unsent(link) == 0);
	return link->ops->send(link, frames, count, ret_blocked);
}

long link_flush(struct link *link, bool *ret_blocked)
{
	return link->ops->flush(link, ret_blocked);
}

size_t link_unsent(const struct link *link)
{
	return link->ops->unsent(link);
}

size_t link_window(const struct link *link)
{
	return link->ops->window != NULL ? link->ops->window(link) : SIZE_MAX;
}

long link_unacknowledged_ms(const struct link *link)
{
	return link->ops->unacknowledged_ms != NULL ? link->ops->unacknowledged_ms(link) : -1;
}

void link_get_stats(const struct link *link, struct link_stats *ret)
{
	*ret = (struct link_stats){0};
	if (link->ops->get_stats != NULL)
		link->ops->get_stats(link, ret);
}
