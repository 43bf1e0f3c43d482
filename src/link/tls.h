// SPDX-License-Identifier: Apache-2.0
/*
 * TLS 1.3 with a pre-shared key over TCP: the connections of a private network (docs/protocol/transports.md).
 *
 * The network's name is the PSK identity, sent in clear; its key is the PSK. Nothing else is accepted: no certificate, no
 * older version, no key exchange without forward secrecy.
 *
 *   connected TCP socket ─▶ handshake ── tls_handshake_step(), poll, again ──▶ link
 *                                     └▶ tls_handshake_error_text()
 *
 * There is no loop and no clock here: the caller polls, and gives a handshake up that takes too long. A handshake belongs to
 * one thread; the network they share is only read.
 */
#ifndef MYCELIUM_LINK_TLS_H
#define MYCELIUM_LINK_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "link/link.h"

enum {
	TLS_NETWORK_NAME_MAX = 64,	/* bytes */
	TLS_NETWORK_KEY_SIZE = 32,
};

/* ---- private network --------------------------------------------------------------------------------------------- */

/* Name and key of a private network, for both roles. Copies both, wipes the key when freed. Returns NULL without memory.
 * `name` has at most TLS_NETWORK_NAME_MAX bytes; what a good one is, is said where it is read (cli/values.h). */
struct tls_network;
struct tls_network *tls_network_new(const char *name, const uint8_t key[static TLS_NETWORK_KEY_SIZE]);

/* No handshake may use it any more; links may stay. NULL is fine. */
void tls_network_free(struct tls_network *network);

/* ---- handshake --------------------------------------------------------------------------------------------------- */

struct tls_handshake;

/* Begins a handshake over a connected non-blocking TCP socket, which it takes over: on NULL (no memory) it is closed.
 * Nothing is sent before the first step. */
struct tls_handshake *tls_handshake_new(const struct tls_network *network, int fd, bool server);

/*
 * Goes as far as the socket lets it, without blocking. Returns
 *   0                 done: tls_link_new()
 *   -EAGAIN           poll for tls_handshake_wants(), then again
 *   -EKEYREJECTED     the far end has another network key
 *   -ENOKEY           it has another network name, or none
 *   -EACCES           it proved nothing about the key
 *   -EPROTONOSUPPORT  it speaks no TLS 1.3
 *   -EPROTO           it speaks no TLS, or not as it should
 *   -ECONNABORTED     it gave the handshake up for another reason
 *   -ENODATA          it closed the connection
 *   -errno            the connection broke
 * After a failure the far end was told by an alert, and the handshake is only good for its text and tls_handshake_free().
 */
int tls_handshake_step(struct tls_handshake *handshake);

/* After -EAGAIN: what the descriptor must become. */
enum tls_wants { TLS_WANTS_READABLE, TLS_WANTS_WRITABLE };
enum tls_wants tls_handshake_wants(const struct tls_handshake *handshake);

int tls_handshake_fd(const struct tls_handshake *handshake);

/* Why it failed, in words that follow the name of the far end: "its network key differs". Lives as long as the handshake. */
const char *tls_handshake_error_text(const struct tls_handshake *handshake);

/* The connection of a done handshake as a link named "TLS LOCAL <-> REMOTE". Takes the handshake over; on NULL (no memory,
 * or the connection is already dead) all is closed and freed. */
struct link *tls_link_new(struct tls_handshake *handshake);

/* Closes, frees. NULL is fine. */
void tls_handshake_free(struct tls_handshake *handshake);

#endif
