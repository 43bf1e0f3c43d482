// SPDX-License-Identifier: Apache-2.0
/* What every kind of link begins with; inside the room. */
#ifndef MYCELIUM_LINK_LINK_INTERNAL_H
#define MYCELIUM_LINK_LINK_INTERNAL_H

#include "link/link.h"

/* As the functions of link.h; the last three may be NULL: the transport cannot tell. */
struct link_ops {
	void (*free)(struct link *link);
	long (*send)(struct link *link, const struct iovec *frames, unsigned count, bool *ret_blocked);
	long (*flush)(struct link *link, bool *ret_blocked);
	size_t (*unsent)(const struct link *link);
	size_t (*window)(const struct link *link);
	long (*unacknowledged_ms)(const struct link *link);
	void (*get_stats)(const struct link *link, struct link_stats *ret);
};

/* The first member of each. */
struct link {
	const struct link_ops *ops;
	int fd;
	enum frame_result protocol_error;
	char name[LINK_NAME_SIZE];
};

#endif
