// SPDX-License-Identifier: Apache-2.0
/* What the files of the node share: everything control owns. */
#ifndef MYCELIUM_NODE_NODE_INTERNAL_H
#define MYCELIUM_NODE_NODE_INTERNAL_H

#include "api/api.h"
#include "base/list.h"
#include "base/log.h"
#include "base/loop.h"
#include "dataplane/fib.h"
#include "dataplane/keyring.h"
#include "dataplane/lanes.h"
#include "dataplane/queue.h"
#include "dataplane/wait.h"
#include "node/config.h"
#include "node/resources.h"
#include "peers/manager.h"
#include "router/router.h"

/* One live link, from the hand-over to its lane until the lane says it is closed. */
struct connection {
	uint64_t id;		/* for the peer manager; 0: this row is free */
	uint32_t peer;		/* the router's handle */
	unsigned credit;	/* control frames that may still go to the lane; the lane gives back what it sent */
	uint64_t counted_rx, counted_tx;	/* bytes the peer manager knows of */
	struct endpoint remote;	/* where it leads */
	struct endpoint named;	/* dialled: as the peer manager has it, perhaps a host name */
	bool inbound;
	bool heard;		/* the far end has announced itself: it is a node */
	bool is_self;		/* this one */
	char name[LINK_NAME_SIZE];
};

struct node {
	const struct node_config *config;
	struct resources resources;
	struct public_key key;
	struct ip6 address;
	struct router_id router_id;
	int exit_status;

	struct loop *loop;
	struct loop_wake *lane_wake;
	struct loop_timer *deadline;
	struct dialler *dialler;
	struct listeners *listeners;
	struct neighbours *neighbours;

	struct router *router;
	struct peers *peers;
	struct fib *fib;
	struct keyring *keyring;
	struct wait *wait;
	struct lanes *lanes;
	struct api *api;

	struct connection *connections;		/* ROUTER_PEERS_MAX rows */
	struct connection **by_peer;		/* by the low 16 bits of the handle; compare the whole handle */
	uint64_t next_connection;
	struct parcel *ready, **ready_tail;	/* parcels whose route or key appeared, to be handled again */
	struct log_limit inbound_log, protocol_log, neighbour_log;
	bool left_behind;	/* a name is still being resolved by a helper thread */
};

/* connections.c: the table of live connections. */
bool connections_start(struct node *node);
void connections_stop(struct node *node);

/* Carries out what the peer manager decided. */
void connections_act(struct node *node);

/* A peer sent an Update: the first thing that every node does. */
void connection_heard(struct node *node, uint32_t peer, const struct tlv_update *update);

/* The lane closed a link. */
void connection_closed(struct node *node, const struct lane_event *event);

struct connection *connection_of_peer(const struct node *node, uint32_t peer);

/* Tells the peer manager of bytes moved since the last call. */
void connections_count_bytes(struct node *node);

/* A free row with a fresh id, or NULL when all are in use. */
struct connection *connection_new(struct node *node);
void connection_free(struct node *node, struct connection *connection);

/* Gives the link (taken over; NULL: it could not be made) of a connection that the peer manager knows to router and lane.
 * Returns false when that is not possible: the connection is gone. */
bool connection_start(struct node *node, struct connection *connection, struct link *link);

/* The same with a link that a lane offers. */
bool connection_adopt(struct node *node, struct connection *connection, const struct lane_event *offer);

/* Where an offered link comes from; an IPv4 address in its IPv6 form, as connections to the other listeners have it. */
void offer_remote(const struct lane_event *offer, struct sockaddr_storage *ret);

/* Whether a line that others can provoke may be written; says how many were left out since the last one. */
bool may_tell(struct node *node, struct log_limit *limit);

/* "connection refused": the system's words without their capital. */
const char *cause_text(int error, char text[static 64]);

/* dial.c: attempts to connect. */
bool dial_open(struct node *node);
void dial_close(struct node *node);
void dial_start(struct node *node, const struct endpoint *endpoint, uint64_t ticket);

/* Tells of an attempt that came to nothing; `text` NULL: what the error means. */
void dial_log_failure(struct node *node, const struct endpoint *endpoint, enum peers_news news, int error, const char *text);

/* A lane has made, or not, what it was asked to dial. */
void dial_offered(struct node *node, const struct lane_event *event);
void dial_failed(struct node *node, const struct lane_event *event);

/* listen.c: connections made by others. */

/* Tells of a remote that connected, or did not make it; of one that fails in the same way again and again only once. */
void listen_log_arrival(struct node *node, const struct endpoint *remote);
void listen_log_failure(struct node *node, const struct endpoint *remote, int error, const char *text);

bool listen_open(struct node *node);
void listen_close(struct node *node);
void listen_offered(struct node *node, const struct lane_event *event);

/* handshake.c: a TLS handshake on a connected socket, taken over. Calls back once, in a later round or not at all when it is
 * cancelled: with a link, or with NULL, a negative errno and perhaps words. Returns NULL without memory. */
struct handshake;
struct handshake *handshake_start(struct node *node, int fd, bool server,
				  void (*callback)(void *context, struct link *link, int error, const char *text),
				  void *context);

/* NULL is fine. */
void handshake_cancel(struct handshake *handshake);

/* neighbours.c: discovery on local links, and changes of the network. */
bool neighbours_open(struct node *node);
void neighbours_close(struct node *node);
void neighbours_tick(struct node *node, uint64_t now_ms);
uint64_t neighbours_next_deadline(const struct node *node);

/* pump.c: between router, lanes and waiting packets. */

/* Takes what the lanes have to say. */
void pump_lane_events(struct node *node);

/* Lets due deadlines happen, then carries every output to where it goes. Called once per round. */
void pump(struct node *node);

#endif
