// SPDX-License-Identifier: Apache-2.0
/*
 * UDP packets of one size at one rate, and a count of those that arrive. Sends and receives many with each call, so that the
 * load costs little beside what carries it; each packet is one of its own (no segmentation offload).
 *
 *   udp_load send ADDRESS PORT SIZE PACKETS_PER_SECOND SECONDS     prints how many were sent
 *   udp_load receive PORT IDLE_MS                                  prints how many came, once none comes for so long
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 32, SIZE_MAX_BYTES = 1472, FIRST_MS = 10000, BUFFER_BYTES = 8 << 20 };

static double seconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int make_address(const char *text, const char *port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	*ret = (struct sockaddr_storage){0};
	if (strchr(text, ':') != NULL) {
		*in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
		*ret_len = sizeof(*in6);
		return inet_pton(AF_INET6, text, &in6->sin6_addr);
	}
	*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	*ret_len = sizeof(*in);
	return inet_pton(AF_INET, text, &in->sin_addr);
}

static int send_load(char **arguments)
{
	static uint8_t bytes[SIZE_MAX_BYTES];
	struct sockaddr_storage to;
	socklen_t to_len;
	if (make_address(arguments[0], arguments[1], &to, &to_len) != 1)
		return 2;
	struct iovec part = {bytes, (size_t)atoi(arguments[2])};
	double rate = atof(arguments[3]), length = atof(arguments[4]), start = seconds_now(), passed;
	struct mmsghdr messages[BATCH];
	for (int i = 0; i < BATCH; i++)
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
	int fd = socket(to.ss_family, SOCK_DGRAM, 0), size = BUFFER_BYTES;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (part.iov_len > sizeof(bytes) || connect(fd, (struct sockaddr *)&to, to_len) != 0)
		return 1;
	uint64_t sent = 0;
	while ((passed = seconds_now() - start) < length) {
		double due = passed * rate - (double)sent;
		if (due < 1) {
			usleep(50);
			continue;
		}
		int count = sendmmsg(fd, messages, due < BATCH ? (unsigned)due : BATCH, 0);
		sent += count > 0 ? (uint64_t)count : 0;
	}
	printf("%llu\n", (unsigned long long)sent);
	return 0;
}

static int receive_load(char **arguments)
{
	static uint8_t bytes[BATCH][SIZE_MAX_BYTES];
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(arguments[0]))};
	struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH];
	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){bytes[i], sizeof(bytes[i])};
		messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
	}
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), size = BUFFER_BYTES;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0)
		return 1;
	puts("ready");
	fflush(stdout);
	uint64_t received = 0;
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	while (poll(&poller, 1, received == 0 ? FIRST_MS : atoi(arguments[1])) == 1) {
		int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
		received += count > 0 ? (uint64_t)count : 0;
	}
	printf("%llu\n", (unsigned long long)received);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 7 && strcmp(argv[1], "send") == 0)
		return send_load(&argv[2]);
	if (argc == 4 && strcmp(argv[1], "receive") == 0)
		return receive_load(&argv[2]);
	fputs("usage: udp_load send ADDRESS PORT SIZE PACKETS_PER_SECOND SECONDS | receive PORT IDLE_MS\n", stderr);
	return 2;
}
