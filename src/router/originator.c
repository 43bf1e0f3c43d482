// SPDX-License-Identifier: Apache-2.0
/* Router ids, each stored once with the address its key stands for: the hash behind an address is computed once, not
 * with each Update. */
#include <assert.h>

#include "router/internal.h"

uint64_t originator_hash(const struct hash_key *key, const void *record)
{
	const struct originator *originator = record;
	return hash_bytes(key, originator->id.bytes, ROUTER_ID_SIZE);
}

uint32_t originator_refer(struct router *router, const struct router_id *id)
{
	const struct index *index = &router->originator_index;
	uint32_t handle = index_chain(index, hash_bytes(&index->key, id->bytes, ROUTER_ID_SIZE));
	while (handle != 0 && !router_id_equal(&originator_at(router, handle)->id, id))
		handle = index_next(index, handle);
	if (handle == 0) {
		handle = pool_take(&router->originators);
		if (handle == 0)
			return 0;
		struct originator *originator = originator_at(router, handle);
		struct public_key key = router_id_key(id);
		originator->id = *id;
		originator->address = public_key_address(&key);
		index_add(&router->originator_index, handle);
	}
	originator_retain(router, handle);
	return handle;
}

void originator_retain(struct router *router, uint32_t handle)
{
	originator_at(router, handle)->references++;
}

void originator_forget(struct router *router, uint32_t handle)
{
	struct originator *originator = originator_at(router, handle);
	assert(originator->references > 0);
	if (--originator->references > 0)
		return;
	index_remove(&router->originator_index, handle);
	pool_put(&router->originators, handle);
}
