// SPDX-License-Identifier: Apache-2.0
/* A datagram of rtnetlink, behind 4 bytes for the index to ignore: read as a part of a list and as a change. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "peers/interfaces_message.h"

static void check_list(const struct interface_list *list)
{
	if (list->count > INTERFACES_MAX)
		abort();
	for (size_t i = 0; i < list->count; i++)
		if (memchr(list->items[i].name, 0, INTERFACE_NAME_SIZE) == NULL ||
		    (list->items[i].running && !list->items[i].up))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct interface_list list;
	struct network_change change = {0};
	struct reader r = reader_init(bytes, len);
	uint32_t ignored = read_u32(&r);
	size_t datagram_len = reader_left(&r);
	if (datagram_len == 0)
		return 0;
	uint8_t *datagram = malloc(datagram_len);
	if (datagram == NULL)
		return 0;
	read_copy(&r, datagram, datagram_len);

	list.count = list.left_out = 0;
	list.fingerprint = 0;
	(void)interfaces_message_list(datagram, datagram_len, 0, 0, ignored, &list);
	check_list(&list);
	/* Once more, as a host with twice the interfaces would be told. */
	(void)interfaces_message_list(datagram, datagram_len, 0, 0, ignored, &list);
	check_list(&list);
	interfaces_message_change(datagram, datagram_len, ignored, &change);
	if (change.removed_count > INTERFACES_REMOVED_MAX || (change.removed_count > 0 && !change.links))
		abort();
	free(datagram);
	return 0;
}
