// SPDX-License-Identifier: Apache-2.0
/*
 * QUIC endpoints on the loopback interface, driven as a lane drives its own: each counts what it gets and takes every
 * connection that it is offered as the link of a peer. Include behind cmocka.h.
 */
#ifndef MYCELIUM_TESTS_LINK_QUIC_END_H
#define MYCELIUM_TESTS_LINK_QUIC_END_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "link/quic.h"
#include "wire/frame.h"

enum {
	LINKS_MAX = 64,
	PATIENCE_MS = 10000, /* far beyond what any step needs: a test that waits so long has failed */
	PEERS_FROM = 100,    /* peers of an end are numbered from here */
	PORT_RANGE = 64,
};

/* One link of an end, and what came over it. */
struct end_link {
	struct link *link;
	uint64_t ticket;
	struct sockaddr_storage remote;
	uint32_t rtt_us;
	unsigned frames;
	uint64_t bytes;
	unsigned writable, closed;
	int error;
	const char *text;
};

struct end {
	struct quic_identity *identity;
	struct quic_sockets sockets;
	struct quic *quic;
	bool owns_sockets, refuses, waits; /* waits: offers are noted in `offered` and not taken */
	unsigned links, failed, offers;
	uint64_t offered;
	int error;
	const char *text;
	struct end_link link[LINKS_MAX];
	void (*on_frame)(struct end *end, struct end_link *link, const struct frame *frame);
	void *context;
};

/* The clock of all ends: the machine's, and what a test added. */
static uint64_t skipped_us;

static inline uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 + skipped_us;
}

static inline struct secret_key key_of(uint8_t fill)
{
	struct secret_key key;
	memset(key.bytes, fill, sizeof(key.bytes));
	return key;
}

/* An endpoint over sockets that are there. */
static inline void end_start(struct end *end, const struct quic_sockets *sockets, uint8_t key, unsigned lane,
			     unsigned lanes)
{
	struct secret_key secret = key_of(key);
	*end = (struct end){.sockets = *sockets};
	end->identity = quic_identity_new(&secret);
	assert_non_null(end->identity);
	const struct quic_config config = {
		.identity = end->identity, .sockets = *sockets, .lane = lane, .lanes = lanes, .seed = key};
	end->quic = quic_new(&config);
	assert_non_null(end->quic);
	quic_set_time(end->quic, now_us());
}

/* One of its own, on `port` or any. */
static inline void end_open(struct end *end, uint16_t port, uint8_t key)
{
	const struct socket_options options = {0};
	struct quic_sockets sockets;
	assert_int_equal(quic_open_sockets(port, 1, &options, &sockets), 0);
	end_start(end, &sockets, key, 0, 1);
	end->owns_sockets = true;
}

static inline uint16_t end_port(const struct end *end)
{
	return quic_local_port(&end->sockets);
}

static inline void end_close(struct end *end)
{
	for (unsigned i = 0; i < end->links; i++)
		link_free(end->link[i].link);
	quic_free(end->quic);
	quic_identity_free(end->identity);
	if (end->owns_sockets)
		quic_close_sockets(&end->sockets, 1);
}

static inline void end_free_link(struct end *end, unsigned index)
{
	link_free(end->link[index].link);
	end->link[index].link = NULL;
}

/* ---- driving ----------------------------------------------------------------------------------------------------- */

static inline void end_adopt(struct end *end, const struct quic_event *event)
{
	assert_true(end->links < LINKS_MAX);
	struct end_link *link = &end->link[end->links];
	*link = (struct end_link){.ticket = event->ticket, .remote = event->remote, .rtt_us = event->rtt_us};
	link->link = quic_adopt(end->quic, event->id, PEERS_FROM + end->links);
	assert_non_null(link->link);
	end->links++;
}

static inline void end_take_event(struct end *end, const struct quic_event *event)
{
	struct end_link *link = event->peer >= PEERS_FROM ? &end->link[event->peer - PEERS_FROM] : NULL;
	bool blocked;
	switch (event->type) {
	case QUIC_CONNECTED:
		end->offers++;
		end->offered = event->id;
		if (end->refuses)
			quic_refuse(end->quic, event->id);
		else if (!end->waits)
			end_adopt(end, event);
		break;
	case QUIC_FAILED:
		end->failed++;
		end->error = event->error;
		end->text = event->text;
		break;
	case QUIC_CLOSED:
		assert_non_null(link);
		link->closed++;
		link->error = event->error;
		link->text = event->text;
		break;
	case QUIC_WRITABLE:
		assert_non_null(link);
		link->writable++;
		assert_true(link_flush(link->link, &blocked) >= 0);
		break;
	}
}

static inline void end_take_frames(struct end *end)
{
	static uint8_t buffer[QUIC_BUFFER_SIZE];
	static struct frame_vector frames;
	size_t at = 0;
	uint32_t peer;
	int result;
	while ((result = quic_next_frames(end->quic, buffer, &at, &peer, &frames)) != 0) {
		if (result == -ENOBUFS) {
			assert_true(at > 0);
			memset(buffer, 0xee, sizeof(buffer));
			at = 0;
			continue;
		}
		assert_int_equal(result, 1);
		assert_true(frames.count > 0 && frames.count <= LINK_VECTOR && at <= sizeof(buffer));
		struct end_link *link = &end->link[peer - PEERS_FROM];
		for (unsigned i = 0; i < frames.count; i++) {
			link->frames++;
			link->bytes += frames.frames[i].len;
			if (end->on_frame != NULL)
				end->on_frame(end, link, &frames.frames[i]);
		}
	}
}

/* One round of a lane. */
static inline void end_turn(struct end *end)
{
	struct quic_event event;
	quic_set_time(end->quic, now_us());
	for (unsigned i = 0; i < 2; i++)
		while (quic_receive(end->quic, i) >= 0)
			end_take_frames(end);
	quic_expire(end->quic);
	end_take_frames(end);
	quic_flush(end->quic);
	quic_transmit(end->quic);
	while (quic_next_event(end->quic, &event))
		end_take_event(end, &event);
}

/* One round of each, then a wait of a few milliseconds at most. */
static inline void ends_turn(struct end *const *ends, unsigned count)
{
	struct pollfd fds[2 * LINKS_MAX];
	uint64_t deadline = UINT64_MAX, now;
	nfds_t polled = 0;
	for (unsigned i = 0; i < count; i++)
		end_turn(ends[i]);
	for (unsigned i = 0; i < count; i++) {
		uint64_t due = quic_deadline_us(ends[i]->quic);
		deadline = due < deadline ? due : deadline;
		for (unsigned j = 0; j < 2; j++)
			fds[polled++] = (struct pollfd){.fd = ends[i]->sockets.fd[j], .events = POLLIN};
	}
	now = now_us();
	const struct timespec wait = {.tv_nsec = deadline <= now         ? 0
						 : deadline - now < 2000 ? (long)(deadline - now) * 1000
									 : 2000000};
	ppoll(fds, polled, &wait, NULL);
}

#define wait_until(ends, count, condition)                                                                             \
	do {                                                                                                           \
		uint64_t give_up_us = now_us() + (uint64_t)PATIENCE_MS * 1000;                                         \
		while (!(condition)) {                                                                                 \
			assert_true(now_us() < give_up_us);                                                            \
			ends_turn(ends, count);                                                                        \
		}                                                                                                      \
	} while (0)

/* Rounds for some time, in which nothing is expected. */
static inline void run_for(struct end *const *ends, unsigned count, uint64_t us)
{
	for (uint64_t end_us = now_us() + us; now_us() < end_us;)
		ends_turn(ends, count);
}

/* ---- dialling ---------------------------------------------------------------------------------------------------- */

static inline struct sockaddr_storage loopback(int family, uint16_t port)
{
	struct sockaddr_storage address = {0};
	if (family == AF_INET) {
		const struct sockaddr_in in = {
			.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		memcpy(&address, &in, sizeof(in));
	} else {
		const struct sockaddr_in6 in6 = {
			.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
		memcpy(&address, &in6, sizeof(in6));
	}
	return address;
}

static inline int end_dial(struct end *end, int family, uint16_t port, uint64_t ticket)
{
	const struct sockaddr_storage address = loopback(family, port);
	quic_set_time(end->quic, now_us());
	return quic_dial(end->quic, (const struct sockaddr *)&address,
			 family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6), ticket);
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

/* A data frame of `len` bytes, at least 40, whose body follows from `seed`. */
static inline void make_data(uint8_t *frame, size_t len, uint64_t seed)
{
	size_t body = len - 40;
	struct rng rng = rng_seeded(seed);
	const uint8_t header[8] = {1, 0, 0, 0, 0, (uint8_t)(body >> 8), (uint8_t)body, 63};
	memcpy(frame, header, sizeof(header));
	for (size_t i = sizeof(header); i < len; i++)
		frame[i] = (uint8_t)rng_next(&rng);
}

/* A control frame of `len` bytes, at least 8. */
static inline void make_control(uint8_t *frame, size_t len, uint64_t seed)
{
	size_t body = len - 8;
	struct rng rng = rng_seeded(seed);
	const uint8_t header[8] = {1, 1, 0, 0, 42, 3, (uint8_t)(body >> 8), (uint8_t)body};
	memcpy(frame, header, sizeof(header));
	for (size_t i = sizeof(header); i < len; i++)
		frame[i] = (uint8_t)rng_next(&rng);
}

/* Sends one frame. Returns whether the link is blocked behind it. */
static inline bool send_frame(struct end *end, unsigned index, const uint8_t *frame, size_t len)
{
	const struct iovec part = {(void *)(uintptr_t)frame, len};
	bool blocked = false;
	quic_set_time(end->quic, now_us());
	assert_true(link_send(end->link[index].link, &part, 1, &blocked) >= 0);
	return blocked;
}

static inline void send_control(struct end *end, unsigned index, size_t len, uint64_t seed)
{
	uint8_t frame[65535 + 8];
	make_control(frame, len, seed);
	send_frame(end, index, frame, len);
}

/* Both ends have a link to each other; the client writes first, as the server sees the stream only then. */
static inline void connect_ends(struct end *client, struct end *server, int family)
{
	struct end *const ends[] = {client, server};
	unsigned of_client = client->links, of_server = server->links;
	assert_int_equal(end_dial(client, family, end_port(server), 7), 0);
	wait_until(ends, 2, client->links > of_client);
	send_control(client, of_client, 8, 1);
	wait_until(ends, 2, server->links > of_server && server->link[of_server].frames == 1);
}

#endif
