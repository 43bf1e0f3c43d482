// SPDX-License-Identifier: Apache-2.0
/*
 * A flood of first datagrams of QUIC clients from addresses that nobody has.
 *
 *   initials MODE SOURCE DESTINATION PORT PER-SECOND SECONDS <datagram
 *
 * The datagram is one that a node sent to begin a connection. MODE: `replay` sends it as it is; `rekey` gives each a
 * connection id of its own and seals it anew, so that each is a good beginning of another connection; `junk` changes
 * the connection id only. Each comes from another address of the /16 of SOURCE. Prints how many were sent.
 *
 * RFC 9001, section 5: the keys of first packets follow from the connection id.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <nettle/gcm.h>
#include <nettle/hkdf.h>
#include <nettle/hmac.h>

#include "base/random.h"

enum { DATAGRAM_MAX = 1500, TAG = GCM_DIGEST_SIZE, SECRET = 32, SAMPLE_AT = 4, BURST_MS = 5 };

struct keys {
	uint8_t key[16], iv[12], hp[16];
};

/* Where the parts of the one packet of a datagram are. */
struct initial {
	uint8_t bytes[DATAGRAM_MAX];
	size_t len;
	size_t id_at, id_len;
	size_t number_at, number_len;	/* the packet number, in plain text here */
	uint8_t plain[DATAGRAM_MAX];
	size_t plain_len;
};

static void fail(const char *what)
{
	fprintf(stderr, "initials: %s\n", what);
	exit(1);
}

static void expand(const uint8_t *secret, const char *label, uint8_t *ret, size_t len)
{
	uint8_t info[64];
	struct hmac_sha256_ctx hmac;
	size_t label_len = strlen(label), at = 0;
	info[at++] = 0;
	info[at++] = (uint8_t)len;
	info[at++] = (uint8_t)(6 + label_len);
	memcpy(info + at, "tls13 ", 6);
	memcpy(info + at + 6, label, label_len);
	at += 6 + label_len;
	info[at++] = 0;
	hmac_sha256_set_key(&hmac, SECRET, secret);
	hkdf_expand(&hmac, (nettle_hash_update_func *)hmac_sha256_update, (nettle_hash_digest_func *)hmac_sha256_digest,
		    SHA256_DIGEST_SIZE, at, info, len, ret);
}

static struct keys keys_of(const uint8_t *id, size_t len)
{
	static const uint8_t salt[20] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
					 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
	struct hmac_sha256_ctx hmac;
	uint8_t initial[SECRET], client[SECRET];
	struct keys keys;
	hmac_sha256_set_key(&hmac, sizeof(salt), salt);
	hkdf_extract(&hmac, (nettle_hash_update_func *)hmac_sha256_update, (nettle_hash_digest_func *)hmac_sha256_digest,
		     SHA256_DIGEST_SIZE, len, id, initial);
	expand(initial, "client in", client, SECRET);
	expand(client, "quic key", keys.key, sizeof(keys.key));
	expand(client, "quic iv", keys.iv, sizeof(keys.iv));
	expand(client, "quic hp", keys.hp, sizeof(keys.hp));
	return keys;
}

static size_t read_varint(const struct initial *initial, size_t *at)
{
	size_t more = (size_t)1 << (initial->bytes[*at] >> 6), value = initial->bytes[(*at)++] & 0x3f;
	while (--more > 0)
		value = value << 8 | initial->bytes[(*at)++];
	return value;
}

static void mask_header(struct initial *initial, const struct keys *keys, bool remove)
{
	struct aes128_ctx aes;
	uint8_t mask[16];
	aes128_set_encrypt_key(&aes, keys->hp);
	aes128_encrypt(&aes, sizeof(mask), mask, initial->bytes + initial->number_at + SAMPLE_AT);
	size_t len = remove ? 0 : initial->number_len;
	initial->bytes[0] ^= mask[0] & 0x0f;
	if (remove)
		len = initial->number_len = (initial->bytes[0] & 3) + 1;
	for (size_t i = 0; i < len; i++)
		initial->bytes[initial->number_at + i] ^= mask[1 + i];
}

static struct gcm_aes128_ctx cipher_for(const struct initial *initial, const struct keys *keys)
{
	struct gcm_aes128_ctx gcm;
	uint8_t nonce[12];
	memcpy(nonce, keys->iv, sizeof(nonce));
	for (size_t i = 0; i < initial->number_len; i++)
		nonce[sizeof(nonce) - initial->number_len + i] ^= initial->bytes[initial->number_at + i];
	gcm_aes128_set_key(&gcm, keys->key);
	gcm_aes128_set_iv(&gcm, sizeof(nonce), nonce);
	gcm_aes128_update(&gcm, initial->number_at + initial->number_len, initial->bytes);
	return gcm;
}

static void open_initial(struct initial *initial)
{
	uint8_t tag[TAG];
	size_t at = 5;
	if (initial->len < 1200 || (initial->bytes[0] & 0xb0) != 0x80)
		fail("that is no first datagram of a client");
	initial->id_len = initial->bytes[at];
	initial->id_at = at + 1;
	at = initial->id_at + initial->id_len;
	at += 1 + (size_t)initial->bytes[at];
	size_t token_len = read_varint(initial, &at);
	at += token_len;
	size_t length = read_varint(initial, &at);
	initial->number_at = at;
	if (at + length != initial->len)
		fail("there is more than one packet in the datagram");
	struct keys keys = keys_of(initial->bytes + initial->id_at, initial->id_len);
	mask_header(initial, &keys, true);
	size_t body_at = at + initial->number_len;
	initial->plain_len = initial->len - body_at - TAG;
	struct gcm_aes128_ctx gcm = cipher_for(initial, &keys);
	gcm_aes128_decrypt(&gcm, initial->plain_len, initial->plain, initial->bytes + body_at);
	gcm_aes128_digest(&gcm, TAG, tag);
	if (memcmp(tag, initial->bytes + initial->len - TAG, TAG) != 0)
		fail("the datagram cannot be opened");
}

/* The same beginning under another connection id. */
static void seal_initial(const struct initial *opened, struct initial *ret)
{
	*ret = *opened;
	random_fill(ret->bytes + ret->id_at, ret->id_len);
	struct keys keys = keys_of(ret->bytes + ret->id_at, ret->id_len);
	size_t body_at = ret->number_at + ret->number_len;
	struct gcm_aes128_ctx gcm = cipher_for(ret, &keys);
	gcm_aes128_encrypt(&gcm, ret->plain_len, ret->bytes + body_at, ret->plain);
	gcm_aes128_digest(&gcm, TAG, ret->bytes + body_at + ret->plain_len);
	mask_header(ret, &keys, false);
}

static void send_from(int fd, struct in_addr source, const struct sockaddr_in *to, const struct initial *initial)
{
	uint8_t packet[sizeof(struct iphdr) + sizeof(struct udphdr) + DATAGRAM_MAX];
	struct udphdr udp = {.uh_sport = htons(9651), .uh_dport = to->sin_port};
	/* The kernel fills in length and checksum; a UDP checksum of 0 is none. */
	struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
			   .saddr = source.s_addr, .daddr = to->sin_addr.s_addr};
	udp.uh_ulen = htons((uint16_t)(sizeof(udp) + initial->len));
	memcpy(packet, &ip, sizeof(ip));
	memcpy(packet + sizeof(ip), &udp, sizeof(udp));
	memcpy(packet + sizeof(ip) + sizeof(udp), initial->bytes, initial->len);
	sendto(fd, packet, sizeof(ip) + sizeof(udp) + initial->len, 0, (const struct sockaddr *)to, sizeof(*to));
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static struct initial sent, opened, next;
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct in_addr source;
	if (argc != 7 || inet_pton(AF_INET, argv[2], &source) != 1 || inet_pton(AF_INET, argv[3], &to.sin_addr) != 1)
		fail("six arguments are needed: see the beginning of initials.c");
	to.sin_port = htons((uint16_t)atoi(argv[4]));
	double per_second = atof(argv[5]), seconds = atof(argv[6]), started = now();
	sent.len = fread(sent.bytes, 1, sizeof(sent.bytes), stdin);
	opened = sent;
	open_initial(&opened);
	next = sent;
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (fd < 0)
		fail("no raw socket: this needs root");
	unsigned long count = 0;
	for (double passed = 0; passed < seconds; passed = now() - started) {
		for (; (double)count < passed * per_second; count++) {
			if (strcmp(argv[1], "rekey") == 0)
				seal_initial(&opened, &next);
			else if (strcmp(argv[1], "junk") == 0)
				random_fill(next.bytes + opened.id_at, opened.id_len);
			source.s_addr = htonl((ntohl(source.s_addr) & 0xffff0000) | (uint32_t)(1 + count % 65534));
			send_from(fd, source, &to, &next);
		}
		nanosleep(&(struct timespec){.tv_nsec = BURST_MS * 1000000}, NULL);
	}
	printf("%lu\n", count);
	return 0;
}
