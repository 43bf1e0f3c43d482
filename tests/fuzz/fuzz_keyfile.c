// SPDX-License-Identifier: Apache-2.0
/* A key file of any content: either refused with one line, or its first 32 bytes are the key. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/keyfile.h"
#include "fuzz.h"

static void check(const char *path, const uint8_t *bytes, size_t len)
{
	struct problems warnings = {0}, problems = {0};
	struct secret_key key = {{0x5a, 0xa5}}, before = key;
	int result = keyfile_load(path, &key, &warnings, &problems);
	if (result == 0) {
		assert(len >= KEY_SIZE && memcmp(key.bytes, bytes, KEY_SIZE) == 0);
		assert(problems.count == 0);
		return;
	}
	assert(result == -EINVAL && problems.count == 1 && warnings.count == 0);
	assert(memcmp(&key, &before, sizeof(key)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	int fd = memfd_create("key", MFD_CLOEXEC);
	if (fd < 0)
		return 0;
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, bytes, len) == (ssize_t)len)
		check(path, bytes, len);
	close(fd);
	return 0;
}
