// SPDX-License-Identifier: Apache-2.0
#include "dataplane/parcel.h"

#include <stdlib.h>
#include <string.h>

struct parcel *parcel_new(enum parcel_kind kind, const struct ip6 *source, const struct ip6 *destination, const uint8_t *bytes,
			  size_t len)
{
	struct parcel *parcel = malloc(sizeof(*parcel) + len);
	if (parcel == NULL)
		return NULL;
	*parcel = (struct parcel){.kind = kind, .source = *source, .destination = *destination, .len = (uint32_t)len};
	memcpy(parcel->bytes, bytes, len);
	return parcel;
}

void parcel_free(struct parcel *parcel)
{
	free(parcel);
}
