// SPDX-License-Identifier: Apache-2.0
/*
 * Key files, 32 raw secret bytes each: of the node (docs/protocol/identity.md), and of a private network
 * (docs/protocol/transports.md).
 *
 * The node's is created with mode 0600 through a temporary file, fsync and rename, so that a crash never loses a key; its
 * directory with mode 0700 and parents. Never overwritten unasked.
 *
 * Errors are told to a person: each adds one line to `problems` (which may be NULL) that names the path, the cause and
 * the next step. These functions touch the file system; they belong to start-up and commands, not to the packet path.
 */
#ifndef MYCELIUM_CRYPTO_KEYFILE_H
#define MYCELIUM_CRYPTO_KEYFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "crypto/keys.h"

/*
 * Reads a key file. The first 32 bytes are the key; a longer file is accepted with a line in `warnings`, as is a file
 * that every user may read or write. `ret` stays untouched on failure:
 *   -ENOENT  there is no such file (no line is added: the caller decides)
 *   -EINVAL  fewer than 32 bytes, or the file is printable text (a password file or such, not a key)
 *   -errno   it cannot be read (permission, a directory, ...)
 */
int keyfile_load(const char *path, struct secret_key *ret, struct problems *warnings, struct problems *problems);

/*
 * Reads the key file of a private network. The first 32 bytes are the key; what keyfile_load() warns about is accepted
 * here, too, and so is text. `ret` stays untouched on failure:
 *   -ENOENT  there is no such file
 *   -EINVAL  fewer than 32 bytes
 *   -errno   it cannot be read (permission, a directory, ...)
 */
int keyfile_load_network(const char *path, uint8_t ret[static KEY_SIZE], struct problems *warnings,
			 struct problems *problems);

/*
 * Writes a key file, atomically and with mode 0600. With `create_directory` missing parent directories are made (0700).
 * With `replace` an existing regular file is replaced, through a symbolic link if there is one:
 *   -EEXIST  there is something at `path` and `replace` is false; it stays as it is
 *   -EISDIR, -EINVAL  a directory, or something else that is not a regular file, is in the way
 *   -errno   it cannot be written (permission, no space, missing directory, ...)
 */
int keyfile_save(const char *path, const struct secret_key *key, bool replace, bool create_directory,
		 struct problems *problems);

/* The default path: $XDG_DATA_HOME/mycelium/priv_key.bin when that variable is an absolute path, else
 * ~/.local/share/mycelium/priv_key.bin, else ./mycelium/priv_key.bin. The home directory is $HOME, or that of the user
 * database when it is unset or empty. Returns a string to free(), or NULL without memory. Reads the environment: to be
 * called before threads start. */
char *keyfile_default_path(void);

#endif
