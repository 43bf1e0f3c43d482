// SPDX-License-Identifier: Apache-2.0
/* What sockets of every transport have in common. */
#ifndef MYCELIUM_LINK_SOCKET_H
#define MYCELIUM_LINK_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { SOCKET_ADDRESS_TEXT_SIZE = 72 };

struct iovec;

struct socket_options {
	bool has_mark;
	uint32_t mark;		/* SO_MARK */
};

/* Sets an option that only helps: failing is no error. */
void socket_set_option(int fd, int level, int name, int value);

/* Sets the firewall mark, if there is one. Returns 0 or a negative errno. */
int socket_set_mark(int fd, const struct socket_options *options);

/* The result of a started connect once the descriptor is writable: 0 or a negative errno. */
int socket_connect_result(int fd);

/* Closes a descriptor that became no link; -1 is fine. */
void socket_close_fd(int fd);

/* "192.0.2.1:9651", "[2001:db8::1]:9651", "[fe80::1%3]:9651". */
void socket_address_text(const struct sockaddr_storage *address, char *text, size_t size);

/* A connected socket as a byte stream (struct stream_ops): the stream is its descriptor as a pointer. */
long socket_read(void *stream, uint8_t *to, size_t len);
long socket_writev(void *stream, const struct iovec *parts, int count);
void socket_close(void *stream);

#endif
