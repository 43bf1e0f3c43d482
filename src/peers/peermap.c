// SPDX-License-Identifier: Apache-2.0
#include "peers/peermap.h"

#include <assert.h>
#include <stdlib.h>

#include "base/bytes.h"

static void init_buckets(struct list *buckets)
{
	for (int i = 0; i < PEERMAP_BUCKETS; i++)
		list_init(&buckets[i]);
}

void peermap_init(struct peermap *map, const struct hash_key *key)
{
	*map = (struct peermap){.key = *key};
	list_init(&map->all);
	init_buckets(map->endpoints);
	init_buckets(map->hosts);
	init_buckets(map->tickets);
	init_buckets(map->connections);
	init_buckets(map->places);
}

void peermap_clear(struct peermap *map)
{
	list_foreach (&map->all, node, next)
		peermap_remove(map, container_of(node, struct peer, in_map));
}

/* ---- what is hashed ---------------------------------------------------------------------------------------------- */

static size_t bucket_of(const struct peermap *map, const uint8_t *bytes, const struct writer *w)
{
	return hash_bytes(&map->key, bytes, writer_len(w)) % PEERMAP_BUCKETS;
}

/* What endpoint_equal() compares, and not the padding of the struct. */
static size_t endpoint_bucket(const struct peermap *map, const struct endpoint *endpoint)
{
	uint8_t bytes[ENDPOINT_NAME_SIZE + 8];
	struct writer w = writer_init(bytes, sizeof(bytes));
	write_u8(&w, (uint8_t)endpoint->protocol);
	write_u8(&w, (uint8_t)endpoint->family);
	switch (endpoint->family) {
	case ENDPOINT_IPV4:
		write_bytes(&w, endpoint->address.bytes, 4);
		write_u16(&w, endpoint->port);
		break;
	case ENDPOINT_IPV6:
		write_bytes(&w, endpoint->address.bytes, sizeof(endpoint->address.bytes));
		write_u16(&w, endpoint->port);
		write_u32(&w, endpoint->scope);
		break;
	case ENDPOINT_CID:
		write_u32(&w, endpoint->cid);
		write_u32(&w, endpoint->vsock_port);
		break;
	case ENDPOINT_NAME:
		write_bytes(&w, endpoint->name, strlen(endpoint->name));
		write_u16(&w, endpoint->port);
		break;
	}
	return bucket_of(map, bytes, &w);
}

static size_t number_bucket(const struct peermap *map, uint64_t number)
{
	return hash_u64(&map->key, number) % PEERMAP_BUCKETS;
}

static bool is_ip(const struct endpoint *endpoint)
{
	return endpoint->family == ENDPOINT_IPV4 || endpoint->family == ENDPOINT_IPV6;
}

/* The first `len` bytes of an IPv6 address and its scope, or a whole IPv4 address. */
static bool same_address(const struct endpoint *a, const struct endpoint *b, size_t len)
{
	uint8_t ipv4_a[4], ipv4_b[4];
	bool is_ipv4 = endpoint_ipv4_bytes(a, ipv4_a);
	if (is_ipv4 != endpoint_ipv4_bytes(b, ipv4_b))
		return false;
	if (is_ipv4)
		return memcmp(ipv4_a, ipv4_b, sizeof(ipv4_a)) == 0;
	return memcmp(a->address.bytes, b->address.bytes, len) == 0 && a->scope == b->scope;
}

static size_t address_bucket(const struct peermap *map, const struct endpoint *endpoint, size_t len)
{
	uint8_t bytes[24], ipv4[4];
	struct writer w = writer_init(bytes, sizeof(bytes));
	if (endpoint_ipv4_bytes(endpoint, ipv4)) {
		write_bytes(&w, ipv4, sizeof(ipv4));
	} else {
		write_bytes(&w, endpoint->address.bytes, len);
		write_u32(&w, endpoint->scope);
	}
	return bucket_of(map, bytes, &w);
}

enum { HOST_BYTES = 16, PLACE_BYTES = 8 };

static bool same_place(const struct endpoint *a, const struct endpoint *b)
{
	if (is_ip(a) && is_ip(b))
		return same_address(a, b, PLACE_BYTES);
	return a->family == b->family && (a->family == ENDPOINT_CID ? a->cid == b->cid : endpoint_equal(a, b));
}

static size_t place_bucket(const struct peermap *map, const struct endpoint *endpoint)
{
	if (is_ip(endpoint))
		return address_bucket(map, endpoint, PLACE_BYTES);
	return endpoint->family == ENDPOINT_CID ? number_bucket(map, endpoint->cid) : endpoint_bucket(map, endpoint);
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

struct peer *peermap_add(struct peermap *map, const struct endpoint *endpoint, enum peer_type type)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	if (peer == NULL)
		return NULL;
	peer->endpoint = *endpoint;
	peer->type = type;
	list_init(&peer->in_tickets);
	list_init(&peer->in_hosts);
	for (int way = 0; way < PEER_WAYS; way++) {
		peer->links[way].peer = peer;
		list_init(&peer->links[way].in_connections);
		list_init(&peer->links[way].in_places);
	}
	list_append(&map->all, &peer->in_map);
	list_append(&map->endpoints[endpoint_bucket(map, endpoint)], &peer->in_endpoints);
	if (is_ip(endpoint))
		list_append(&map->hosts[address_bucket(map, endpoint, HOST_BYTES)], &peer->in_hosts);
	map->count++;
	map->count_of_type[type]++;
	return peer;
}

void peermap_remove(struct peermap *map, struct peer *peer)
{
	for (int way = 0; way < PEER_WAYS; way++)
		peermap_detach(map, &peer->links[way]);
	list_remove(&peer->in_map);
	list_remove(&peer->in_endpoints);
	list_remove(&peer->in_hosts);
	list_remove(&peer->in_tickets);
	map->count--;
	map->count_of_type[peer->type]--;
	free(peer);
}

struct peer *peermap_find_endpoint(const struct peermap *map, const struct endpoint *endpoint)
{
	list_foreach (&map->endpoints[endpoint_bucket(map, endpoint)], node, next) {
		struct peer *peer = container_of(node, struct peer, in_endpoints);
		if (endpoint_equal(&peer->endpoint, endpoint))
			return peer;
	}
	return NULL;
}

struct peer *peermap_find_ticket(const struct peermap *map, uint64_t ticket)
{
	list_foreach (&map->tickets[number_bucket(map, ticket)], node, next) {
		struct peer *peer = container_of(node, struct peer, in_tickets);
		if (peer->ticket == ticket)
			return peer;
	}
	return NULL;
}

struct peer_link *peermap_find_connection(const struct peermap *map, uint64_t connection)
{
	list_foreach (&map->connections[number_bucket(map, connection)], node, next) {
		struct peer_link *link = container_of(node, struct peer_link, in_connections);
		if (link->connection == connection)
			return link;
	}
	return NULL;
}

void peermap_set_ticket(struct peermap *map, struct peer *peer, uint64_t ticket)
{
	list_remove(&peer->in_tickets);
	peer->ticket = ticket;
	if (ticket != 0)
		list_append(&map->tickets[number_bucket(map, ticket)], &peer->in_tickets);
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

bool peer_is_connected(const struct peer *peer)
{
	return peer->links[PEER_DIALLED].connection != 0 || peer->links[PEER_ACCEPTED].connection != 0;
}

void peermap_attach(struct peermap *map, struct peer *peer, enum peer_way way, uint64_t connection, uint64_t now_ms)
{
	struct peer_link *link = &peer->links[way];
	assert(link->connection == 0 && connection != 0);
	link->connection = connection;
	link->since_ms = now_ms;
	list_append(&map->connections[number_bucket(map, connection)], &link->in_connections);
	if (way == PEER_ACCEPTED) {
		list_append(&map->places[place_bucket(map, &peer->endpoint)], &link->in_places);
		map->accepted++;
	}
}

void peermap_detach(struct peermap *map, struct peer_link *link)
{
	if (link->connection == 0)
		return;
	link->connection = 0;
	list_remove(&link->in_connections);
	list_remove(&link->in_places);
	map->accepted -= link == &link->peer->links[PEER_ACCEPTED] ? 1 : 0;
}

size_t peermap_count_accepted_from(const struct peermap *map, const struct endpoint *endpoint)
{
	size_t count = 0;
	list_foreach (&map->places[place_bucket(map, endpoint)], node, next)
		count += same_place(&container_of(node, struct peer_link, in_places)->peer->endpoint, endpoint) ? 1 : 0;
	return count;
}

bool peermap_has_connected_host(const struct peermap *map, const struct endpoint *endpoint)
{
	if (!is_ip(endpoint))
		return false;
	list_foreach (&map->hosts[address_bucket(map, endpoint, HOST_BYTES)], node, next) {
		const struct peer *peer = container_of(node, struct peer, in_hosts);
		bool is_stream = peer->endpoint.protocol == ENDPOINT_TCP || peer->endpoint.protocol == ENDPOINT_TLS;
		if (is_stream && peer->type != PEER_LINK_LOCAL && peer_is_connected(peer) &&
		    same_address(&peer->endpoint, endpoint, HOST_BYTES))
			return true;
	}
	return false;
}
