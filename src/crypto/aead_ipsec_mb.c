// SPDX-License-Identifier: Apache-2.0
/*
 * AES-256-GCM by intel-ipsec-mb, through its direct interface.
 *
 * The library hands out its functions in a manager, which also holds job queues that only one thread may use. The
 * direct functions need none of that: their whole state is the expanded key, which they only read, and a context on
 * the stack. So some of them are kept from a manager that goes away again.
 */
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/aead.h"
#include "crypto/aead_ipsec_mb.h"

/* Aligned as the widest kernels load it. */
enum { KEY_ALIGNMENT = 64 };

struct aead_key {
	_Alignas(KEY_ALIGNMENT) struct gcm_key_data expanded;
};

static struct ipsec_mb_functions functions;
static bool functions_usable;
static struct ipsec_mb_gcm gcm;

/* Whether the manager runs on the processor's own AES and carry-less multiplication, and passed the library's tests.
 * Emulated AES is slow and not constant in time. */
static bool manager_usable(IMB_MGR *manager, IMB_ARCH arch)
{
	const uint64_t wanted = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
	if (imb_get_errno(manager) != 0 || arch == IMB_ARCH_NONE || arch == IMB_ARCH_NOAESNI)
		return false;
	if ((manager->features & wanted) != wanted)
		return false;
	return (manager->features & IMB_FEATURE_SELF_TEST) == 0 ||
	       (manager->features & IMB_FEATURE_SELF_TEST_PASS) != 0;
}

/* Lets go of the code of the object that an address is in; what is used of it comes back from the page cache. */
static int release_code(struct dl_phdr_info *object, size_t size, void *address)
{
	(void)size;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t begin = object->dlpi_addr + segment->p_vaddr, end = begin + segment->p_memsz;
		if (segment->p_type != PT_LOAD || (segment->p_flags & (PF_X | PF_W)) != PF_X ||
		    (uintptr_t)address < begin || (uintptr_t)address >= end)
			continue;
		begin -= begin % page;
		/* No harm where it is refused. */
		(void)madvise((void *)begin, end - begin, MADV_DONTNEED);
		return 1;
	}
	return 0;
}

static void find_functions(void)
{
	IMB_MGR *manager = alloc_mb_mgr(0);
	if (manager == NULL)
		return;
	IMB_ARCH arch = IMB_ARCH_NONE;
	init_mb_mgr_auto(manager, &arch);
	functions_usable = manager_usable(manager, arch);
	functions = (struct ipsec_mb_functions){
		.gcm_128 = {manager->gcm128_pre, manager->gcm128_enc, manager->gcm128_dec},
		.gcm_256 = {manager->gcm256_pre, manager->gcm256_enc, manager->gcm256_dec},
		.expand_128 = manager->keyexp_128,
		.expand_256 = manager->keyexp_256,
	};
	free_mb_mgr(manager);
	/* The library tested all that it has, most of which is never used again: 3 MiB. */
	(void)dl_iterate_phdr(release_code, (void *)(uintptr_t)functions.expand_256);
}

const struct ipsec_mb_functions *ipsec_mb_functions(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, find_functions);
	return functions_usable ? &functions : NULL;
}

static int ipsec_mb_probe(void)
{
	if (ipsec_mb_functions() == NULL)
		return -ENOTSUP;
	gcm = functions.gcm_256;
	return 0;
}

static struct aead_key *ipsec_mb_key_new(const uint8_t key[static KEY_SIZE])
{
	struct aead_key *expanded = aligned_alloc(KEY_ALIGNMENT, sizeof(*expanded));
	if (expanded != NULL)
		gcm.expand(key, &expanded->expanded);
	return expanded;
}

static void ipsec_mb_key_free(struct aead_key *key)
{
	if (key == NULL)
		return;
	secret_wipe(key, sizeof(*key));
	free(key);
}

static void ipsec_mb_seal(struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE], const uint8_t *in,
			  size_t len, uint8_t *out, uint8_t tag[static AEAD_TAG_SIZE])
{
	struct gcm_context_data context;
	gcm.encrypt(&key->expanded, &context, out, in, len, nonce, NULL, 0, tag, AEAD_TAG_SIZE);
}

static int ipsec_mb_open(struct aead_key *key, const uint8_t nonce[static AEAD_NONCE_SIZE], const uint8_t *in,
			 size_t len, const uint8_t tag[static AEAD_TAG_SIZE], uint8_t *out)
{
	struct gcm_context_data context;
	uint8_t expected[AEAD_TAG_SIZE];
	gcm.decrypt(&key->expanded, &context, out, in, len, nonce, NULL, 0, expected, AEAD_TAG_SIZE);

	bool genuine = aead_tags_equal(expected, tag);
	secret_wipe(expected, sizeof(expected));
	if (genuine)
		return 0;
	secret_wipe(out, len);
	return -EBADMSG;
}

const struct aead_backend aead_ipsec_mb = {
	.name = "intel-ipsec-mb",
	.probe = ipsec_mb_probe,
	.key_new = ipsec_mb_key_new,
	.key_free = ipsec_mb_key_free,
	.seal = ipsec_mb_seal,
	.open = ipsec_mb_open,
};
