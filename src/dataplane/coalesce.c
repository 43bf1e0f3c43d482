// SPDX-License-Identifier: Apache-2.0
#include "dataplane/coalesce.h"

#include "dataplane/transport.h"
#include "wire/icmp6.h"

enum {
	LEN_MAX = 65535, /* of a joined packet, headers included */
	HOP_LIMIT_AT = 7,
	SOURCE_AT = 8,
	PORTS_SIZE = 4,
};

_Static_assert((int)COALESCE_MEMBERS <= (int)TUN_PARTS_MAX, "a joined packet is written with one call");

/* A packet that may be joined to others. */
struct candidate {
	uint8_t *packet;
	size_t len, headers;
	uint8_t protocol;
};

void coalesce_init(struct coalescer *coalescer, bool joins_tcp, bool joins_udp, coalesce_sink *sink, void *context)
{
	coalescer->sink = sink;
	coalescer->context = context;
	coalescer->joins_tcp = joins_tcp;
	coalescer->joins_udp = joins_udp;
	coalescer->run_count = coalescer->last = 0;
}

static const uint8_t *transport_of(const uint8_t *packet)
{
	return &packet[IP6_HEADER_SIZE];
}

static uint64_t pseudo_header_sum(const uint8_t *packet, size_t transport_len, uint8_t protocol)
{
	struct ip6 source = ip6_packet_source(packet), destination = ip6_packet_destination(packet);
	return checksum_pseudo_header(&source, &destination, (uint32_t)transport_len, protocol);
}

/* Addresses and transport lie behind one another and are summed in one go: all of the pseudo-header but length and protocol. */
static bool checksum_is_right(const uint8_t *packet, size_t len, uint8_t protocol)
{
	uint64_t sum = len - IP6_HEADER_SIZE + protocol;
	return checksum_finish(checksum_add(sum, &packet[SOURCE_AT], len - SOURCE_AT)) == 0;
}

/* Length of all headers of a TCP packet that may be joined, or 0. */
static size_t tcp_headers(const uint8_t *packet, size_t len)
{
	const uint8_t *tcp = transport_of(packet);
	if (len < IP6_HEADER_SIZE + TCP_HEADER_SIZE)
		return 0;
	bool plain = tcp[TCP_FLAGS_AT] == TCP_ACK || tcp[TCP_FLAGS_AT] == (TCP_ACK | TCP_PSH);
	size_t headers = IP6_HEADER_SIZE + tcp_header_len(tcp);
	return plain && tcp_header_len(tcp) >= TCP_HEADER_SIZE && headers < len ? headers : 0;
}

static size_t udp_headers(const uint8_t *packet, size_t len)
{
	size_t headers = IP6_HEADER_SIZE + UDP_HEADER_SIZE;
	if (len <= headers)
		return 0;
	struct reader r = reader_init(&transport_of(packet)[UDP_LENGTH_AT], 4);
	uint16_t udp_len = read_u16(&r), checksum = read_u16(&r);
	return udp_len == len - IP6_HEADER_SIZE && checksum != 0 ? headers : 0;
}

/* Returns false for a packet that has to go alone. */
static bool examine(const struct coalescer *coalescer, uint8_t *packet, size_t len, struct candidate *ret)
{
	uint8_t protocol = packet[IP6_NEXT_HEADER_AT];
	size_t headers = 0;
	if (protocol == NEXT_HEADER_TCP && coalescer->joins_tcp)
		headers = tcp_headers(packet, len);
	else if (protocol == NEXT_HEADER_UDP && coalescer->joins_udp)
		headers = udp_headers(packet, len);
	if (headers == 0 || !checksum_is_right(packet, len, protocol))
		return false;
	*ret = (struct candidate){.packet = packet, .len = len, .headers = headers, .protocol = protocol};
	return true;
}

/* Addresses, protocol and ports: what must not be overtaken. */
static bool is_same_flow(const uint8_t *a, const uint8_t *b)
{
	return memcmp(transport_of(a), transport_of(b), PORTS_SIZE) == 0 &&
	       memcmp(&a[SOURCE_AT], &b[SOURCE_AT], 2 * sizeof(struct ip6)) == 0 &&
	       a[IP6_NEXT_HEADER_AT] == b[IP6_NEXT_HEADER_AT];
}

/* Whether cutting the whole would give this packet back. */
static bool fits(const struct coalesce_run *run, const struct candidate *candidate)
{
	const uint8_t *a = run->first, *b = candidate->packet;
	size_t payload = candidate->len - candidate->headers;
	if (run->closed || run->count == COALESCE_MEMBERS || payload > run->segment_size ||
	    run->len + payload > LEN_MAX || run->headers != candidate->headers ||
	    memcmp(a, b, IP6_LENGTH_AT) != 0 || a[HOP_LIMIT_AT] != b[HOP_LIMIT_AT])
		return false;
	if (run->protocol == NEXT_HEADER_UDP)
		return true;
	const uint8_t *first = transport_of(a), *next = transport_of(b);
	return tcp_sequence(next) == run->next_sequence &&
	       memcmp(&first[TCP_ACKNOWLEDGEMENT_AT], &next[TCP_ACKNOWLEDGEMENT_AT], 4) == 0 &&
	       first[TCP_DATA_OFFSET_AT] == next[TCP_DATA_OFFSET_AT] &&
	       memcmp(&first[TCP_URGENT_AT], &next[TCP_URGENT_AT], run->headers - IP6_HEADER_SIZE - TCP_URGENT_AT) == 0;
}

static void append(struct coalesce_run *run, const struct candidate *candidate)
{
	size_t payload = candidate->len - candidate->headers;
	bool pushed = candidate->protocol == NEXT_HEADER_TCP &&
		      (transport_of(candidate->packet)[TCP_FLAGS_AT] & TCP_PSH) != 0;
	run->parts[run->count++] = (struct iovec){&candidate->packet[candidate->headers], payload};
	run->len += payload;
	run->next_sequence += (uint32_t)payload;
	run->pushed = pushed;
	run->closed = pushed || payload < run->segment_size;
}

static void begin(struct coalesce_run *run, const struct candidate *candidate)
{
	run->first = candidate->packet;
	run->headers = run->len = candidate->headers;
	run->segment_size = candidate->len - candidate->headers;
	run->protocol = candidate->protocol;
	run->next_sequence = candidate->protocol == NEXT_HEADER_TCP ? tcp_sequence(transport_of(candidate->packet)) : 0;
	run->count = 0;
	append(run, candidate);
}

/* The headers of the first packet become those of the whole; its checksum is left to whoever cuts it. */
static void write_headers(struct coalesce_run *run)
{
	uint8_t *transport = &run->first[IP6_HEADER_SIZE];
	size_t transport_len = run->len - IP6_HEADER_SIZE;
	bool is_udp = run->protocol == NEXT_HEADER_UDP;
	struct writer length = writer_init(&run->first[IP6_LENGTH_AT], 2);
	write_u16(&length, (uint16_t)transport_len);
	if (is_udp) {
		struct writer udp_length = writer_init(&transport[UDP_LENGTH_AT], 2);
		write_u16(&udp_length, (uint16_t)transport_len);
	} else if (run->pushed) {
		transport[TCP_FLAGS_AT] |= TCP_PSH;
	}
	struct writer checksum = writer_init(&transport[is_udp ? UDP_CHECKSUM_AT : TCP_CHECKSUM_AT], 2);
	write_u16(&checksum, (uint16_t)~checksum_finish(pseudo_header_sum(run->first, transport_len, run->protocol)));
}

static void send_run(const struct coalescer *coalescer, struct coalesce_run *run)
{
	struct tun_offload offload = {.batch = TUN_SINGLE};
	/* Headers and first payload lie behind one another. */
	run->parts[0] = (struct iovec){run->first, run->headers + run->parts[0].iov_len};
	if (run->count > 1) {
		bool is_udp = run->protocol == NEXT_HEADER_UDP;
		write_headers(run);
		offload = (struct tun_offload){
			.batch = is_udp ? TUN_UDP : TUN_TCP,
			.segment_size = (uint16_t)run->segment_size,
			.header_len = (uint16_t)run->headers,
			.checksum_open = true,
			.checksum_start = IP6_HEADER_SIZE,
			.checksum_offset = is_udp ? UDP_CHECKSUM_AT : TCP_CHECKSUM_AT,
		};
	}
	coalescer->sink(coalescer->context, run->parts, run->count, &offload);
}

static void send_alone(const struct coalescer *coalescer, uint8_t *packet, size_t len)
{
	struct iovec part = {packet, len};
	coalescer->sink(coalescer->context, &part, 1, &(struct tun_offload){.batch = TUN_SINGLE});
}

/* The run of a packet's flow, or NULL. */
static struct coalesce_run *find_run(struct coalescer *coalescer, const uint8_t *packet)
{
	for (unsigned i = 0; i < coalescer->run_count; i++) {
		unsigned at = (coalescer->last + i) % coalescer->run_count;
		if (!is_same_flow(coalescer->runs[at].first, packet))
			continue;
		coalescer->last = at;
		return &coalescer->runs[at];
	}
	return NULL;
}

/* Sends what is joined of a flow and lets its place to the last one. */
static void end_run(struct coalescer *coalescer, struct coalesce_run *run)
{
	send_run(coalescer, run);
	struct coalesce_run *last = &coalescer->runs[--coalescer->run_count];
	if (run != last)
		*run = *last;
	coalescer->last = 0;
}

static void add_alone(struct coalescer *coalescer, uint8_t *packet, size_t len)
{
	struct coalesce_run *run = len >= IP6_HEADER_SIZE + PORTS_SIZE ? find_run(coalescer, packet) : NULL;
	if (run != NULL)
		end_run(coalescer, run);
	send_alone(coalescer, packet, len);
}

void coalesce_add(struct coalescer *coalescer, uint8_t *packet, size_t len)
{
	struct candidate candidate;
	if (!examine(coalescer, packet, len, &candidate)) {
		add_alone(coalescer, packet, len);
		return;
	}
	struct coalesce_run *run = find_run(coalescer, packet);
	if (run != NULL && fits(run, &candidate)) {
		append(run, &candidate);
		return;
	}
	if (run != NULL) {
		send_run(coalescer, run);
		begin(run, &candidate);
		return;
	}
	if (coalescer->run_count == COALESCE_RUNS)
		coalesce_flush(coalescer);
	coalescer->last = coalescer->run_count++;
	begin(&coalescer->runs[coalescer->last], &candidate);
}

void coalesce_flush(struct coalescer *coalescer)
{
	for (unsigned i = 0; i < coalescer->run_count; i++)
		send_run(coalescer, &coalescer->runs[i]);
	coalescer->run_count = coalescer->last = 0;
}
