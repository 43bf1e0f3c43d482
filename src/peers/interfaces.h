// SPDX-License-Identifier: Apache-2.0
/*
 * The network interfaces of this host, and word that something about them changed. One file per operating system.
 *
 * A change only says where to look: what is true then is in the list. Many messages of the system become one change, and
 * lost ones too: so a change may be told although nothing differs, but none stays untold. One thread.
 */
#ifndef MYCELIUM_PEERS_INTERFACES_H
#define MYCELIUM_PEERS_INTERFACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INTERFACE_NAME_SIZE = 16,
	INTERFACES_MAX = 4096,		/* in a list; further ones are left out and counted */
	INTERFACES_REMOVED_MAX = 16,	/* told in one change */
};

struct interface {
	uint32_t index;
	uint32_t mtu;
	char name[INTERFACE_NAME_SIZE];
	bool up;		/* switched on */
	bool running;		/* and has a carrier */
	bool multicast, loopback, point_to_point;
	bool has_link_local;	/* an address in fe80::/64 that may be sent from: not while its uniqueness is being checked */
};

struct interface_list {
	size_t count, left_out;
	/* Differs when other interfaces are running, or when they have other usable addresses, IPv4 or IPv6; the ignored one
	 * and loopback do not count. Says whether an announced change was one. */
	uint64_t fingerprint;
	struct interface items[INTERFACES_MAX];
};

struct network_change {
	bool links;	/* interfaces or addresses */
	bool routes;
	bool lost;	/* messages were lost: links and routes are set, and removed ones may be missing */
	/* Interfaces that were removed, even if one of that index is there again. */
	unsigned removed_count;
	uint32_t removed[INTERFACES_REMOVED_MAX];
};

struct interfaces;

/* Begins to watch. Returns 0 and an object for interfaces_close(), or a negative errno. */
int interfaces_open(struct interfaces **ret);

/* NULL is fine. */
void interfaces_close(struct interfaces *interfaces);

/* Nothing that happens to this interface is a change: the index of the program's own. 0 for none. */
void interfaces_ignore(struct interfaces *interfaces, uint32_t index);

/* The descriptor to poll for reading. */
int interfaces_fd(const struct interfaces *interfaces);

/* Takes what was announced, a bounded part of it at a time: the descriptor stays readable when there is more. Returns
 * whether it is a change worth looking at; `ret` is set in either case. Never blocks. */
bool interfaces_read_change(struct interfaces *interfaces, struct network_change *ret);

/* Lists all interfaces, the ignored one too. Returns 0 and a list that is valid until the next call; or a negative errno:
 * -EAGAIN when they kept changing meanwhile. */
int interfaces_list(struct interfaces *interfaces, const struct interface_list **ret);

#endif
