// SPDX-License-Identifier: Apache-2.0
/*
 * The script of fuzz_router: steps one after the other, each a byte of action and its arguments. Numbers are taken
 * modulo what there is of the thing, so every byte string is a script.
 */
#ifndef MYCELIUM_TESTS_FUZZ_ROUTER_SCRIPT_H
#define MYCELIUM_TESTS_FUZZ_ROUTER_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

enum script_action {
	SCRIPT_PEER_COMES,    /* peer u8, cost u8 */
	SCRIPT_PEER_DIES,     /* peer u8 */
	SCRIPT_CONTROL_FRAME, /* peer u8, n u8, n bytes: a control frame with this body arrives */
	SCRIPT_TIME,          /* amount u16: time passes */
	SCRIPT_UPDATE,        /* peer u8, node u8, metric u16, seqno u8, life u8: an Update of the node arrives */
	SCRIPT_TAKE_TLVS,     /* peer u8, n u8: up to n TLVs are taken */
	SCRIPT_TAKE_EVENTS,   /* n u8: up to n events are taken */
	SCRIPT_NEED,          /* node u8, need u8: a route or key is needed */
	SCRIPT_REFRESH,       /* node u8: a route in use is about to expire */
	SCRIPT_SEQNO_REQUEST, /* peer u8, node u8, seqno u8, life u8, hops u8: a seqno request arrives */
	SCRIPT_STREAM,        /* peer u8, n u8, n bytes: these bytes arrive, whatever they are */
	SCRIPT_SILENCE,       /* peer u8, unanswered u8: the peer is silent for so many times 32 ms */
	SCRIPT_PEERS_DIE,     /* mask u8: several peers die in the same moment */
	SCRIPT_SHORT_TLV,     /* peer u8, kind u8, node u8: a Hello, IHU, wildcard or route request arrives */
	SCRIPT_DATA,          /* node u8, node u8: a packet from one node to another arrives */
	SCRIPT_ROUND,         /* all events and all TLVs are taken, Hellos are answered */
	SCRIPT_FULL,          /* table u8: a table takes no more, or takes more again */
	SCRIPT_ACTIONS,
};

/* The length of the step at the start of `left` > 0 bytes, at most `left`. */
static inline size_t script_step_len(const uint8_t *at, size_t left)
{
	static const uint8_t arguments[SCRIPT_ACTIONS] = {
		[SCRIPT_PEER_COMES] = 2, [SCRIPT_PEER_DIES] = 1,     [SCRIPT_CONTROL_FRAME] = 2, [SCRIPT_TIME] = 2,
		[SCRIPT_UPDATE] = 6,     [SCRIPT_TAKE_TLVS] = 2,     [SCRIPT_TAKE_EVENTS] = 1,   [SCRIPT_NEED] = 2,
		[SCRIPT_REFRESH] = 1,    [SCRIPT_SEQNO_REQUEST] = 5, [SCRIPT_STREAM] = 2,        [SCRIPT_SILENCE] = 2,
		[SCRIPT_PEERS_DIE] = 1,  [SCRIPT_SHORT_TLV] = 3,     [SCRIPT_DATA] = 2,          [SCRIPT_ROUND] = 0,
		[SCRIPT_FULL] = 1,
	};
	uint8_t action = at[0] % SCRIPT_ACTIONS;
	size_t len = 1u + arguments[action];
	if ((action == SCRIPT_CONTROL_FRAME || action == SCRIPT_STREAM) && left > 2)
		len += at[2];
	return len < left ? len : left;
}

#endif
