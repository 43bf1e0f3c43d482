// SPDX-License-Identifier: Apache-2.0
/* Network namespaces of a test's own, for tests that need interfaces. */
#ifndef MYCELIUM_TESTS_PEERS_OWN_NETWORK_H
#define MYCELIUM_TESTS_PEERS_OWN_NETWORK_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Writes a file of the kernel's; whether it could. */
static inline bool write_setting(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return written;
}

/* Runs a command, formatted; whether it succeeded. */
__attribute__((format(printf, 1, 2))) static inline bool run(const char *format, ...)
{
	char command[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	return system(command) == 0;
}

/* Moves the process into a new, empty network namespace, where it may do all. Returns false, after saying why, when it is
 * not allowed to. */
static inline bool enter_own_network(void)
{
	char map[64];
	snprintf(map, sizeof(map), "0 %u 1", (unsigned)getuid());
	bool entered = unshare(CLONE_NEWNET) == 0 ||
		       (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && write_setting("/proc/self/uid_map", map));
	if (!entered)
		printf("no network namespace of its own: %s\n", strerror(errno));
	else if (!run("ip link show dev lo > /dev/null")) {
		printf("no 'ip' command\n");
		return false;
	} else if (access("/proc/sys/net/ipv6", F_OK) != 0) {
		printf("no IPv6\n");
		return false;
	}
	return entered;
}

/* Addresses of interfaces that come later are used unchecked, so at once. */
static inline bool trust_addresses(void)
{
	return write_setting("/proc/sys/net/ipv6/conf/default/accept_dad", "0") &&
	       write_setting("/proc/sys/net/ipv6/conf/all/accept_dad", "0");
}

static inline bool is_readable(int fd, int within_ms)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	return poll(&wanted, 1, within_ms) == 1;
}

#endif
