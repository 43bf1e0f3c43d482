// SPDX-License-Identifier: Apache-2.0
/*
 * Packets of strangers. None of them may cost much: a first packet becomes a connection only within limits, beyond a
 * few only when the client showed, by returning a token (Retry), that it is where it says it is.
 *
 *   Initial ─▶ too many? drop ─▶ many? token or Retry ─▶ too many of this prefix? drop ─▶ connection
 */
#include <errno.h>
#include <string.h>

#include "base/random.h"
#include "link/quic_internal.h"

enum {
	RETRY_ID_SIZE = 18, /* it only passes through the client, so it may be long */
	RETRY_SECONDS = 10, /* that a token counts */
	ANSWERS_PER_SECOND = 100,
	ANSWERS_BURST = 200,
	ACCEPTS_PER_SECOND = 100, /* without a token: each costs a handshake, or the beginning of one */
	ACCEPTS_BURST = QUIC_RETRY_ABOVE,
	RESET_SIZE_MIN = 21, /* RFC 9000, section 10.3 */
	RESET_SIZE_MAX = 42,
	RESET_RANDOM_MAX = RESET_SIZE_MAX - NGTCP2_STATELESS_RESET_TOKENLEN,
	ANSWER_SIZE = 512,
};

void quic_answer_version(struct quic *quic, unsigned socket, const struct udp_datagram *datagram,
			 const ngtcp2_version_cid *ids)
{
	/* One we have, and one nobody has: clients must not rely on the list. */
	static const uint32_t versions[] = {NGTCP2_PROTO_VER_V1, 0x1a2a3a4a};
	uint8_t answer[ANSWER_SIZE + 2 * 255], chance;
	/* Somebody who answers everything must not keep us answering. */
	if (!token_bucket_take(&quic->answers, ANSWERS_PER_SECOND, ANSWERS_BURST, quic->now_us / 1000)) {
		quic->counters.answers_limited++;
		return;
	}
	random_fill(&chance, sizeof(chance));
	ngtcp2_ssize len =
		ngtcp2_pkt_write_version_negotiation(answer, sizeof(answer), chance, ids->scid, ids->scidlen, ids->dcid,
						     ids->dcidlen, versions, sizeof(versions) / sizeof(versions[0]));
	if (len > 0)
		quic_send_answer(quic, socket, datagram->path, answer, (size_t)len);
}

/* Always smaller than what it answers, so that two ends without state do not answer each other for ever. */
void quic_reset_stranger(struct quic *quic, unsigned socket, const struct udp_datagram *datagram)
{
	uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN], random[RESET_RANDOM_MAX], answer[RESET_SIZE_MAX];
	size_t size = datagram->len > RESET_SIZE_MAX ? RESET_SIZE_MAX : datagram->len - 1;
	ngtcp2_cid id;
	if (datagram->len <= RESET_SIZE_MIN)
		return;
	if (!token_bucket_take(&quic->answers, ANSWERS_PER_SECOND, ANSWERS_BURST, quic->now_us / 1000)) {
		quic->counters.answers_limited++;
		return;
	}
	ngtcp2_cid_init(&id, datagram->bytes + 1, QUIC_ID_SIZE);
	random_fill(random, sizeof(random));
	const uint8_t *secret = quic->identity->reset_secret;
	if (ngtcp2_crypto_generate_stateless_reset_token(token, secret, QUIC_SECRET_SIZE, &id) != 0)
		return;
	ngtcp2_ssize len = ngtcp2_pkt_write_stateless_reset(answer, size, token, random, sizeof(random));
	if (len <= 0)
		return;
	quic_send_answer(quic, socket, datagram->path, answer, (size_t)len);
	quic->counters.resets_sent++;
}

/* ---- first packets ----------------------------------------------------------------------------------------------- */

static bool same_prefix(const union udp_address *a, const union udp_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 8) == 0;
}

static unsigned count_pending(const struct quic *quic, const union udp_address *remote)
{
	unsigned count = 0;
	list_foreach (&quic->strangers, node, next)
		count += same_prefix(&container_of(node, struct quic_connection, stranger)->remote, remote);
	return count;
}

static void send_retry(struct quic *quic, unsigned socket, const struct udp_datagram *datagram,
		       const ngtcp2_pkt_hd *header)
{
	uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN], answer[ANSWER_SIZE];
	const union udp_address *remote = &datagram->path->remote;
	ngtcp2_cid id = {.datalen = RETRY_ID_SIZE};
	quic_draw_id(quic, id.data, RETRY_ID_SIZE);
	ngtcp2_ssize len = ngtcp2_crypto_generate_retry_token(token, quic->identity->retry_secret, QUIC_SECRET_SIZE,
							      header->version, &remote->any, udp_address_len(remote),
							      &id, &header->dcid, quic_timestamp(quic));
	if (len <= 0)
		return;
	len = ngtcp2_crypto_write_retry(answer, sizeof(answer), header->version, &header->scid, &id, &header->dcid,
					token, (size_t)len);
	if (len <= 0)
		return;
	quic_send_answer(quic, socket, datagram->path, answer, (size_t)len);
	quic->counters.retries_sent++;
}

/* Whether the packet brings back a token of ours; then `ret_original` is what the client had chosen before. */
static bool token_counts(const struct quic *quic, const struct udp_datagram *datagram, const ngtcp2_pkt_hd *header,
			 ngtcp2_cid *ret_original)
{
	size_t len;
	const uint8_t *token = quic_header_token(header, &len);
	const union udp_address *remote = &datagram->path->remote;
	if (len == 0 || token[0] != NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY)
		return false;
	return ngtcp2_crypto_verify_retry_token(ret_original, token, len, quic->identity->retry_secret,
						QUIC_SECRET_SIZE, header->version, &remote->any,
						udp_address_len(remote), &header->dcid, RETRY_SECONDS * NGTCP2_SECONDS,
						quic_timestamp(quic)) == 0;
}

/* Whether there is no room for one more, whoever it is. */
static bool is_full(struct quic *quic)
{
	bool full = quic->count >= QUIC_CONNECTIONS_MAX || quic->pending >= QUIC_PENDING_MAX;
	quic->counters.refused_full += full;
	return full;
}

static bool prefix_is_full(struct quic *quic, const union udp_address *remote)
{
	bool full = count_pending(quic, remote) >= QUIC_PENDING_PER_PREFIX_MAX;
	quic->counters.refused_prefix += full;
	return full;
}

/* Whether there is so much to do that a client has to show first that it is there. */
static bool must_prove(struct quic *quic)
{
	return quic->pending >= QUIC_RETRY_ABOVE ||
	       !token_bucket_take(&quic->accepts, ACCEPTS_PER_SECOND, ACCEPTS_BURST, quic->now_us / 1000);
}

void quic_accept(struct quic *quic, unsigned socket, const struct udp_datagram *datagram)
{
	ngtcp2_pkt_hd header;
	ngtcp2_cid original;
	if (ngtcp2_accept(&header, datagram->bytes, datagram->len) != 0) {
		quic->counters.datagrams_invalid++;
		return;
	}
	if (is_full(quic))
		return;
	bool proven = token_counts(quic, datagram, &header, &original);
	if (!proven && must_prove(quic)) {
		send_retry(quic, socket, datagram, &header);
		return;
	}
	if ((!proven && header.dcid.datalen < NGTCP2_MIN_INITIAL_DCIDLEN) ||
	    prefix_is_full(quic, &datagram->path->remote))
		return;
	const struct quic_initial initial = {.header = &header, .original = proven ? &original : NULL};
	struct quic_connection *connection = quic_connection_new(quic, socket, datagram->path, &initial);
	if (connection == NULL)
		return;
	quic->counters.accepted++;
	quic_connection_read(connection, datagram);
}
