// SPDX-License-Identifier: Apache-2.0
/* Key files in a folder of their own below /tmp. Without root the tests of other users' rights use one's own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "crypto/keyfile.h"

enum { PATH_SIZE = 256, NOBODY = 65534, NO_SUCH_USER = 54321 };

static char folder[] = "/tmp/mycelium-keyfile-XXXXXX";
static struct problems warnings, problems;

/* Valid until the next call of this thread. */
static const char *path_of(const char *name)
{
	static _Thread_local char path[PATH_SIZE];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static struct secret_key test_key(uint8_t first)
{
	struct secret_key key;
	for (int i = 0; i < KEY_SIZE; i++)
		key.bytes[i] = (uint8_t)(first + 7 * i);
	return key;
}

static const char *write_file(const char *name, const void *bytes, size_t len, mode_t mode)
{
	const char *path = path_of(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void assert_file(const char *path, const void *bytes, size_t len)
{
	uint8_t content[256];
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, content, sizeof(content)), len);
	close(fd);
	assert_memory_equal(content, bytes, len);
}

static mode_t mode_of(const char *path)
{
	struct stat status;
	assert_int_equal(lstat(path, &status), 0);
	return status.st_mode & 07777;
}

static unsigned files_in_folder(void)
{
	unsigned count = 0;
	DIR *handle = opendir(folder);
	assert_non_null(handle);
	while (readdir(handle) != NULL)
		count++;
	closedir(handle);
	return count - 2;
}

static void assert_problem(const char *format, const char *path)
{
	char expected[PROBLEM_TEXT_SIZE];
	snprintf(expected, sizeof(expected), "%.*s%s%s", (int)(strchr(format, '@') - format), format, path,
		 strchr(format, '@') + 1);
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.text[0], expected);
}

static int load(const char *path, struct secret_key *ret)
{
	warnings.count = problems.count = 0;
	return keyfile_load(path, ret, &warnings, &problems);
}

static int save(const char *path, struct secret_key key, bool replace, bool create_directory)
{
	problems.count = 0;
	return keyfile_save(path, &key, replace, create_directory, &problems);
}

/* A load that fails with one line and leaves the result alone. */
static void assert_refused(const char *path, int error, const char *line)
{
	struct secret_key key = test_key(99), before = key;
	assert_int_equal(load(path, &key), error);
	assert_memory_equal(&key, &before, sizeof(key));
	assert_problem(line, path);
	assert_int_equal(warnings.count, 0);
}

static int new_folder(void **state)
{
	(void)state;
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	char command[PATH_SIZE];
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void saved_key_loads_again(void **state)
{
	(void)state;
	struct secret_key key = secret_key_generate(), loaded;
	assert_int_equal(save(path_of("key"), key, false, false), 0);
	assert_int_equal(problems.count, 0);
	assert_file(path_of("key"), key.bytes, KEY_SIZE);
	assert_int_equal(mode_of(path_of("key")), 0600);
	assert_int_equal(files_in_folder(), 1);

	assert_int_equal(load(path_of("key"), &loaded), 0);
	assert_memory_equal(loaded.bytes, key.bytes, KEY_SIZE);
	assert_int_equal(warnings.count + problems.count, 0);
}

static void mode_does_not_depend_on_umask(void **state)
{
	(void)state;
	static const mode_t masks[] = {0, 022, 0277};
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		mode_t before = umask(masks[i]);
		int result = save(path_of("key"), test_key(1), true, false);
		umask(before);
		assert_int_equal(result, 0);
		assert_int_equal(mode_of(path_of("key")), 0600);
	}
}

static void existing_file_is_kept(void **state)
{
	(void)state;
	struct secret_key old = test_key(1);
	const char *path = write_file("key", old.bytes, KEY_SIZE, 0640);
	assert_int_equal(save(path, test_key(2), false, false), -EEXIST);
	assert_problem("Key file @ exists and stays as it is. 'mycelium generate-keys --force' replaces it.", path);
	assert_file(path, old.bytes, KEY_SIZE);
	assert_int_equal(mode_of(path), 0640);
	assert_int_equal(files_in_folder(), 1);
}

static void force_replaces(void **state)
{
	(void)state;
	struct secret_key new_key = test_key(2);
	const char *path = write_file("key", "short", 5, 0644);
	assert_int_equal(save(path, new_key, true, false), 0);
	assert_file(path, new_key.bytes, KEY_SIZE);
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(files_in_folder(), 1);
}

static void force_writes_through_a_link(void **state)
{
	(void)state;
	struct secret_key new_key = test_key(3);
	write_file("target", "short", 5, 0600);
	assert_int_equal(symlink("target", path_of("link")), 0);
	assert_int_equal(save(path_of("link"), new_key, true, false), 0);
	assert_file(path_of("target"), new_key.bytes, KEY_SIZE);
	struct stat status;
	assert_int_equal(lstat(path_of("link"), &status), 0);
	assert_true(S_ISLNK(status.st_mode));
}

static void only_regular_files_are_replaced(void **state)
{
	(void)state;
	const char *path = path_of("pipe");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(save(path, test_key(1), true, false), -EINVAL);
	assert_problem("Cannot write key file @: it is not a regular file. Name another file with --key-file.", path);
	path = folder;
	assert_int_equal(save(path, test_key(1), true, false), -EISDIR);
	assert_problem("Cannot write key file @: it is a directory. Name a file in it with --key-file.", path);
	assert_int_equal(files_in_folder(), 1);
}

static void link_to_nowhere_is_kept(void **state)
{
	(void)state;
	struct secret_key key;
	assert_int_equal(symlink("nowhere", path_of("link")), 0);
	assert_int_equal(load(path_of("link"), &key), -ENOENT);
	assert_int_equal(save(path_of("link"), test_key(1), false, false), -EEXIST);
	assert_int_equal(files_in_folder(), 1);
}

static void missing_file_is_the_callers_matter(void **state)
{
	(void)state;
	struct secret_key key = test_key(4), before = key;
	assert_int_equal(load(path_of("none"), &key), -ENOENT);
	assert_int_equal(load(path_of("none/key"), &key), -ENOENT);
	assert_int_equal(warnings.count + problems.count, 0);
	assert_memory_equal(&key, &before, sizeof(key));
}

static void short_files_are_refused(void **state)
{
	(void)state;
	struct secret_key key = test_key(200);
	char line[128];
	for (size_t len = 0; len < KEY_SIZE; len++) {
		snprintf(line, sizeof(line),
			 "Key file @ has %zu byte%s, 32 are needed. 'mycelium generate-keys --force' replaces it.", len,
			 len == 1 ? "" : "s");
		assert_refused(write_file("key", key.bytes, len, 0600), -EINVAL, line);
	}
}

static void longer_file_is_used_with_a_warning(void **state)
{
	(void)state;
	uint8_t content[2000];
	struct rng rng = rng_seeded(5);
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)rng_next(&rng);
	static const size_t lengths[] = {33, 64, 512, 513, 2000};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct secret_key key;
		assert_int_equal(load(write_file("key", content, lengths[i], 0600), &key), 0);
		assert_memory_equal(key.bytes, content, KEY_SIZE);
		assert_int_equal(problems.count, 0);
		assert_int_equal(warnings.count, 1);
		assert_non_null(strstr(warnings.text[0], path_of("key")));
		assert_non_null(strstr(warnings.text[0], "longer than 32 bytes"));
	}
}

static void text_is_refused(void **state)
{
	(void)state;
	static const char line[] =
		"Key file @ contains text, not a key of 32 random bytes. Name another file with --key-file.";
	assert_refused("/etc/passwd", -EINVAL, line);
	static const char hex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	assert_refused(write_file("hex", hex, strlen(hex), 0600), -EINVAL, line);
	assert_refused(write_file("text", "a\tpass word of thirty-two bytes\n", 32, 0600), -EINVAL, line);
}

/* One byte that no text has makes it a key, wherever it is. */
static void almost_text_is_a_key(void **state)
{
	(void)state;
	static const uint8_t odd[] = {0x00, 0x08, 0x0e, 0x1f, 0x7f, 0x80, 0xff};
	for (size_t i = 0; i < sizeof(odd); i++) {
		struct secret_key key;
		uint8_t content[KEY_SIZE];
		memset(content, 'x', sizeof(content));
		content[(i * 11) % KEY_SIZE] = odd[i];
		assert_int_equal(load(write_file("key", content, sizeof(content), 0600), &key), 0);
		assert_memory_equal(key.bytes, content, KEY_SIZE);
		assert_int_equal(warnings.count, 0);
	}
}

static void open_files_are_warned_about(void **state)
{
	(void)state;
	static const struct {
		mode_t mode;
		unsigned warnings;
	} cases[] = {{0400, 0}, {0600, 0}, {0640, 0}, {0660, 0}, {0604, 1}, {0644, 1}, {0602, 1}, {0666, 1}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct secret_key key, wanted = test_key(9);
		const char *path = write_file("key", wanted.bytes, KEY_SIZE, cases[i].mode);
		assert_int_equal(load(path, &key), 0);
		assert_int_equal(warnings.count, cases[i].warnings);
		assert_memory_equal(key.bytes, wanted.bytes, KEY_SIZE);
		assert_int_equal(unlink(path), 0);
	}
	assert_non_null(strstr(warnings.text[0], "mode 0666"));
	assert_non_null(strstr(warnings.text[0], "'chmod 600 /tmp/"));
}

static void directory_is_named_as_such(void **state)
{
	(void)state;
	assert_refused(folder, -EISDIR,
		       "Cannot read key file @: it is a directory. Name a file in it with --key-file.");
}

static void file_used_as_directory(void **state)
{
	(void)state;
	write_file("file", "x", 1, 0600);
	assert_refused(path_of("file/key"), -ENOTDIR,
		       "Cannot read key file @: a part of the path is a file, not a directory. "
		       "Name another file with --key-file.");
	assert_int_equal(save(path_of("file/sub/key"), test_key(1), false, true), -ENOTDIR);
	assert_int_equal(problems.count, 1);
	assert_non_null(strstr(problems.text[0], "Cannot create the directory"));
}

/* Runs `body` as a user without rights here; its failures end the child with a status. */
static void as_stranger(void (*body)(void))
{
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (geteuid() == 0 && seteuid(NOBODY) != 0)
			_exit(2);
		body();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void require(bool condition)
{
	if (!condition)
		_exit(1);
}

static void load_and_save_locked(void)
{
	struct secret_key key;
	static const char denied[] = ": permission denied. Run as a user who has the right to, or name another file "
				     "with --key-file.";
	char expected[PROBLEM_TEXT_SIZE];
	snprintf(expected, sizeof(expected), "Cannot read key file %s%s", path_of("locked/key"), denied);
	require(load(path_of("locked/key"), &key) == -EACCES);
	require(problems.count == 1 && strcmp(problems.text[0], expected) == 0);

	snprintf(expected, sizeof(expected), "Cannot write key file %s%s", path_of("locked/new"), denied);
	require(save(path_of("locked/new"), test_key(1), false, false) == -EACCES);
	require(problems.count == 1 && strcmp(problems.text[0], expected) == 0);

	require(save(path_of("locked/sub/new"), test_key(1), false, true) == -EACCES);
	require(problems.count == 1 && strstr(problems.text[0], "Cannot create the directory") != NULL);
	require(strstr(problems.text[0], "locked/sub") != NULL);
}

static void permission_denied_is_told(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path_of("locked"), 0700), 0);
	write_file("locked/key", "x", 1, 0600);
	assert_int_equal(chmod(path_of("locked"), 0000), 0);
	as_stranger(load_and_save_locked);
	assert_int_equal(chmod(path_of("locked"), 0700), 0);
}

static void failed_write_leaves_nothing(void **state)
{
	(void)state;
	struct secret_key old = test_key(1);
	write_file("key", old.bytes, KEY_SIZE, 0600);
	struct rlimit limit, half;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	half = limit;
	half.rlim_cur = KEY_SIZE / 2;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &half), 0);
	int replacing = save(path_of("key"), test_key(2), true, false);
	int creating = save(path_of("other"), test_key(2), false, false);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(replacing, -ENOSPC);
	assert_int_equal(creating, -ENOSPC);
	assert_problem("Cannot write key file @: no space is left. Name another file with --key-file.",
		       path_of("other"));
	assert_file(path_of("key"), old.bytes, KEY_SIZE);
	assert_int_equal(files_in_folder(), 1);
}

struct racer {
	pthread_barrier_t *start;
	struct secret_key key;
	int result;
};

static void *race(void *context)
{
	struct racer *racer = context;
	pthread_barrier_wait(racer->start);
	racer->result = keyfile_save(path_of("raced"), &racer->key, false, false, NULL);
	return NULL;
}

static void race_once(void)
{
	enum { RACERS = 4 };
	pthread_barrier_t start;
	pthread_t threads[RACERS];
	struct racer racers[RACERS];
	int winner = -1;
	assert_int_equal(pthread_barrier_init(&start, NULL, RACERS), 0);
	for (int i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){.start = &start, .key = test_key((uint8_t)i)};
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (int i = 0; i < RACERS; i++) {
		pthread_join(threads[i], NULL);
		if (racers[i].result != 0) {
			assert_int_equal(racers[i].result, -EEXIST);
			continue;
		}
		assert_int_equal(winner, -1);
		winner = i;
	}
	assert_true(winner >= 0);
	assert_file(path_of("raced"), racers[winner].key.bytes, KEY_SIZE);
	assert_int_equal(files_in_folder(), 1);
	pthread_barrier_destroy(&start);
}

/* Of several that create the file at once, one wins and the others know that they did not. */
static void only_one_creates(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		race_once();
		assert_int_equal(unlink(path_of("raced")), 0);
	}
}

static void missing_directory(void **state)
{
	(void)state;
	const char *path = path_of("a/b/key");
	assert_int_equal(save(path, test_key(1), false, false), -ENOENT);
	assert_problem("Cannot write key file @: its directory does not exist. "
		       "Create it, or name another file with --key-file.",
		       path);
	assert_int_equal(files_in_folder(), 0);

	struct secret_key key = test_key(6);
	assert_int_equal(save(path, key, false, true), 0);
	assert_file(path, key.bytes, KEY_SIZE);
	assert_int_equal(mode_of(path_of("a")), 0700);
	assert_int_equal(mode_of(path_of("a/b")), 0700);
	/* What is there keeps its mode. */
	assert_int_equal(chmod(path_of("a"), 0755), 0);
	assert_int_equal(save(path_of("a//c/key"), key, false, true), 0);
	assert_int_equal(mode_of(path_of("a")), 0755);
}

static void relative_paths(void **state)
{
	(void)state;
	struct secret_key key = test_key(8), loaded;
	int here = open(".", O_RDONLY | O_DIRECTORY);
	assert_true(here >= 0);
	assert_int_equal(chdir(folder), 0);
	int bare = save("key", key, false, true), deep = save("./mycelium/key", key, false, true);
	int back = load("./mycelium/key", &loaded);
	assert_int_equal(fchdir(here), 0);
	close(here);
	assert_int_equal(bare, 0);
	assert_int_equal(deep, 0);
	assert_int_equal(back, 0);
	assert_memory_equal(loaded.bytes, key.bytes, KEY_SIZE);
}

static void problems_may_be_null(void **state)
{
	(void)state;
	struct secret_key key = test_key(1);
	const char *path = write_file("key", "short", 5, 0600);
	assert_int_equal(keyfile_load(path, &key, NULL, NULL), -EINVAL);
	assert_int_equal(keyfile_save(path, &key, false, false, NULL), -EEXIST);
}

/* ---- the key of a private network ---- */

static int load_network(const char *path, uint8_t ret[static KEY_SIZE])
{
	warnings.count = problems.count = 0;
	return keyfile_load_network(path, ret, &warnings, &problems);
}

static void network_key_is_the_first_32_bytes(void **state)
{
	(void)state;
	uint8_t content[2000], key[KEY_SIZE];
	struct rng rng = rng_seeded(6);
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)rng_next(&rng);
	static const size_t lengths[] = {32, 33, 64, 512, 513, 2000};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const char *path = write_file("key", content, lengths[i], 0600);
		memset(key, 0, sizeof(key));
		assert_int_equal(load_network(path, key), 0);
		assert_memory_equal(key, content, KEY_SIZE);
		assert_int_equal(problems.count, 0);
		assert_int_equal(warnings.count, lengths[i] > KEY_SIZE);
	}
	assert_non_null(strstr(warnings.text[0], "Network key file /tmp/"));
	assert_non_null(strstr(warnings.text[0], "longer than 32 bytes"));
}

static void assert_network_key_refused(const char *path, int error, const char *line)
{
	uint8_t key[KEY_SIZE], before[KEY_SIZE];
	memset(key, 0x5a, sizeof(key));
	memcpy(before, key, sizeof(key));
	assert_int_equal(load_network(path, key), error);
	assert_memory_equal(key, before, sizeof(key));
	assert_problem(line, path);
	assert_int_equal(warnings.count, 0);
}

static void network_key_that_cannot_be_had(void **state)
{
	(void)state;
	const char *path = write_file("key", test_key(200).bytes, KEY_SIZE - 1, 0666);
	assert_network_key_refused(path, -EINVAL,
				   "Network key file @ has 31 bytes, 32 are needed. "
				   "Copy it again from another node of the network.");
	assert_network_key_refused(folder, -EISDIR,
				   "Cannot read network key file @: it is a directory. "
				   "Name a file in it with --network-key-file.");
	assert_network_key_refused(path_of("key/key"), -ENOTDIR,
				   "Cannot read network key file @: a part of the path is a file, not a directory. "
				   "Name another file with --network-key-file.");
	uint8_t key[KEY_SIZE];
	assert_int_equal(load_network(path_of("none"), key), -ENOENT);
	assert_int_equal(problems.count, 1);
	assert_non_null(strstr(problems.text[0], "There is no network key file /tmp/"));
	assert_int_equal(keyfile_load_network(path_of("none"), key, NULL, NULL), -ENOENT);
}

static void load_locked_network_key(void)
{
	uint8_t key[KEY_SIZE];
	require(load_network(path_of("locked/key"), key) == -EACCES);
	require(problems.count == 1 && strstr(problems.text[0], "permission denied") != NULL);
	require(strstr(problems.text[0], "Cannot read network key file /tmp/") != NULL);
}

static void network_key_of_others(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path_of("locked"), 0700), 0);
	write_file("locked/key", test_key(1).bytes, KEY_SIZE, 0600);
	assert_int_equal(chmod(path_of("locked"), 0000), 0);
	as_stranger(load_locked_network_key);
	assert_int_equal(chmod(path_of("locked"), 0700), 0);
}

/* Others take any file: a text works, with a word about it, and is as secret as a key. */
static void network_key_may_be_text(void **state)
{
	(void)state;
	static const char hex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	uint8_t key[KEY_SIZE];
	assert_int_equal(load_network(write_file("hex", hex, strlen(hex), 0644), key), 0);
	assert_memory_equal(key, hex, KEY_SIZE);
	assert_int_equal(problems.count, 0);
	assert_int_equal(warnings.count, 2);
	assert_non_null(strstr(warnings.text[0], "contains text: its first 32 characters are the key"));
	assert_non_null(strstr(warnings.text[1], "open to every user (mode 0644)"));
}

static char *default_path_with(const char *data, const char *home)
{
	data != NULL ? setenv("XDG_DATA_HOME", data, 1) : unsetenv("XDG_DATA_HOME");
	home != NULL ? setenv("HOME", home, 1) : unsetenv("HOME");
	char *path = keyfile_default_path();
	assert_non_null(path);
	return path;
}

static void assert_default_path(const char *data, const char *home, const char *expected)
{
	char *path = default_path_with(data, home);
	assert_string_equal(path, expected);
	free(path);
}

static void default_path(void **state)
{
	(void)state;
	assert_default_path("/data", "/home/x", "/data/mycelium/priv_key.bin");
	assert_default_path("/data", NULL, "/data/mycelium/priv_key.bin");
	assert_default_path("data", "/home/x", "/home/x/.local/share/mycelium/priv_key.bin");
	assert_default_path("", "/home/x", "/home/x/.local/share/mycelium/priv_key.bin");
	assert_default_path(NULL, "/home/x", "/home/x/.local/share/mycelium/priv_key.bin");
	/* From the user database, whatever it says. */
	char *path = default_path_with(NULL, NULL);
	assert_non_null(strstr(path, "/mycelium/priv_key.bin"));
	assert_default_path(NULL, "", path);
	free(path);
}

static void ask_without_home(void)
{
	require(setresuid(NO_SUCH_USER, NO_SUCH_USER, NO_SUCH_USER) == 0);
	unsetenv("HOME");
	unsetenv("XDG_DATA_HOME");
	char *path = keyfile_default_path();
	require(path != NULL && strcmp(path, "./mycelium/priv_key.bin") == 0);
	free(path);
}

static void default_path_without_home(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	pid_t child = fork();
	if (child == 0) {
		ask_without_home();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#define in_folder(test) cmocka_unit_test_setup_teardown(test, new_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_folder(saved_key_loads_again),
		in_folder(mode_does_not_depend_on_umask),
		in_folder(existing_file_is_kept),
		in_folder(force_replaces),
		in_folder(force_writes_through_a_link),
		in_folder(only_regular_files_are_replaced),
		in_folder(link_to_nowhere_is_kept),
		in_folder(missing_file_is_the_callers_matter),
		in_folder(short_files_are_refused),
		in_folder(longer_file_is_used_with_a_warning),
		in_folder(text_is_refused),
		in_folder(almost_text_is_a_key),
		in_folder(open_files_are_warned_about),
		in_folder(directory_is_named_as_such),
		in_folder(file_used_as_directory),
		in_folder(permission_denied_is_told),
		in_folder(failed_write_leaves_nothing),
		in_folder(only_one_creates),
		in_folder(missing_directory),
		in_folder(relative_paths),
		in_folder(problems_may_be_null),
		in_folder(network_key_is_the_first_32_bytes),
		in_folder(network_key_that_cannot_be_had),
		in_folder(network_key_of_others),
		in_folder(network_key_may_be_text),
		cmocka_unit_test(default_path),
		cmocka_unit_test(default_path_without_home),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
