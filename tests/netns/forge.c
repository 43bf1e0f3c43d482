// SPDX-License-Identifier: Apache-2.0
/*
 * The cryptography of scripted peers (identity.py): makes identities, seals and opens whatever it is told to.
 *
 * Reads commands, one in a line, and answers each with one line. Keys, addresses and bytes are in hex, "-" is empty.
 *
 *   identity                                          SECRET PUBLIC ADDRESS
 *   strangers COUNT                                   PUBLIC ADDRESS, COUNT times; nobody has their secrets
 *   public SECRET                                     PUBLIC ADDRESS
 *   address PUBLIC                                    ADDRESS
 *   seal SECRET PUBLIC TYPE SOURCE DESTINATION HOPS PAYLOAD    FRAME
 *   open SECRET PUBLIC BODY                           TYPE PAYLOAD, or "no"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "crypto/aead.h"
#include "crypto/keys.h"
#include "wire/sealed.h"

enum { STRANGERS_MAX = 1000000 };

static void fail(const char *what)
{
	fprintf(stderr, "forge: %s\n", what);
	exit(1);
}

static void print_hex(const uint8_t *bytes, size_t len)
{
	if (len == 0)
		putchar('-');
	for (size_t i = 0; i < len; i++)
		printf("%02x", bytes[i]);
}

/* Reads exactly `len` bytes from the next word, or up to `len` when `ret_len` is there. */
static void read_hex(char **rest, uint8_t *ret, size_t len, size_t *ret_len)
{
	const char *word = strtok_r(NULL, " \n", rest);
	size_t digits = word == NULL || strcmp(word, "-") == 0 ? 0 : strlen(word);
	if (digits % 2 != 0 || digits / 2 > len || (ret_len == NULL && digits / 2 != len))
		fail("a word has a wrong length");
	for (size_t i = 0; i < digits / 2; i++)
		if (sscanf(word + 2 * i, "%2hhx", &ret[i]) != 1)
			fail("a word is not hexadecimal");
	if (ret_len != NULL)
		*ret_len = digits / 2;
}

static unsigned read_number(char **rest, unsigned max)
{
	const char *word = strtok_r(NULL, " \n", rest);
	unsigned long value = word != NULL ? strtoul(word, NULL, 10) : 0;
	if (word == NULL || value > max)
		fail("a number is missing or too large");
	return (unsigned)value;
}

static struct ip6 read_address(char **rest)
{
	struct ip6 address;
	read_hex(rest, address.bytes, sizeof(address.bytes), NULL);
	return address;
}

static struct aead_key *read_key(char **rest)
{
	struct secret_key secret;
	struct public_key public;
	struct shared_secret shared;
	read_hex(rest, secret.bytes, KEY_SIZE, NULL);
	read_hex(rest, public.bytes, KEY_SIZE, NULL);
	/* With a low-order key everybody knows the secret: all zero. */
	if (shared_secret_derive(&secret, &public, &shared) != 0)
		memset(&shared, 0, sizeof(shared));
	struct aead_key *key = aead_key_new(&shared);
	if (key == NULL)
		fail("no memory");
	return key;
}

static void print_name(const struct public_key *key)
{
	struct ip6 address = public_key_address(key);
	print_hex(key->bytes, KEY_SIZE);
	putchar(' ');
	print_hex(address.bytes, sizeof(address.bytes));
}

static void identity(char **rest)
{
	(void)rest;
	struct secret_key secret = secret_key_generate();
	struct public_key public = public_key_of(&secret);
	print_hex(secret.bytes, KEY_SIZE);
	putchar(' ');
	print_name(&public);
}

static void strangers(char **rest)
{
	for (unsigned count = read_number(rest, STRANGERS_MAX); count > 0; count--) {
		struct public_key key;
		random_fill(key.bytes, KEY_SIZE);
		print_name(&key);
		putchar(' ');
	}
}

static void public(char **rest)
{
	struct secret_key secret;
	read_hex(rest, secret.bytes, KEY_SIZE, NULL);
	struct public_key key = public_key_of(&secret);
	print_name(&key);
}

static void address(char **rest)
{
	struct public_key key;
	read_hex(rest, key.bytes, KEY_SIZE, NULL);
	struct ip6 found = public_key_address(&key);
	print_hex(found.bytes, sizeof(found.bytes));
}

static void seal(char **rest)
{
	static uint8_t room[SEAL_HEADROOM + 65535 + SEAL_TAILROOM];
	struct nonce_sequence nonces;
	struct aead_key *key = read_key(rest);
	enum user_type type = (enum user_type)read_number(rest, 255);
	struct ip6 source = read_address(rest), destination = read_address(rest);
	uint8_t hops = (uint8_t)read_number(rest, 255);
	size_t len;
	read_hex(rest, room + SEAL_HEADROOM, SEALED_PAYLOAD_MAX, &len);
	nonce_sequence_init(&nonces, 0);
	size_t frame = sealed_write_frame(room, room + SEAL_HEADROOM, len, type, &source, &destination, hops, key, &nonces);
	print_hex(room, frame);
	aead_key_free(key);
}

static void open_body(char **rest)
{
	static uint8_t body[65535];
	size_t len, payload_len;
	struct aead_key *key = read_key(rest);
	enum user_type type;
	uint8_t *payload;
	read_hex(rest, body, sizeof(body), &len);
	if (sealed_open(body, len, key, &type, &payload, &payload_len) != 0) {
		printf("no");
	} else {
		printf("%u ", (unsigned)type);
		print_hex(payload, payload_len);
	}
	aead_key_free(key);
}

static const struct {
	const char *name;
	void (*run)(char **rest);
} commands[] = {
	{"identity", identity}, {"strangers", strangers}, {"public", public},
	{"address", address},   {"seal", seal},           {"open", open_body},
};

static void run(char *line)
{
	char *rest;
	const char *name = strtok_r(line, " \n", &rest);
	for (size_t i = 0; name != NULL && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0) {
			commands[i].run(&rest);
			putchar('\n');
			fflush(stdout);
			return;
		}
	}
	fail("unknown command");
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	if (aead_setup() != 0)
		fail("no working AES-256-GCM on this machine");
	while (getline(&line, &size, stdin) > 0)
		run(line);
	free(line);
	return 0;
}
