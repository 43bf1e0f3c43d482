# SPDX-License-Identifier: Apache-2.0
"""Links over QUIC: what they carry, and what befalls them: other mappings, silent cuts, restarts."""
import os
import re
import shutil
import socket
import time

from diamond import Diamond, Flow
from netlab import Skipped, check, wait_for
from node import endpoint
from test_start import check_told, start_in_vain
from traffic import check_carries, check_every_size, ping, wait_reachable

PORT = 7001


def flow(dialler, address):
  return Flow(dialler.namespace, address, os.path.join(dialler.folder, f"flow-{time.monotonic()}"))


def pair(lab, over6=False):
  """A node that is dialled and one that dials it."""
  a, b = lab.namespace("a"), lab.namespace("b")
  link = lab.link(a, b)
  dialled = lab.node(a, quic=True).start()
  dialler = lab.node(b, quic=True, peers=[endpoint("quic", (link.address6 if over6 else link.address)[0])]).start()
  wait_reachable(dialler.namespace, dialled.address)
  return dialled, dialler


def check_is_quic(nodes):
  for node in nodes:
    peers = node.live_peers()
    check([peer["endpoint"]["proto"] for peer in peers] == ["quic"], f"{node.name} is connected otherwise: {peers}")


def check_link(lab, over6):
  nodes = pair(lab, over6)
  check_is_quic(nodes)
  # Packets of 1400 bytes are larger than a datagram of QUIC can be: they go over the stream.
  check_carries(nodes, lab)
  for node in nodes:
    node.kill()
    node.start()
    for here, there in nodes, nodes[::-1]:
      wait_reachable(here.namespace, there.address, seconds=30)
  wait_for(lambda: all(len(node.live_peers()) == 1 for node in nodes), "nothing is left of connections of former lives")
  check_is_quic(nodes)


def test_link_over_ip4(lab):
  check_link(lab, over6=False)


def test_link_over_ip6(lab):
  check_link(lab, over6=True)


def test_tcp_segments_fit_a_datagram(lab):
  """Both ends are told to send segments that need not go over the stream."""
  dialled, dialler = pair(lab)
  for here, there in (dialled, dialler), (dialler, dialled):
    listening = there.namespace.call(socket.socket, socket.AF_INET6, socket.SOCK_STREAM)
    listening.bind((there.address, PORT))
    listening.listen()
    connection = here.namespace.call(socket.create_connection, (there.address, PORT), 30)
    accepted = listening.accept()[0]
    for end in connection, accepted:
      size = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
      check(1100 < size <= 1272, f"segments of {size} bytes")
    for held in connection, accepted, listening:
      held.close()


def test_both_dial_each_other(lab):
  """One connection remains, whoever it is from, and a flow notices nothing of how it is chosen."""
  a, b = lab.namespace("a"), lab.namespace("b")
  link = lab.link(a, b)
  nodes = [lab.node(space, quic=True, peers=[endpoint("quic", address)])
           for space, address in ((a, link.address6[1]), (b, link.address6[0]))]
  for node in nodes:
    node.spawn()
  for node in nodes:
    node.wait_started()
  wait_reachable(b, nodes[0].address, seconds=30)
  with flow(nodes[1], nodes[0].address) as pings:
    moment = pings.wait_answer_after(0)
    # Longer than the one whose address is lower bears with two connections.
    time.sleep(12)
    pings.wait_answer_after(time.time())
    gap = pings.longest_gap(moment)
  check(gap < 3, f"{gap:.1f} s without an answer")
  for node in nodes:
    peers = node.api("admin/peers")
    check([peer["type"] for peer in peers] == ["static"], f"{node.name}: {peers}")
    check(peers[0]["connectionState"] == "alive", f"{node.name}: {peers}")


class Router:
  """A router that translates addresses: without memory, so that a mapping changes between two packets."""

  RULES = """
    flush ruleset
    table ip nat {{
      chain from_outside {{
        type filter hook prerouting priority -300;
        ip daddr {public} udp dport {port} udp dport set 9651 ip daddr set {inner}
      }}
      chain from_inside {{
        type filter hook postrouting priority 300;
        ip saddr {inner} udp sport 9651 udp sport set {port} ip saddr set {public}
      }}
    }}
  """

  def __init__(self, lab):
    if shutil.which("nft") is None:
      raise Skipped("nft is missing: install the package nftables")
    self.inside, self.space, self.outside = lab.namespace("inside"), lab.namespace("router"), lab.namespace("outside")
    self.inner, self.outer = lab.link(self.inside, self.space), lab.link(self.space, self.outside)
    # What is not translated goes nowhere: the outside has no route back.
    self.inside.run(["ip", "route", "add", "default", "via", self.inner.address[1]])
    self.space.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"])
    second = self.outer.address[0].rsplit(".", 1)[0] + ".77"
    self.space.run(["ip", "address", "add", second + "/24", "dev", self.outer.interface])
    self.public = self.outer.address[0], second

  def map_to(self, port, address=0):
    rules = self.RULES.format(public=self.public[address], inner=self.inner.address[0], port=port)
    self.space.run(["sh", "-c", 'echo "$0" | nft -f -', rules])


def test_mapping_changes(lab):
  """The port, then the address by which a node behind a router is seen: it stays the same connection."""
  router = Router(lab)
  router.map_to(40001)
  dialled = lab.node(router.outside, quic=True).start()
  dialler = lab.node(router.inside, quic=True, peers=[endpoint("quic", router.outer.address[1])]).start()
  wait_reachable(dialler.namespace, dialled.address)
  check(dialled.peer(f"{router.public[0]}]:40001") or dialled.peer(f"{router.public[0]}:40001"),
        f"the router translates nothing: {dialled.api('admin/peers')}")
  gaps = []
  with flow(dialler, dialled.address) as pings:
    pings.wait_answer_after(0)
    for port, address in (40002, 0), (40003, 0), (40003, 1):
      moment = time.time()
      router.map_to(port, address)
      pings.wait_answer_after(moment + 1)
      time.sleep(1)
      gaps.append(pings.longest_gap(moment))
  print("longest time without an answer at each change: " + ", ".join(f"{gap:.2f} s" for gap in gaps))
  for node in dialled, dialler:
    check(not node.lost(), f"{node.name} lost its link:\n{node.log_tail()}")
    check(len(node.api("admin/peers")) == 1, f"{node.name}: {node.api('admin/peers')}")
  check(max(gaps) < 3, "a gap of 3 s or more")
  check_every_size(dialled.namespace, dialler.address, 1000)


def check_cut(lab, ways, wanted):
  """Under traffic the side of a diamond that is used is cut; `wanted` is that side."""
  diamond = Diamond(lab, lambda *args, **options: lab.node(*args, quic=True, **options), ways=ways)
  relay, other = diamond.relays[wanted], diamond.relays[1 - wanted]
  with diamond.flow() as pings:
    pings.wait_answer_after(0)
    if diamond.used_relay() is not relay:
      diamond.cut(other)
      wait_for(lambda: diamond.relay_of(diamond.first, diamond.last) is relay, f"the route leads over {ways[wanted]}")
      diamond.mend(other)
      wait_for(diamond.ends_are_connected, "both ends are connected to both relays")
    check(diamond.used_relay() is relay, f"the route does not stay on {ways[wanted]}")
    # A source gives out no newer seqno in the first 4 s of its life (docs/protocol/routing.md, 8).
    time.sleep(4)
    moment = time.time()
    diamond.cut(relay)
    pings.wait_answer_after(moment + 0.2)
    gap = pings.longest_gap(moment)
    print(f"{ways[wanted]} cut: {gap:.2f} s without an answer")
    check(diamond.used_relay() is other, "the route still leads over the cut link")
  diamond.mend(relay)
  # A node under sanitizers on a busy machine is late; deployed nodes take 40 s and more.
  check(gap < (3 if lab.sanitized else 2), f"{gap:.1f} s without an answer")
  diamond.wait_complete()


def test_cut_quic_link_is_left(lab):
  check_cut(lab, ("quic6", "tcp"), wanted=0)


def test_cut_tcp_link_beside_quic_is_left(lab):
  check_cut(lab, ("quic", "tcp6"), wanted=1)


def test_killed_node_is_reached_soon(lab):
  """It is dialled over QUIC, vanishes without a word, and is reached again right after its start."""
  dialled, dialler = pair(lab)
  figures = []
  with flow(dialler, dialled.address) as pings:
    for _ in range(3):
      pings.wait_answer_after(0)
      dialled.kill()
      time.sleep(1)
      dialled.start(every=0.02)
      up = time.time()
      figures.append(max(0, pings.wait_answer_after(up - 0.05) - up))
  print("reached again after its start: " + ", ".join(f"{figure:.2f} s" for figure in figures))
  check(max(figures) < 3, f"reached again only after {max(figures):.1f} s")


def test_both_ends_restarted(lab):
  dialled, dialler = pair(lab)
  figures = []
  for _ in range(3):
    for node in dialled, dialler:
      node.kill()
    for node in dialled, dialler:
      node.spawn()
    for node in dialled, dialler:
      node.wait_started(every=0.02)
    up = time.time()
    wait_for(lambda: ping(dialler.namespace, dialled.address, count=1, wait=0.5).received, "reachable", 30, every=0.02)
    figures.append(time.time() - up)
  print("reachable after the start of both: " + ", ".join(f"{figure:.2f} s" for figure in figures))
  check(max(figures) < 6, f"reachable only after {max(figures):.1f} s")


def test_ended_node_says_goodbye(lab):
  """What was ended in order is known to be gone at once, long before anything runs out."""
  dialled, dialler = pair(lab)
  check(dialled.stop() == 0, dialled.log_tail())
  wait_for(lambda: dialler.lost(), "the dialler knows that the other one is gone", seconds=5)
  check(re.search(r"Lost the connection to quic://\S+: closed by the peer", dialler.log()), dialler.log_tail())


def test_taken_port(lab):
  """One line, with the port and both remedies."""
  node = lab.node(lab.namespace("a"), quic=True)
  taken = node.namespace.call(socket.socket, socket.AF_INET6, socket.SOCK_DGRAM)
  taken.bind(("::", 9651))
  check_told(start_in_vain(node), "9651", "in use", "--quic-listen-port", "--disable-quic")
  taken.close()
