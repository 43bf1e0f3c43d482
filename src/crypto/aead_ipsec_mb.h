// SPDX-License-Identifier: Apache-2.0
/* The direct functions of intel-ipsec-mb; inside the room. */
#ifndef MYCELIUM_CRYPTO_AEAD_IPSEC_MB_H
#define MYCELIUM_CRYPTO_AEAD_IPSEC_MB_H

#include <intel-ipsec-mb.h>

/* AES-GCM with keys of one size. */
struct ipsec_mb_gcm {
	aes_gcm_pre_t expand;
	aes_gcm_enc_dec_t encrypt, decrypt;
};

struct ipsec_mb_functions {
	struct ipsec_mb_gcm gcm_128, gcm_256;
	keyexp_t expand_128, expand_256; /* of AES itself */
};

/* Finds them once for the process. Returns NULL when the package cannot use the AES and carry-less multiplication of
 * this processor. Any thread. */
const struct ipsec_mb_functions *ipsec_mb_functions(void);

#endif
