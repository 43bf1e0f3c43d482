// SPDX-License-Identifier: Apache-2.0
/*
 * Packets computed by an independent implementation (docs/protocol/dataplane.md, "test vectors"). A and B are two nodes
 * with the secret 00 01 .. 1f between them; T is a relay with the secret 80 81 .. 9f between it and A.
 */
#ifndef MYCELIUM_TESTS_DATAPLANE_KNOWN_PACKETS_H
#define MYCELIUM_TESTS_DATAPLANE_KNOWN_PACKETS_H

#define NODE_A "4a1:b2c3:d4e5:f607:1122:3344:5566:7788"
#define NODE_B "512:3456:789a:bcde:f012:3456:789a:bcde"
#define NODE_T "4de:adbe:ef00:1122:1:2:3:4"
#define REPORTER_T "4de:adbe:ef00:1122::"

#define HEX_A "04a1b2c3d4e5f6071122334455667788"
#define HEX_B "05123456789abcdef0123456789abcde"
#define HEX_T "04deadbeef0011220000000000000000"

enum { SECRET_AB = 0x00, SECRET_TA = 0x80 };

/* Echo request from A to B, 56 bytes: everything before and behind its hop limit. */
#define HEX_ECHO_HEAD "6000000000103a"
#define HEX_ECHO_TAIL HEX_A HEX_B "80005e5f123400016d7963656c69756d"
#define HEX_ECHO HEX_ECHO_HEAD "40" HEX_ECHO_TAIL

#define HEX_ECHO_BODY \
	"e7187c2d25cb02bf6275bd9303db721da449af1783957128c968510e7ab94157aaecfb215f30676b2706b816897adda6" \
	"552f46490fa9791b2d377e33fb67e5470b6a0c795f6b0887db610d1ea0a1a2a3a4a5a6a7a8a9aaab"

/* The frame A sends. */
#define HEX_ECHO_FRAME "010000000000583f" HEX_A HEX_B HEX_ECHO_BODY

/* Echo request from A into A's own /64, and what A's host hears about it. */
#define HEX_OWN_ECHO "6000000000103a40" HEX_A "04a1b2c3d4e5f60700000000000000428000a48e123400016d7963656c69756d"
#define HEX_OWN_ERROR "6000000000403a40" HEX_A HEX_A "01033d2d00000000" HEX_OWN_ECHO

/* UDP from fe80::1 to B, and what A's host hears about it. */
#define HEX_FOREIGN "6000000000081140fe800000000000000000000000000001" HEX_B "0005000700080000"
#define HEX_FOREIGN_ERROR \
	"6000000000383a40" HEX_A "fe800000000000000000000000000001010533bd00000000" HEX_FOREIGN

/* Errors about the echo request with hop limit 1, and about the one without a route. */
#define HEX_EXPIRED_ERROR "6000000000403a01" HEX_A HEX_A "03003b6f00000000" HEX_ECHO_HEAD "01" HEX_ECHO_TAIL
#define HEX_NO_ROUTE_ERROR "6000000000403a40" HEX_A HEX_A "01003d3000000000" HEX_ECHO

/* T's report about the echo request, as sealed for A (plaintext) and as the frame A gets. */
#define HEX_REPORT "6000000000603a40" HEX_T HEX_A "0300c80700000000" HEX_ECHO_BODY
#define HEX_REPORT_FRAME_HEADER "010000000000b83f" HEX_T HEX_A
#define HEX_REPORT_FRAME \
	HEX_REPORT_FRAME_HEADER \
	"73235383e22204910816072157ead7f00da9e0215a8e4a1a2bdfcfd9b0c9b20474f55abc6c908bf338885b0ed70a7036" \
	"d2139b90e8745efd3f2412405842846649a52c273a9e69a397a15adf32fd8f5cad70de751f40406e0da3809a08d61c80" \
	"7691e07b4d682894c2b6b81920eacbf7b9f883927e7911112ed5d17f7d1c3d6b9eacca20094552851e32194341a6d57a" \
	"686ec50dd018668a57c8c4f1f6890b82ac5d79cdfc24225b053cb6f6b0b1b2b3b4b5b6b7b8b9babb"

/* What A's host gets when that frame arrives with hop limit 62. */
#define HEX_REPORT_DELIVERED "6000000000403a3d" HEX_T HEX_A "03001c1800000000" HEX_ECHO

#endif
