// SPDX-License-Identifier: Apache-2.0
/* What a fuzz target defines: one call for each input. Returns 0. */
#ifndef MYCELIUM_TESTS_FUZZ_H
#define MYCELIUM_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif
