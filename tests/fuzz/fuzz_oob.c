// SPDX-License-Identifier: Apache-2.0
/*
 * An out-of-band report: 16 bytes source and 16 bytes destination of the data frame, then the payload. It is read as it
 * is and once more with its ICMPv6 checksum made right. What is read must be the same when written again. The payload
 * is also taken as a packet that an error is to be written about.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz.h"
#include "wire/icmp6.h"

static void write_again(const struct oob_report *report, const uint8_t *payload, size_t len)
{
	uint8_t out[OOB_PAYLOAD_MAX];
	struct ip6 source = ip6_packet_source(&payload[16]), destination = ip6_packet_destination(&payload[16]);
	if (report->quote_len != len - OOB_HEADER_SIZE || report->quote != &payload[OOB_HEADER_SIZE])
		abort();
	size_t written = oob_write(out, &report->original_destination, &source, &destination, &report->error,
				   report->quote, report->quote_len);
	/* Traffic class, flow label and hop limit are free, the second word may have been dropped. */
	if (written != len || memcmp(out, payload, 16) != 0 || memcmp(&out[20], &payload[20], 3) != 0 ||
	    memcmp(&out[24], &payload[24], 34) != 0)
		abort();
}

static void mend_checksum(uint8_t *payload, size_t len)
{
	struct ip6 source = ip6_packet_source(&payload[16]), destination = ip6_packet_destination(&payload[16]);
	uint8_t *message = &payload[16 + IP6_HEADER_SIZE];
	size_t message_len = len - 16 - IP6_HEADER_SIZE;
	struct writer w = writer_init(&message[2], 2);
	write_u16(&w, 0);
	uint64_t sum = checksum_pseudo_header(&source, &destination, (uint32_t)message_len, NEXT_HEADER_ICMP6);
	w = writer_init(&message[2], 2);
	write_u16(&w, checksum_finish(checksum_add(sum, message, message_len)));
}

static void report_about(const uint8_t *packet, size_t len, const struct ip6 *addr)
{
	static const uint8_t types[] = {ICMP6_UNREACHABLE, ICMP6_TOO_BIG, ICMP6_TIME_EXCEEDED};
	uint8_t out[ICMP6_ERROR_SIZE_MAX];
	for (size_t i = 0; i < sizeof(types); i++) {
		struct icmp6_error error = {.type = types[i]};
		(void)ip6_packet_complete(packet, len);
		if (icmp6_may_report(packet, len, &error) &&
		    !ip6_packet_complete(out, icmp6_write_error(out, addr, addr, 64, &error, packet, len)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct reader r = reader_init(bytes, len);
	struct ip6 source, destination;
	struct oob_report report;
	read_copy(&r, source.bytes, sizeof(source.bytes));
	read_copy(&r, destination.bytes, sizeof(destination.bytes));
	size_t payload_len = reader_left(&r);
	uint8_t *payload = calloc(payload_len > 0 ? payload_len : 1, 1);
	read_copy(&r, payload, payload_len);

	report_about(payload, payload_len, &source);
	if (oob_read(payload, payload_len, &source, &destination, &report) == 0)
		write_again(&report, payload, payload_len);
	if (payload_len >= OOB_HEADER_SIZE) {
		mend_checksum(payload, payload_len);
		if (oob_read(payload, payload_len, &source, &destination, &report) == 0)
			write_again(&report, payload, payload_len);
	}
	free(payload);
	return 0;
}
