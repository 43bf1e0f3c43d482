// SPDX-License-Identifier: Apache-2.0
/*
 * The key file: 32 raw secret bytes.
 *
 * Created with mode 0600 through a temporary file, fsync and rename, so that a crash never loses a key; its directory
 * with mode 0700 and parents. Never overwritten unasked.
 */
#ifndef MYCELIUM_CRYPTO_KEYFILE_H
#define MYCELIUM_CRYPTO_KEYFILE_H

#include <stdbool.h>

#include "base/problem.h"
#include "crypto/keys.h"

/*
 * Reads a key file. The first 32 bytes are the key; a longer file is accepted with a line in `warnings`, as is a file
 * that others may read. Errors add one line to `problems` that names the path, the cause and the remedy:
 *   -ENOENT  there is no such file (no line is added: the caller decides)
 *   -EINVAL  fewer than 32 bytes, or the file is printable text (a password file or such, not a key)
 *   -errno   it cannot be read (permission, a directory, ...)
 */
int keyfile_load(const char *path, struct secret_key *ret, struct problems *warnings, struct problems *problems);

/* Writes a key file, atomically and with mode 0600. An existing file is replaced only when `replace`; otherwise -EEXIST
 * and the file stays as it is. With `create_directory` missing parent directories are made (0700). Errors as above. */
int keyfile_save(const char *path, const struct secret_key *key, bool replace, bool create_directory,
		 struct problems *problems);

/* The default path: $XDG_DATA_HOME/mycelium/priv_key.bin when that variable is an absolute path, else
 * ~/.local/share/mycelium/priv_key.bin, else ./mycelium/priv_key.bin. Returns a string to free(), or NULL without memory. */
char *keyfile_default_path(void);

#endif
