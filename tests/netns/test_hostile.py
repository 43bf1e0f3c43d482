# SPDX-License-Identifier: Apache-2.0
"""Peers that say what no node says. The node lives on, and an honest peer beside them notices nothing."""
import random
import struct

import hostile
from hostile import HELLO, IHU, ROUTE_REQUEST
from netlab import check
from scene import Scene

# A prefix of nobody.
UNKNOWN = "5aa:1:2:3::"
# Behind it a lie changes neither the length of the frame nor whether there is one.
FRAME_HEADER = 8


def test_broken_framing_closes(lab):
  scene = Scene(lab)
  good = hostile.hello()
  scene.check_closes(b"\x02" + good[1:], "version 2")
  scene.check_closes(good + b"\x00" + good[1:], "version 0 behind a good frame")
  scene.check_closes(b"\x01\x02" + good[2:], "type 2")
  scene.check_closes(b"\x01\xff" + good[2:], "type 255")
  scene.check_closes(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n", "HTTP")
  scene.check_closes(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "TLS")


def test_garbage(lab):
  scene = Scene(lab)
  chance = random.Random(1)
  for size in 1, 7, 100, 5000, 200000:
    peer = scene.peer()
    peer.send(chance.randbytes(size))
    peer.read(0.3)
    peer.close()
  scene.check_unharmed("random bytes")
  for kind in 0, 1:
    for size in 100, 5000, 200000:
      peer = scene.peer()
      peer.send(b"".join(bytes([1, kind, 0, 0]) + chance.randbytes(200) for _ in range(size // 200 + 1)))
      peer.read(0.3)
      peer.close()
  scene.check_unharmed("random bytes behind good frame headers")


def test_cut_frames(lab):
  scene = Scene(lab)
  update = hostile.update(UNKNOWN, 64)
  data = hostile.data("512::1", "513::1", bytes(100))
  for frame in hostile.hello(), update, data:
    for cut in 1, 3, 4, 5, 7, 8, 9, len(frame) // 2, len(frame) - 1:
      peer = scene.peer()
      peer.send(frame[:cut])
      peer.close()
  scene.check_unharmed("connections that end within a frame")


def test_bad_control_frames_keep_step(lab):
  scene = Scene(lab)
  hello_fields = struct.pack(">HHH", 0x8000, 0, 2000)
  scene.check_keeps_step(hostile.control(b"\x00" * 6, 77), "unknown TLV")
  scene.check_keeps_step(hostile.control(b"", 77), "empty unknown TLV")
  scene.check_keeps_step(hostile.control(bytes(255), 255), "long unknown TLV")
  scene.check_keeps_step(bytes([1, 1, 0, 0, 0x2A, 3, 0, 0]), "empty control body")
  scene.check_keeps_step(bytes([1, 1, 0, 0, 0x2A, 3, 0, 3, 0, 0, 0]), "padding")
  scene.check_keeps_step(bytes([1, 1, 0, 0, 0x2A, 3, 0, 2, HELLO, 200]), "TLV longer than its body")
  scene.check_keeps_step(bytes([1, 1, 0, 0, 0x2A, 3, 0xFF, 0xFF]) + bytes(65535), "largest body, all padding")
  scene.check_keeps_step(hostile.control(hello_fields, HELLO, magic=0x2B), "wrong magic")
  scene.check_keeps_step(hostile.control(hello_fields, HELLO, babel_version=2), "wrong Babel version")
  for kind in 4, 5, 8, 9, 10:
    short = b"".join(hostile.control(b"\x02" * length, kind) for length in (0, 1, 2, 5))
    scene.check_keeps_step(short, f"short TLVs {kind}")


def test_lies_in_every_position(lab):
  """Each byte of each TLV set to something else, whole and byte by byte; what follows is understood."""
  scene = Scene(lab)
  subnet = scene.honest.api("admin")["nodeSubnet"].split("/")[0]
  kinds = {
    "Hello": hostile.hello(),
    "IHU": hostile.ihu(),
    "Update": hostile.update(subnet, 64, metric=3),
    "retraction": hostile.update(UNKNOWN, 64),
    "route request": hostile.route_request(UNKNOWN),
    "seqno request": hostile.seqno_request(UNKNOWN),
    "unknown TLV": hostile.control(bytes(12), 77),
    "data frame": hostile.data("512::1", scene.victim.address, bytes(40)),
  }
  for name, frame in kinds.items():
    peer = scene.peer()
    for place in range(FRAME_HEADER, len(frame)):
      lies = b"".join(frame[:place] + bytes([lie]) + frame[place + 1:] for lie in (0, 1, 2, 3, 64, 127, 128, 200, 255))
      peer.send(lies)
      check(peer.in_step(scene.subnet), f"{name}, byte {place}: no answer behind it")
      peer.send_by_byte(lies[:2 * len(frame)])
    check(peer.in_step(scene.subnet), f"{name}, byte by byte: no answer behind it")
    peer.close()
  scene.check_unharmed("lies in every position")


def test_cut_bodies_keep_step(lab):
  """A frame of every length that a TLV can be cut to, and its TLV longer or shorter than it says."""
  scene = Scene(lab)
  kinds = [hostile.update(UNKNOWN, 64, metric=3), hostile.seqno_request(UNKNOWN), hostile.route_request(UNKNOWN),
           hostile.hello(), hostile.ihu()]
  peer = scene.peer()
  for frame in kinds:
    body = frame[FRAME_HEADER:]
    for cut in range(len(body)):
      whole = frame[:6] + struct.pack(">H", cut) + body[:cut]
      shrunk = frame[:6] + struct.pack(">H", cut + 2) + body[:1] + bytes([cut]) + body[2:2 + cut]
      shrunk += bytes(8 + cut + 2 - len(shrunk))
      peer.send(whole + shrunk)
      check(peer.in_step(scene.subnet), f"type {body[0]} cut to {cut} bytes: no answer behind it")
  peer.close()
  scene.check_unharmed("cut bodies")


def test_bad_prefixes(lab):
  scene = Scene(lab)
  ones = "5ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
  frames = b""
  for length in 0, 1, 7, 63, 65, 66, 67, 69, 71, 96, 127, 128:
    frames += hostile.update(ones, length) + hostile.route_request(ones, length)
    frames += hostile.update(ones, length, metric=10) + hostile.seqno_request(ones, length)
  scene.check_keeps_step(frames, "bits behind the prefix length")
  for length in 129, 200, 255:
    scene.check_keeps_step(hostile.control(bytes([0, 2, length]) + bytes(16), ROUTE_REQUEST), f"prefix length {length}")
  scene.check_keeps_step(hostile.route_request("192.0.2.0", 24, encoding=hostile.IPV4), "IPv4 route request")
  scene.check_keeps_step(hostile.control(bytes([0, 9, 64]) + bytes(8), ROUTE_REQUEST), "address encoding 9")
  scene.check_keeps_step(hostile.seqno_request(UNKNOWN, hops=0), "seqno request without hops")
  scene.check_keeps_step(hostile.update(UNKNOWN, 64, metric=1, interval=0), "finite metric, interval 0")


def test_route_requests_are_passed_on_with_care(lab):
  """A generation that would wrap is not passed on, stray bits are cleared, and honest requests still travel."""
  scene = Scene(lab)
  watcher, attacker = scene.peer(), scene.peer()
  for peer in watcher, attacker:
    peer.send(hostile.hello())
    check(peer.wait_tlv(IHU) is not None, "no answer to a Hello")
  attacker.send(hostile.route_request("5ab:ffff::", generation=255))
  attacker.send(hostile.route_request("5ac:ffff::", generation=15))
  attacker.send(hostile.route_request("5ad:ffff:ffff:ffff:ffff::", 65, generation=2))
  attacker.send(hostile.route_request(UNKNOWN, generation=3))
  wanted = hostile.prefix_bytes(UNKNOWN, 64)
  passed = watcher.wait_tlv(ROUTE_REQUEST, matches=lambda payload: payload[3:] == wanted)
  check(passed is not None and passed[0] == 4, f"an honest route request arrived as {passed}")
  requests = [payload for kind, payload in watcher.tlvs() if kind == ROUTE_REQUEST]
  check(not any(payload[3:5] in (b"\x05\xab", b"\x05\xac") for payload in requests), f"passed on: {requests}")
  for payload in requests:
    length, prefix = payload[2], int.from_bytes(payload[3:], "big")
    check(length == 0 or prefix % (1 << -length % 8) == 0, f"stray bits passed on: {payload.hex()}")
  scene.check_unharmed("route requests")


def test_false_announcements_are_refused(lab):
  """Nobody can announce an address whose key is not in the announcement."""
  scene = Scene(lab)
  attacker = scene.peer()
  subnet = scene.honest.api("admin")["nodeSubnet"].split("/")[0]
  for prefix in subnet, UNKNOWN:
    attacker.send(hostile.update(prefix, 64, metric=0, seqno=100, router_id=bytes(range(40))))
  attacker.send(hostile.update("::", 0, metric=0, router_id=bytes(range(40))))
  attacker.send(hostile.hello())
  check(attacker.wait_tlv(IHU) is not None, "no answer to a Hello")
  hops = [route["nextHop"] for route in scene.victim.api("admin/routes/selected")]
  hops += [route["nextHop"] for route in scene.victim.api("admin/routes/fallback")]
  check(len(hops) == 1, f"more than the honest route: {hops}")
  scene.check_unharmed("false announcements")


def test_data_of_strangers(lab):
  """Data frames that decrypt to nothing, lead nowhere or are empty."""
  scene = Scene(lab)
  attacker = scene.peer()
  chance = random.Random(2)
  for destination in scene.victim.address, scene.honest.address, "512::1", "::", "ff02::1", "2001:db8::1":
    for source in "513::1", scene.honest.address, scene.victim.address, "::":
      for length in 0, 1, 31, 32, 33, 1432, 65535:
        attacker.send(hostile.data(source, destination, chance.randbytes(length), hop_limit=chance.randrange(256)))
  attacker.send(hostile.hello())
  check(attacker.wait_tlv(IHU) is not None, "no answer to a Hello")
  scene.check_unharmed("data frames of strangers")


def test_silent_and_slow_connections(lab):
  """Connections that say nothing, half a frame or one byte at a time hold nobody up."""
  scene = Scene(lab)
  silent = [scene.peer() for _ in range(20)]
  half = scene.peer()
  half.send(hostile.hello()[:9])
  slow = scene.peer()
  for byte in hostile.hello():
    slow.send(bytes([byte]))
    slow.read(0.02)
  check(slow.wait_tlv(IHU) is not None, "no answer to a slow Hello")
  scene.check_unharmed("silent connections")
  half.send(hostile.hello()[9:])
  check(half.wait_tlv(IHU) is not None, "no answer to a Hello in two halves")
  for peer in silent:
    peer.close()
  scene.check_unharmed("silent connections closed")
