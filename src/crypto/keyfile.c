// SPDX-License-Identifier: Apache-2.0
#include "crypto/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Enough of the file to know a key from a text and a short file from a long one. */
enum { EXAMINED_SIZE = 512 };

/* ---- words ---- */

/* The two kinds of key files: how they are called, which option names one, and what makes a good one. */
struct kind {
	const char *name, *title, *option;
	const char *when_short; /* what to do about a file that is too short */
	bool may_be_text;
};

static const struct kind node_key = {
	.name = "key file",
	.title = "Key file",
	.option = "--key-file",
	.when_short = "'mycelium generate-keys --force' replaces it.",
};

/* Other nodes take any 32 bytes, and networks may have been set up with a text. */
static const struct kind network_key = {
	.name = "network key file",
	.title = "Network key file",
	.option = "--network-key-file",
	.when_short = "Copy it again from another node of the network.",
	.may_be_text = true,
};

static const char *cause_text(int error)
{
	switch (-error) {
	case EACCES:
	case EPERM:
		return "permission denied";
	case EISDIR:
		return "it is a directory";
	case ENOENT:
		return "its directory does not exist";
	case ENOTDIR:
		return "a part of the path is a file, not a directory";
	case EROFS:
		return "the file system is read-only";
	case ENOSPC:
	case EDQUOT:
		return "no space is left";
	default:
		return strerror(-error);
	}
}

/* Reports why `operation` on a key file failed; returns `error`. */
static int report_of(const struct kind *kind, struct problems *problems, const char *operation, const char *path,
		     int error)
{
	const char *remedy = "Name another file with";
	if (error == -EISDIR)
		remedy = "Name a file in it with";
	else if (error == -ENOENT)
		remedy = "Create it, or name another file with";
	else if (error == -EACCES || error == -EPERM)
		remedy = "Run as a user who has the right to, or name another file with";
	problems_add(problems, "Cannot %s %s %s: %s. %s %s.", operation, kind->name, path, cause_text(error), remedy,
		     kind->option);
	return error;
}

static int report(struct problems *problems, const char *operation, const char *path, int error)
{
	return report_of(&node_key, problems, operation, path, error);
}

/* ---- load ---- */

/* Reads until `size` bytes or the end. Returns their number, or a negative errno. */
static ssize_t read_start(int fd, uint8_t *bytes, size_t size)
{
	size_t have = 0;
	while (have < size) {
		ssize_t got = read(fd, bytes + have, size - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

/* A random key is all printable with probability below 2^-43. */
static bool is_text(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool printable = bytes[i] >= 0x20 && bytes[i] <= 0x7e;
		bool space = bytes[i] >= '\t' && bytes[i] <= '\r';
		if (!printable && !space)
			return false;
	}
	return true;
}

/* Refuses what cannot be a key. */
static int check_content(const struct kind *kind, const char *path, const uint8_t *bytes, size_t len,
			 struct problems *problems)
{
	if (len < KEY_SIZE) {
		problems_add(problems, "%s %s has %zu byte%s, %d are needed. %s", kind->title, path, len,
			     len == 1 ? "" : "s", KEY_SIZE, kind->when_short);
		return -EINVAL;
	}
	if (is_text(bytes, len) && !kind->may_be_text) {
		problems_add(problems, "%s %s contains text, not a key of %d random bytes. Name another file with %s.",
			     kind->title, path, KEY_SIZE, kind->option);
		return -EINVAL;
	}
	return 0;
}

static void warn_about(const struct kind *kind, const char *path, const struct stat *status, const uint8_t *bytes,
		       size_t len, struct problems *warnings)
{
	if (is_text(bytes, len))
		problems_add(warnings, "%s %s contains text: its first %d characters are the key.", kind->title, path,
			     KEY_SIZE);
	else if (len > KEY_SIZE)
		problems_add(warnings, "%s %s is longer than %d bytes; only the first %d are used.", kind->title, path,
			     KEY_SIZE, KEY_SIZE);
	if (S_ISREG(status->st_mode) && (status->st_mode & (S_IROTH | S_IWOTH)) != 0)
		problems_add(warnings, "%s %s is open to every user (mode %04o). 'chmod 600 %s' closes it.", kind->title,
			     path, status->st_mode & 07777, path);
}

static int load_from(const struct kind *kind, int fd, const char *path, uint8_t ret[static KEY_SIZE],
		     struct problems *warnings, struct problems *problems)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return report_of(kind, problems, "read", path, -errno);
	if (S_ISDIR(status.st_mode))
		return report_of(kind, problems, "read", path, -EISDIR);

	uint8_t bytes[EXAMINED_SIZE];
	ssize_t got = read_start(fd, bytes, sizeof(bytes));
	int result = got < 0 ? report_of(kind, problems, "read", path, (int)got) : 0;
	if (result == 0)
		result = check_content(kind, path, bytes, (size_t)got, problems);
	if (result == 0) {
		memcpy(ret, bytes, KEY_SIZE);
		warn_about(kind, path, &status, bytes, (size_t)got, warnings);
	}
	secret_wipe(bytes, sizeof(bytes));
	return result;
}

/* Returns -ENOENT without a line. */
static int load(const struct kind *kind, const char *path, uint8_t ret[static KEY_SIZE], struct problems *warnings,
		struct problems *problems)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : report_of(kind, problems, "read", path, -errno);
	int result = load_from(kind, fd, path, ret, warnings, problems);
	close(fd);
	return result;
}

int keyfile_load(const char *path, struct secret_key *ret, struct problems *warnings, struct problems *problems)
{
	return load(&node_key, path, ret->bytes, warnings, problems);
}

int keyfile_load_network(const char *path, uint8_t ret[static KEY_SIZE], struct problems *warnings,
			 struct problems *problems)
{
	int result = load(&network_key, path, ret, warnings, problems);
	if (result == -ENOENT)
		problems_add(problems,
			     "There is no network key file %s. Copy it from another node of the network, or make one for "
			     "a new network: 'head -c %d /dev/urandom > %s'.",
			     path, KEY_SIZE, path);
	return result;
}

/* ---- save ---- */

/* The directory part of a path, to be freed; NULL without memory. */
static char *directory_of(const char *path)
{
	char *copy = strdup(path);
	if (copy == NULL)
		return NULL;
	char *directory = strdup(dirname(copy));
	free(copy);
	return directory;
}

/* Makes a directory and its parents, those that are missing with mode 0700. */
static int make_directories(char *directory)
{
	for (char *at = directory + 1;; at++) {
		char here = *at;
		if (here != '/' && here != '\0')
			continue;
		*at = '\0';
		int failed = mkdir(directory, 0700) < 0 && errno != EEXIST ? errno : 0;
		*at = here;
		if (failed != 0)
			return -failed;
		if (here == '\0')
			return 0;
	}
}

/* Makes the directory entry last through a crash of the system. The key file is complete already and some file systems
 * cannot do this, so a failure changes nothing. */
static void sync_directory(const char *path)
{
	char *directory = directory_of(path);
	int fd = directory != NULL ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	free(directory);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

/* Writes the key to an open, new file and sees it onto the disk. */
static int write_key(int fd, const struct secret_key *key)
{
	/* The umask may have taken bits away. */
	if (fchmod(fd, 0600) < 0)
		return -errno;
	ssize_t written = write(fd, key->bytes, KEY_SIZE);
	if (written < 0)
		return -errno;
	if (written != KEY_SIZE)
		return -ENOSPC;
	return fsync(fd) < 0 ? -errno : 0;
}

/* Gives the temporary file its name without ever replacing a file that came into being meanwhile. */
static int publish_new(const char *temporary, const char *path)
{
#ifdef RENAME_NOREPLACE
	if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
#endif
	/* File systems without that kind of rename, NFS for one, have links, which do not replace either. */
	if (link(temporary, path) < 0)
		return -errno;
	unlink(temporary);
	return 0;
}

static int publish(const char *temporary, const char *path, bool replace)
{
	if (!replace)
		return publish_new(temporary, path);
	return rename(temporary, path) < 0 ? -errno : 0;
}

/* Writes beside `path`, then renames. No temporary file is left after a failure. */
static int save_atomically(const char *path, const struct secret_key *key, bool replace)
{
	char *temporary = NULL;
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		int error = -errno;
		free(temporary);
		return error;
	}
	int result = write_key(fd, key);
	if (close(fd) < 0 && result == 0)
		result = -errno;
	if (result == 0)
		result = publish(temporary, path, replace);
	if (result < 0)
		unlink(temporary);
	free(temporary);
	return result;
}

static int report_exists(struct problems *problems, const char *path)
{
	problems_add(problems, "Key file %s exists and stays as it is. 'mycelium generate-keys --force' replaces it.",
		     path);
	return -EEXIST;
}

/* Whether something in the way of the new file forbids it. */
static int check_target(const char *path, bool replace, struct problems *problems)
{
	struct stat status;
	if (lstat(path, &status) < 0)
		return 0;
	if (!replace)
		return report_exists(problems, path);
	if (S_ISDIR(status.st_mode))
		return report(problems, "write", path, -EISDIR);
	if (S_ISREG(status.st_mode))
		return 0;
	problems_add(problems, "Cannot write key file %s: it is not a regular file. Name another file with --key-file.",
		     path);
	return -EINVAL;
}

/* Writes to `path` itself, which is no link. */
static int save_to(const char *path, const struct secret_key *key, bool replace, struct problems *problems)
{
	int result = check_target(path, replace, problems);
	if (result < 0)
		return result;
	result = save_atomically(path, key, replace);
	if (result == -EEXIST)
		return report_exists(problems, path);
	if (result < 0)
		return report(problems, "write", path, result);
	sync_directory(path);
	return 0;
}

static int create_directory_of(const char *path, struct problems *problems)
{
	char *directory = directory_of(path);
	if (directory == NULL)
		return report(problems, "write", path, -ENOMEM);
	int result = make_directories(directory);
	if (result < 0)
		problems_add(problems,
			     "Cannot create the directory %s of the key file: %s. "
			     "Name another file with --key-file.",
			     directory, cause_text(result));
	free(directory);
	return result;
}

int keyfile_save(const char *path, const struct secret_key *key, bool replace, bool create_directory,
		 struct problems *problems)
{
	if (create_directory) {
		int made = create_directory_of(path, problems);
		if (made < 0)
			return made;
	}

	/* A link stays and the file behind it is replaced. */
	char *resolved = replace ? realpath(path, NULL) : NULL;
	int result = save_to(resolved != NULL ? resolved : path, key, replace, problems);
	free(resolved);
	return result;
}

/* ---- default path ---- */

static const char *home_directory(void)
{
	const char *home = getenv("HOME");
	if (home != NULL && home[0] != '\0')
		return home;
	const struct passwd *user = getpwuid(getuid());
	return user != NULL && user->pw_dir[0] != '\0' ? user->pw_dir : NULL;
}

char *keyfile_default_path(void)
{
	const char *data = getenv("XDG_DATA_HOME");
	const char *home = home_directory();
	char *path = NULL;
	int written;
	if (data != NULL && data[0] == '/')
		written = asprintf(&path, "%s/mycelium/priv_key.bin", data);
	else if (home != NULL)
		written = asprintf(&path, "%s/.local/share/mycelium/priv_key.bin", home);
	else
		written = asprintf(&path, "./mycelium/priv_key.bin");
	return written < 0 ? NULL : path;
}
