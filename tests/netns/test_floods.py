# SPDX-License-Identifier: Apache-2.0
"""Peers that send too much, too often or too slowly: what they cost is bounded, and an honest peer notices nothing."""
import random
import time

import hostile
from hostile import IHU, IPV6
from identity import Forge, announcement, text
from netlab import check, wait_for
from scene import BATCH, Scene

NOBODY = "5aa:1:2:3::"


def prefixes(count, seed=1):
  """Random /64s of the overlay that nobody has."""
  chance = random.Random(seed)
  return [text((0x400 << 48 | chance.getrandbits(57)).to_bytes(8, "big") + bytes(8)) for _ in range(count)]


def test_route_requests(lab):
  scene = Scene(lab)
  frames = [hostile.route_request(prefix) for prefix in prefixes(30000)]
  scene.flood("route requests for nobody", scene.peer(), frames)
  check(scene.victim.api("admin/routes/queried"), "nothing is searched for")
  scene.flood("route requests for one", scene.peer(), [hostile.route_request(NOBODY)])
  scene.flood("route requests for the own subnet", scene.peer(), [hostile.route_request(scene.subnet)] * 100)
  searched = scene.victim.api("admin/routes/queried")
  check(len(searched) < 10000, f"{len(searched)} searches at once")


def test_wildcard_requests(lab):
  """Each asks for the whole table, here a thousand routes."""
  scene, forge = Scene(lab), Forge(lab)
  teller = scene.peer()
  teller.send(b"".join(announcement(*name) for name in forge.strangers(1000)))
  wait_for(lambda: len(scene.victim.api("admin/routes/selected")) > 1000, "the Updates are taken")
  asker = scene.peer()
  asker.send(hostile.route_request("::", 0, encoding=hostile.WILDCARD))
  check(asker.wait(lambda: len(asker.tlvs()) > 1000), "the table is not told")
  for encoding in hostile.WILDCARD, IPV6:
    request = hostile.route_request("::", 0, encoding=encoding)
    scene.flood(f"wildcard requests, encoding {encoding}", asker, [request] * 100)
    scene.flood(f"the same, nobody reads, encoding {encoding}", scene.peer(), [request] * 100, seconds=2, read=False)
  teller.close()


def test_seqno_requests(lab):
  scene = Scene(lab)
  frames = [hostile.seqno_request(prefix, seqno=i % 65536) for i, prefix in enumerate(prefixes(30000))]
  scene.flood("seqno requests for nobody", scene.peer(), frames)
  own = [hostile.seqno_request(scene.subnet, seqno=i) for i in range(0, 65536, 64)]
  scene.flood("seqno requests for the own subnet", scene.peer(), own)


def test_hellos(lab):
  scene = Scene(lab)
  scene.flood("Hellos", scene.peer(), [hostile.hello()] * 100)
  scene.flood("Hellos and IHUs with interval 0", scene.peer(),
              [hostile.control(b"\x80\x00\x00\x00\x00\x00", hostile.HELLO), hostile.control(bytes(6), IHU)] * 50)


def test_updates(lab):
  """Routes of nodes that do not exist, announced as such nodes would, and no end of them; routes that come and go; and
  peers that do so."""
  scene, forge = Scene(lab), Forge(lab)
  strangers = forge.strangers(100000)
  names = [announcement(*name) for name in strangers]
  peer = scene.peer()
  scene.flood("Updates", peer, names, seconds=10)
  check(1000 < len(scene.victim.api("admin/routes/selected")) < 20000, "a peer's share of the table is not taken")
  check(peer.in_step(scene.subnet), "no answer behind the Updates")
  peer.close()
  wait_for(lambda: len(scene.victim.api("admin/routes/selected")) == 1, "the routes go with their peer")
  retractions = [announcement(*name, metric=0xFFFF) for name in strangers]
  come_and_go = [frame for i in range(0, 20000, BATCH) for frame in names[i:i + BATCH] + retractions[i:i + BATCH]]
  scene.flood("other names all the time", scene.peer(), come_and_go, seconds=10)
  for i in range(10):
    peer = scene.peer()
    peer.send(b"".join(names[10000 * i:10000 * (i + 1)]))
    check(peer.in_step(scene.subnet), "no answer behind the Updates")
    peer.close()
  scene.check_unharmed("the same peer, again and again")
  restarts = [announcement(*name, start=i.to_bytes(6, "big")) for i in range(50) for name in strangers[:2000]]
  scene.flood("new router ids all the time", scene.peer(), restarts, seconds=10)
  flapping = [frame for name in strangers[:500] for frame in (announcement(*name), announcement(*name, metric=0xFFFF))]
  scene.flood("Updates and retractions", scene.peer(), flapping)
  brief = [announcement(*name, metric=1, interval=interval) for name in strangers[:500] for interval in (0, 1)]
  scene.flood("Updates of interval 0", scene.peer(), brief)
  lies = [announcement(strangers[i][0], strangers[i + 1][1]) for i in range(1000)]
  scene.flood("Updates under another's key", scene.peer(), lies)


def test_expired_packets(lab):
  """Each could be answered with a report, to the sender or to whom it names as such."""
  scene, forge = Scene(lab), Forge(lab)
  sender = forge.identity()
  peer = scene.peer()
  peer.send(sender.announcement())
  check(peer.in_step(scene.subnet), "no answer to a route request")
  own = hostile.data(text(sender.address), scene.victim.address, bytes(100), hop_limit=1)
  scene.flood("expired packets", peer, [own] * 100)
  blamed = hostile.data(scene.honest.address, scene.victim.address, bytes(100), hop_limit=1)
  scene.flood("expired packets in another's name", peer, [blamed] * 100)
  made_up = [hostile.data(source, scene.victim.address, bytes(100), hop_limit=0) for source in prefixes(10000)]
  scene.flood("expired packets of nobody", peer, made_up)


def test_searches_for_spoofed_sources(lab):
  """Each packet for the node, or through it, names somebody whom it would have to look for."""
  scene = Scene(lab)
  peer = scene.peer()
  nobody = prefixes(10000)
  to_it = [hostile.data(source, scene.victim.address, bytes(100)) for source in nobody]
  scene.flood("packets from nobody", peer, to_it)
  check(scene.victim.api("admin/routes/queried"), "nothing is searched for")
  through_it = [hostile.data(source, destination, bytes(1400)) for source, destination in zip(nobody, nobody[1:])]
  scene.flood("packets from nobody to nobody", peer, through_it)
  searched = scene.victim.api("admin/routes/queried")
  check(len(searched) < 20000, f"{len(searched)} searches at once")
  wait_for(lambda: scene.victim.api("admin/routes/queried") == [], "all searches end", seconds=60)
  scene.check_unharmed("after the searches")


def test_unreadable_packets(lab):
  """Sealed by nobody; each costs the node an attempt to open it."""
  scene, chance = Scene(lab), random.Random(3)
  frames = [hostile.data(scene.honest.address, scene.victim.address, chance.randbytes(200)) for _ in range(1000)]
  scene.flood("unreadable packets", scene.peer(), frames)


def test_peer_that_never_reads(lab):
  """It asks and asks, and others send it packets: what waits for it stays bounded."""
  scene, forge = Scene(lab), Forge(lab)
  deaf, other, name = scene.peer(), scene.peer(), forge.identity()
  deaf.send(name.announcement())
  check(deaf.in_step(scene.subnet), "no answer to a route request")
  for _ in range(100):
    deaf.send(hostile.hello() * 100 + hostile.route_request(scene.subnet) * 100)
  packets = [hostile.data(scene.honest.address, text(name.address), bytes(1400))] * 100
  scene.flood("packets for a peer that never reads", other, packets, seconds=5)
  deaf.close()
  other.close()
  scene.check_unharmed("after a peer that never read")


def test_half_frames_for_ever(lab):
  """Sixty connections, each with a frame of 64 KiB that never ends."""
  scene = Scene(lab)
  peers = [scene.peer() for _ in range(60)]
  begun = hostile.data(scene.honest.address, scene.victim.address, bytes(65535))
  for peer in peers:
    peer.send(begun[:-1000])
  scene.check_unharmed("half frames")
  for i in range(100):
    for peer in peers:
      peer.send(begun[i - 1000:][:1])
    time.sleep(0.005)
  scene.check_unharmed("half frames that go on")
  for peer in peers:
    peer.send(begun[-900:])
    check(peer.in_step(scene.subnet), "no answer behind a frame that took long")
    peer.close()
  scene.check_unharmed("half frames that ended")


def test_thousand_connections_from_one_address(lab):
  scene = Scene(lab)
  before = scene.victim.descriptors()
  peers = [scene.peer() for _ in range(1000)]
  wait_for(lambda: len(scene.victim.live_peers()) < 100, "most of them are refused")
  scene.check_unharmed("1000 connections")
  check(scene.victim.descriptors() - before <= 100, f"{scene.victim.descriptors() - before} more descriptors")
  open_still = [peer for peer in peers if peer.read(0.001)]
  check(0 < len(open_still) <= 100, f"{len(open_still)} of 1000 connections are open")
  for peer in peers:
    peer.close()
  wait_for(lambda: scene.victim.descriptors() <= before, "the descriptors are given back")
  late = scene.peer()
  check(late.in_step(scene.subnet), "the address is shut out for good")
  for _ in range(1000):
    scene.peer().close()
  scene.check_unharmed("1000 connections one after the other")
  wait_for(lambda: scene.victim.descriptors() <= before + 1, "the descriptors are given back")
