// SPDX-License-Identifier: Apache-2.0
/*
 * The commands. Results go to `out`, everything else to `err`; the return value is the exit status of the program.
 */
#ifndef MYCELIUM_CLI_COMMANDS_H
#define MYCELIUM_CLI_COMMANDS_H

#include <stdio.h>

#include "cli/args.h"
#include "crypto/keys.h"

/* Public key and address of the given key, else of the key file. Neither makes a key nor a directory. */
enum exit_status inspect_run(const struct args *args, FILE *out, FILE *err);

/* Makes a key file and shows its public key and address. An existing key is kept (status 0) unless --force. */
enum exit_status generate_keys_run(const struct args *args, FILE *out, FILE *err);

/* The peers of the running node. */
enum exit_status peers_list_run(const struct args *args, FILE *out, FILE *err);

/* The selected, fallback or queried routes of the running node, by args->command. */
enum exit_status routes_run(const struct args *args, FILE *out, FILE *err);

/* Writes the two lines, or the JSON object, that show a public key and its address. */
void identity_print(FILE *out, const struct public_key *key, bool json);

#endif
