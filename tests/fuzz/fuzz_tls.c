// SPDX-License-Identifier: Apache-2.0
/*
 * A handshake in either role with a peer that sends any bytes in any pieces and then closes: it ends, and with a text.
 *
 *   role u8                  bit 0: we are the server
 *   n u8, n × piece u16      how much each send moves, in turn
 *   the peer's bytes
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "link/tls.h"

enum { PIECES_MAX = 255 };

/* One for the life of the program: making it takes longer than a handshake. */
static const struct tls_network *network(void)
{
	static struct tls_network *shared;
	static const uint8_t key[TLS_NETWORK_KEY_SIZE] = {1, 2, 3, 4};
	if (shared == NULL)
		shared = tls_network_new("fuzznet", key);
	assert(shared != NULL);
	return shared;
}

static void drain(int fd)
{
	uint8_t bytes[4096];
	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

/* Sends the bytes and closes; one step after each piece, and a second one that finds nothing new. */
static int feed(struct tls_handshake *handshake, int far, struct reader *r, const uint16_t *pieces, size_t count)
{
	int result = tls_handshake_step(handshake);
	for (size_t i = 0; result == -EAGAIN && reader_left(r) > 0; i++) {
		size_t len = count > 0 && pieces[i % count] > 0 ? pieces[i % count] : 1;
		len = len < reader_left(r) ? len : reader_left(r);
		if (send(far, read_bytes(r, len), len, MSG_NOSIGNAL) != (ssize_t)len)
			break;
		result = tls_handshake_step(handshake);
		if (result == -EAGAIN)
			result = tls_handshake_step(handshake);
		drain(far);
	}
	close(far);
	return result == -EAGAIN ? tls_handshake_step(handshake) : result;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct reader r = reader_init(bytes, len);
	bool server = (read_u8(&r) & 1) != 0;
	uint16_t pieces[PIECES_MAX];
	size_t count = read_u8(&r);
	for (size_t i = 0; i < count; i++)
		pieces[i] = read_u16(&r);
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
		return 0;
	struct tls_handshake *handshake = tls_handshake_new(network(), ends[0], server);
	assert(handshake != NULL);
	int result = feed(handshake, ends[1], &r, pieces, count);
	/* Nobody knows the key by chance. */
	assert(result < 0 && result != -EAGAIN);
	assert(strlen(tls_handshake_error_text(handshake)) > 0);
	tls_handshake_free(handshake);
	return 0;
}
