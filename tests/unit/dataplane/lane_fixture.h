// SPDX-License-Identifier: Apache-2.0
/*
 * A real lane with its thread: the test is control, the host behind the interface and all peers.
 *
 *   host ── tun_fake ── lane ── socket pair ── peer
 *                         └──── socket pair ── barrier
 *
 * Nothing waits for a time to pass: fixture_settle() returns when the lane has worked off all that was given to it
 * before, so that what must not happen can be looked for at once. Include behind cmocka.h.
 */
#ifndef MYCELIUM_TESTS_DATAPLANE_LANE_FIXTURE_H
#define MYCELIUM_TESTS_DATAPLANE_LANE_FIXTURE_H

#include <semaphore.h>
#include <stdatomic.h>

#include "dataplane/lanes.h"
#include "tun_fake.h"
#include "wire/sealed.h"

/* Handles of peers, with generations in the upper half. */
enum { PEER_1 = 0x00010001, PEER_2 = 0x00030002, PEER_3 = 0x00000003, PEER_BARRIER = 0x00010000 + LANE_LINKS_MAX - 1 };

enum { BUFFER_SIZE = 70000 };

struct fixture {
	struct fib *fib;
	struct loop *loop;
	struct loop_wake *wake;
	struct tun *tun;
	unsigned lane_count;
	struct tun *more_tun[LANES_MAX];	/* queues of the other lanes */
	struct lanes *lanes;
	struct ip6 address;
	struct nonce_sequence nonces;
	int barriers[LANES_MAX];		/* that of lane i has the peer PEER_BARRIER - i */
	uint64_t barriers_passed;
	sem_t held, let_go;
	atomic_bool holds;
};

/* cmocka group setup. */
int fixture_group_setup(void **state);

/* Starts a lane for a node of this address. */
void fixture_start(struct fixture *f, const char *address, bool with_tun);
void fixture_stop(struct fixture *f);

/* The same with several lanes, each with a queue of the interface. */
void fixture_start_lanes(struct fixture *f, const char *address, bool with_tun, unsigned lane_count);

/* Several lanes and an interface with one queue, that of the first. */
void fixture_start_one_queue(struct fixture *f, const char *address, unsigned lane_count);

/* Starts it with an interface, and gives it one link, whose other end it returns: the first lines of most tests. */
int fixture_start_with_peer(struct fixture *f, const char *address, uint32_t peer);

struct ip6 address_of(const char *text);

/* Next hop and secret of the /64 of an address. The secret is 32 bytes counted up from `first`. */
void fixture_route(struct fixture *f, const char *address, uint32_t peer);
void fixture_secret(struct fixture *f, const char *address, uint8_t first);

/* Hands a link over; the other end is the caller's. */
int fixture_add_link(struct fixture *f, uint32_t peer);

/* The same with a small buffer in the lane's direction, so that it blocks after a few frames. */
int fixture_add_narrow_link(struct fixture *f, uint32_t peer);

/* A Hello with this seqno: one TLV in 16 bytes. */
enum { HELLO_SIZE = 16 };
void hello_make(uint8_t *frame, uint16_t seqno);

/* Sends it to a peer as a control frame. */
void fixture_send_hello(struct fixture *f, uint32_t peer, uint16_t seqno);

/* Packets from the host must be few for that: a lane takes some 128 in a round. */
void fixture_settle(struct fixture *f);
/* Holds the thread of a lane, one at a time, while it reads its queue of the interface: what comes meanwhile is all there
 * for its next round. Costs an invalid packet. */
void fixture_hold(struct fixture *f, unsigned lane);
void fixture_let_go(struct fixture *f);

/* The queue of the interface that belongs to a lane. */
struct tun *fixture_queue(const struct fixture *f, unsigned lane);

/* Waits until a counter is at least so high: for what happens while a lane is held, when nothing can settle. */
void fixture_wait_counter(struct fixture *f, enum lane_counter counter, uint64_t least);

uint64_t fixture_counter(struct fixture *f, enum lane_counter counter);

/* The next event, which must be of this type; waits for it. Reports of control frames sent by the fixture
 * are left out, and LANE_SILENT unless it is asked for. */
struct lane_event fixture_event(struct fixture *f, enum lane_event_type type);

/* After settling: nothing was told. */
void fixture_no_event(struct fixture *f);

/* The next event must be a parcel of this kind, source, destination and bytes. The caller owns it. */
struct parcel *fixture_parcel(struct fixture *f, enum parcel_kind kind, const char *source, const char *destination,
			      const uint8_t *bytes, size_t len);

void fixture_retry(struct fixture *f, struct parcel *parcel);
void fixture_refuse(struct fixture *f, struct parcel *parcel);

/* The host's end of the interface. */
void host_send(struct fixture *f, const uint8_t *packet, size_t len);
void host_send_to_queue(struct fixture *f, unsigned lane, const uint8_t *packet, size_t len);
size_t host_receive(struct fixture *f, uint8_t *packet);
void host_silent(struct fixture *f);

/* The peer's end of a link: whole frames. */
void peer_send(int fd, const uint8_t *bytes, size_t len);
size_t peer_receive(int fd, uint8_t *frame);
void peer_silent(struct fixture *f, int fd);

/* Bytes from hex; returns their number. */
size_t bytes_of_hex(const char *hex, uint8_t *bytes);
void assert_hex(const uint8_t *bytes, size_t len, const char *hex);

/* An IPv6 packet with `payload_len` bytes counted up behind its header (next header 59: none). Returns its length. */
size_t packet_make(uint8_t *packet, const char *source, const char *destination, uint8_t hop_limit, size_t payload_len);

/* Four bytes of a packet's payload or a frame's body. */
void number_write(uint8_t *bytes, uint32_t number);
uint32_t number_read(const uint8_t *bytes);

/* A data frame with this body. Returns its length. */
size_t frame_make(uint8_t *frame, const char *source, const char *destination, uint8_t hop_limit, const uint8_t *body,
		  size_t body_len);

/* A data frame with this plaintext (user header and payload) sealed under the secret from `first`. */
size_t frame_seal(struct fixture *f, uint8_t *frame, const char *source, const char *destination, uint8_t hop_limit,
		  uint8_t first, const uint8_t *plain, size_t len);

/* Opens the body of a frame with the secret from `first`: user type and payload, in place. */
uint8_t *frame_open(uint8_t *frame, size_t len, uint8_t first, enum user_type *ret_type, size_t *ret_len);

#endif
