// SPDX-License-Identifier: Apache-2.0
/* The body of a control frame: each TLV that may be sent is the same when written and read again. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wire/frame.h"
#include "wire/tlv.h"

static void write_again(const struct tlv *tlv)
{
	uint8_t first[TLV_FRAME_SIZE_MAX], second[TLV_FRAME_SIZE_MAX];
	size_t len = tlv_write_frame(tlv, first);
	if (len == 0)
		return;
	struct frame frame;
	struct tlv again;
	if (frame_decode(first, len, &frame) != FRAME_OK || frame.len != len)
		abort();
	struct reader body = frame_control_body(&frame);
	if (!tlv_next(&body, &again) || again.type != tlv->type || reader_left(&body) != 0)
		abort();
	if (tlv_write_frame(&again, second) != len || memcmp(first, second, len) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct reader body = reader_init(bytes, len);
	struct tlv tlv;
	while (tlv_next(&body, &tlv))
		write_again(&tlv);
	return 0;
}
