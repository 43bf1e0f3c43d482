// SPDX-License-Identifier: Apache-2.0
#include "peers/peermap.h"

#include <stdlib.h>

#include "base/bytes.h"

static void init_buckets(struct list *buckets)
{
	for (int i = 0; i < PEERMAP_BUCKETS; i++)
		list_init(&buckets[i]);
}

void peermap_init(struct peermap *map, const struct hash_key *key)
{
	map->key = *key;
	map->count = 0;
	list_init(&map->all);
	init_buckets(map->endpoints);
	init_buckets(map->tickets);
	init_buckets(map->connections);
}

void peermap_clear(struct peermap *map)
{
	list_foreach (&map->all, node, next)
		peermap_remove(map, container_of(node, struct peer, in_map));
}

/* Hashes what endpoint_equal() compares, and not the padding of the struct. */
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
	return hash_bytes(&map->key, bytes, writer_len(&w)) % PEERMAP_BUCKETS;
}

static size_t number_bucket(const struct peermap *map, uint64_t number)
{
	return hash_u64(&map->key, number) % PEERMAP_BUCKETS;
}

struct peer *peermap_add(struct peermap *map, const struct endpoint *endpoint)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	if (peer == NULL)
		return NULL;
	peer->endpoint = *endpoint;
	list_init(&peer->in_tickets);
	list_init(&peer->in_connections);
	list_append(&map->all, &peer->in_map);
	list_append(&map->endpoints[endpoint_bucket(map, endpoint)], &peer->in_endpoints);
	map->count++;
	return peer;
}

void peermap_remove(struct peermap *map, struct peer *peer)
{
	list_remove(&peer->in_map);
	list_remove(&peer->in_endpoints);
	list_remove(&peer->in_tickets);
	list_remove(&peer->in_connections);
	map->count--;
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

struct peer *peermap_find_connection(const struct peermap *map, uint64_t connection)
{
	list_foreach (&map->connections[number_bucket(map, connection)], node, next) {
		struct peer *peer = container_of(node, struct peer, in_connections);
		if (peer->connection == connection)
			return peer;
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

void peermap_set_connection(struct peermap *map, struct peer *peer, uint64_t connection)
{
	list_remove(&peer->in_connections);
	peer->connection = connection;
	if (connection != 0)
		list_append(&map->connections[number_bucket(map, connection)], &peer->in_connections);
}

static bool same_place(const struct endpoint *a, const struct endpoint *b)
{
	uint8_t ipv4_a[4], ipv4_b[4];
	bool is_ipv4 = endpoint_ipv4_bytes(a, ipv4_a);
	if (is_ipv4 != endpoint_ipv4_bytes(b, ipv4_b))
		return false;
	if (is_ipv4)
		return memcmp(ipv4_a, ipv4_b, sizeof(ipv4_a)) == 0;
	if (a->family != b->family)
		return false;
	if (a->family == ENDPOINT_CID)
		return a->cid == b->cid;
	return ip6_upper64(&a->address) == ip6_upper64(&b->address);
}

size_t peermap_count_accepted_from(const struct peermap *map, const struct endpoint *endpoint)
{
	size_t count = 0;
	list_foreach (&map->all, node, next) {
		const struct peer *peer = container_of(node, struct peer, in_map);
		if (peer->connection != 0 && peer->accepted && same_place(&peer->endpoint, endpoint))
			count++;
	}
	return count;
}
