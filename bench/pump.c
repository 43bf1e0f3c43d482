// SPDX-License-Identifier: Apache-2.0
/*
 * The pump: what a tunnel costs on this machine when it does nothing but move, seal and open.
 *
 *   tun ── one read ──▶ pieces, each sealed ── one write ──▶ socket ── reads ──▶ each opened ── one write ──▶ tun
 *
 * The same interface, cipher, piece size and bytes on the wire as a node, but one peer, one key, no checksums, no routing,
 * no queue and no protection against anybody: what several packets share crosses the wire as it was read. It is the mark
 * that bench/ holds the node against, and carries nothing that matters.
 *
 *   pump TUN ADDRESS listen PORT
 *   pump TUN ADDRESS connect IPV4 PORT
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/aead.h"
#include "crypto/nonce.h"
#include "tun/tun.h"
#include "wire/sealed.h"

enum {
	PIECES_MAX = 1024,
	PIECE_MAX = 1400,	/* of a packet that nobody cut */
	WIRE_MAX = TUN_READ_MAX + PIECES_MAX * (SEAL_HEADROOM + SEAL_TAILROOM),
	READ_SIZE = 131072,
};

/* In front of the pieces of one packet. */
struct heading {
	uint32_t len;	 /* of the packet */
	uint32_t piece;	 /* bytes in each piece but the last */
	struct tun_offload offload;
};

static struct tun *tun;
static int peer;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct aead_key *make_key(void)
{
	struct shared_secret secret = {.bytes = {1}};
	struct aead_key *key = aead_key_new(&secret);
	if (key == NULL)
		die("pump: key");
	return key;
}

static void write_all(const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t written = send(peer, bytes, len, MSG_NOSIGNAL);
		if (written <= 0)
			die("pump: send");
		bytes += written;
		len -= (size_t)written;
	}
}

/* Seals a packet piece by piece, with as much room around each as a frame takes. Returns the bytes to be sent. */
static size_t seal_pieces(const uint8_t *packet, const struct heading *heading, uint8_t *out, struct aead_key *key,
			  struct nonce_sequence *nonces)
{
	uint8_t *at = out;
	memcpy(at, heading, sizeof(*heading));
	at += sizeof(*heading);
	for (size_t done = 0; done < heading->len;) {
		size_t len = heading->len - done < heading->piece ? heading->len - done : heading->piece;
		at += SEAL_HEADROOM;
		nonce_next(nonces, at + len + AEAD_TAG_SIZE);
		aead_seal(key, at + len + AEAD_TAG_SIZE, packet + done, len, at, at + len);
		at += len + SEAL_TAILROOM;
		done += len;
	}
	return (size_t)(at - out);
}

static void *pump_out(void *context)
{
	static uint8_t packet[TUN_READ_MAX], out[WIRE_MAX];
	struct aead_key *key = make_key();
	struct nonce_sequence nonces;
	nonce_sequence_init(&nonces, 0);
	for (;;) {
		struct heading heading = {0};
		struct iovec part = {packet, sizeof(packet)};
		long len = tun_read(tun, &part, 1, &heading.offload);
		if (len < 0)
			die("pump: tun");
		heading.len = (uint32_t)len;
		heading.piece = heading.offload.batch == TUN_SINGLE ? PIECE_MAX : heading.offload.segment_size + 72u;
		heading.offload.header_len = (uint16_t)(heading.offload.checksum_start + 32);
		write_all(out, seal_pieces(packet, &heading, out, key, &nonces));
	}
	return context;
}

/* Opens the packet at the front of what was received and writes it. Returns the bytes it took, 0 when some are missing. */
static size_t open_pieces(const uint8_t *in, size_t len, uint8_t *packet, struct aead_key *key)
{
	struct heading heading;
	if (len < sizeof(heading))
		return 0;
	memcpy(&heading, in, sizeof(heading));
	size_t pieces = (heading.len + heading.piece - 1) / heading.piece;
	size_t whole = sizeof(heading) + heading.len + pieces * (SEAL_HEADROOM + SEAL_TAILROOM);
	if (len < whole)
		return 0;
	const uint8_t *at = in + sizeof(heading);
	for (size_t done = 0; done < heading.len;) {
		size_t piece = heading.len - done < heading.piece ? heading.len - done : heading.piece;
		at += SEAL_HEADROOM;
		if (aead_open(key, at + piece + AEAD_TAG_SIZE, at, piece, at + piece, packet + done) != 0)
			exit(1);
		at += piece + SEAL_TAILROOM;
		done += piece;
	}
	struct iovec part = {packet, heading.len};
	tun_write(tun, &part, 1, &heading.offload);
	return whole;
}

static void *pump_in(void *context)
{
	static uint8_t packet[TUN_READ_MAX], in[WIRE_MAX + READ_SIZE];
	struct aead_key *key = make_key();
	size_t have = 0;
	for (;;) {
		ssize_t got = recv(peer, in + have, READ_SIZE, 0);
		if (got <= 0)
			exit(0);
		have += (size_t)got;
		size_t done = 0;
		for (size_t taken; (taken = open_pieces(in + done, have - done, packet, key)) > 0;)
			done += taken;
		memmove(in, in + done, have - done);
		have -= done;
	}
	return context;
}

static int accept_one(const char *port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&any, sizeof(any)) != 0 || listen(listener, 1) != 0)
		die("pump: listen");
	return accept(listener, NULL, NULL);
}

static int connect_to(const char *address, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	inet_pton(AF_INET, address, &to.sin_addr);
	for (int attempts = 0; attempts < 100; attempts++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
			return fd;
		close(fd);
		usleep(50000);
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct ip6 address;
	struct problems problems = {0};
	bool listens = argc == 5 && strcmp(argv[3], "listen") == 0;
	if ((!listens && !(argc == 6 && strcmp(argv[3], "connect") == 0)) || inet_pton(AF_INET6, argv[2], address.bytes) != 1) {
		fputs("usage: pump TUN ADDRESS listen PORT | connect IPV4 PORT\n", stderr);
		return 2;
	}
	if (aead_setup() != 0)
		die("pump: cipher");
	tun = tun_open(argv[1], false, &problems);
	if (tun == NULL || tun_bring_up(tun, &address, &problems) != 0) {
		problems_print(&problems, stderr, "pump: ");
		return 1;
	}
	fcntl(tun_fd(tun), F_SETFL, O_RDWR);
	peer = listens ? accept_one(argv[4]) : connect_to(argv[4], argv[5]);
	if (peer < 0)
		die("pump: peer");
	int one = 1;
	setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	pthread_t out;
	if (pthread_create(&out, NULL, pump_out, NULL) != 0)
		die("pump: thread");
	pump_in(NULL);
	return 0;
}
