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
	struct endpoint remote;
	bool inbound;
	char name[LINK_NAME_SIZE];
};

struct node {
	const struct node_config *config;
	struct resources resources;
	struct public_key key;
	struct ip6 address;
	int exit_status;

	struct loop *loop;
	struct loop_wake *lane_wake;
	struct loop_timer *deadline;
	struct loop_io *listener_io;
	struct loop_timer *accept_pause;
	struct list attempts;

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
	struct log_limit inbound_log, protocol_log;
};

/* connections.c: outbound attempts, inbound accepts, and the table of live connections. */
bool connections_start(struct node *node);
void connections_stop(struct node *node);

/* Carries out what the peer manager decided. */
void connections_act(struct node *node);

/* The lane closed a link. */
void connection_closed(struct node *node, const struct lane_event *event);

struct connection *connection_of_peer(const struct node *node, uint32_t peer);

/* Tells the peer manager of bytes moved since the last call. */
void connections_count_bytes(struct node *node);

/* pump.c: between router, lanes and waiting packets. */

/* Takes what the lanes have to say. */
void pump_lane_events(struct node *node);

/* Lets due deadlines happen, then carries every output to where it goes. Called once per round. */
void pump(struct node *node);

#endif
