// SPDX-License-Identifier: Apache-2.0
/* Which endpoints this node never dials, and why; inside the room. */
#ifndef MYCELIUM_PEERS_REFUSAL_H
#define MYCELIUM_PEERS_REFUSAL_H

#include "peers/manager.h"

/* Static words for a person, or NULL when the endpoint can be dialled. */
const char *refusal_of(const struct peers_config *config, const struct endpoint *endpoint);

#endif
