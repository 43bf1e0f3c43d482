# SPDX-License-Identifier: Apache-2.0
"""Nodes that are told nothing and find each other on the wire; and what a stranger's beacons can do there."""
import os
import random
import socket
import struct
import time

from identity import udp
from netlab import check, wait_for
from node import NETWORK, PORT
from traffic import Pings, ping, wait_reachable

DISCOVERY_PORT = 9650
GROUP, GROUP_MAC = "ff02::cafe", b"\x33\x33\x00\x00\xca\xfe"
MAGIC = b"mycelium"
GROWTH_MAX_KIB = 16 * 1024
GROWTH_SANITIZED_MAX_KIB = 600 * 1024
# Found neighbours that a node keeps, at most, and those whom it was told of.
KNOWN_MAX = 300


def finder(lab, space, **options):
  return lab.node(space, discovery=True, **options)


def wire(lab):
  a, b = lab.namespace("a"), lab.namespace("b")
  return a, b, lab.link(a, b)


def index_of(space, interface):
  return space.call(socket.if_nametoindex, interface)


def link_local(space, interface):
  """The address that the kernel gave the interface."""
  def found():
    lines = space.run(["ip", "-6", "-o", "address", "show", "dev", interface, "scope", "link"]).stdout.split()
    return lines[lines.index("inet6") + 1] if "inet6" in lines else None
  return wait_for(found, f"{interface} has a link-local address")


def found_peers(node):
  return [peer for peer in node.api("admin/peers") if peer["type"] == "linkLocalDiscovery"]


def check_found(nodes, protocol="tcp"):
  wait_reachable(nodes[0].namespace, nodes[1].address, seconds=30)
  found = [peer for node in nodes for peer in found_peers(node)]
  check(any(peer["endpoint"]["proto"] == protocol for peer in found), f"connected, but not by beacons: {found}")


def test_two_nodes_on_a_wire(lab):
  a, b, _ = wire(lab)
  first = finder(lab, a).start()
  time.sleep(1)
  second = finder(lab, b).start()
  check_found([first, second])
  wait_reachable(b, first.address)
  log = first.log() + second.log()
  check(" WARN " not in log and "ERROR" not in log, log)
  for node in first, second:
    node.kill()
    node.start()
    wait_reachable(a, second.address, seconds=30)


def test_all_nodes_on_a_switch(lab):
  spaces = [lab.namespace(name) for name in "abcd"]
  lab.bridge(*spaces)
  nodes = [finder(lab, space) for space in spaces]
  for node in nodes:
    node.spawn()
  for node in nodes:
    node.wait_started()
  for node in nodes:
    for other in nodes:
      wait_reachable(node.namespace, other.address, seconds=30)
    check(len(node.live_peers()) >= 3, f"{node.name} did not find all others: {node.api('admin/peers')}")


def test_interface_filter(lab):
  """Only the interfaces that are named are used: for looking, and for being found."""
  a, b, used = wire(lab)
  unused = lab.link(a, b)
  first = finder(lab, a, options=["--peer-discovery-interface", used.interface]).start()
  second = finder(lab, b).start()
  check_found([first, second])
  time.sleep(2)
  for node in first, second:
    index = index_of(node.namespace, unused.interface)
    there = [peer for peer in node.api("admin/peers") if f"%{index}]" in str(peer["endpoint"])]
    check(not there, f"{node.name} uses the interface that was not named: {there}")
  groups = a.run(["ip", "maddress", "show", "dev", unused.interface]).stdout
  check(GROUP not in groups, groups)


def test_interface_that_appears_later(lab):
  a, b = lab.namespace("a"), lab.namespace("b")
  nodes = [finder(lab, space).start() for space in (a, b)]
  lab.link(a, b)
  check_found(nodes)


def test_address_that_comes_and_goes(lab):
  """An interface without an address is none to find somebody on; with its address it is one again."""
  a, b, link = wire(lab)
  nodes = [finder(lab, space).start() for space in (a, b)]
  check_found(nodes)
  address = link_local(a, link.interface)
  a.run(["ip", "address", "del", address, "dev", link.interface])
  wait_for(lambda: GROUP not in a.run(["ip", "maddress", "show", "dev", link.interface]).stdout,
           "the interface is left", seconds=30)
  a.run(["ip", "address", "add", address, "dev", link.interface, "nodad"])
  started = time.monotonic()
  wait_reachable(a, nodes[1].address, seconds=90)
  wait_reachable(b, nodes[0].address, seconds=30)
  print(f"reachable {time.monotonic() - started:.1f} s after the address was back")


def test_interface_down_and_up(lab):
  a, b, link = wire(lab)
  nodes = [finder(lab, space).start() for space in (a, b)]
  check_found(nodes)
  a.run(["ip", "link", "set", link.interface, "down"])
  # With traffic the connections are given up meanwhile.
  ping(a, nodes[1].address, count=30, interval=0.1, wait=1)
  a.run(["ip", "link", "set", link.interface, "up"])
  started = time.monotonic()
  wait_reachable(a, nodes[1].address, seconds=90)
  print(f"reachable {time.monotonic() - started:.1f} s after the interface was up again")


def test_private_nodes_find_each_other(lab):
  """And leave alone who is of another network: that is tried, and said, a few times at most."""
  spaces = [lab.namespace(name) for name in "abcd"]
  lab.bridge(*spaces)
  first, second, public, other = [
    finder(lab, space, network=network).start()
    for space, network in zip(spaces, (NETWORK, NETWORK, None, ("elsewhere", bytes(32))))]
  check_found([first, second], protocol="tls")
  time.sleep(12)
  for node in first, second:
    check(len({str(peer["endpoint"]["addr"]).rsplit("%", 1)[0] for peer in node.live_peers()}) == 1,
          f"{node.name} is connected with strangers: {node.live_peers()}")
  for node in public, other:
    check(not node.live_peers(), f"{node.name} is connected: {node.live_peers()}")
  for node in first, second, public, other:
    complaints = [line for line in node.log().splitlines() if " WARN " in line]
    # Two or three strangers, each told of as somebody who was dialled and as somebody who dialled.
    check(len(complaints) <= 6, f"{node.name}: {len(complaints)} warnings:\n{node.log()}")


def test_taken_port_is_told(lab):
  """A second node on a machine goes on without, and says what to do, or it does not start at all."""
  space = lab.namespace("a")
  taken = space.call(socket.socket, socket.AF_INET6, socket.SOCK_DGRAM)
  taken.bind(("::", DISCOVERY_PORT))
  node = finder(lab, space)
  node.spawn()
  wait_for(lambda: not node.running() or str(DISCOVERY_PORT) in node.log(), "it tells", seconds=20)
  lines = node.log_lines(str(DISCOVERY_PORT), "--peer-discovery-port")
  check(len(lines) == 1, f"not one line tells of the port and of the remedy:\n{node.log()}")
  taken.close()
  if node.running():
    node.wait_started()
  else:
    check(node.process.returncode == 1, f"status {node.process.returncode}")


class Stranger:
  """Somebody on the same wire as two honest nodes, who makes beacons of its own."""

  def __init__(self, lab):
    self.lab = lab
    spaces = [lab.namespace(name) for name in ("victim", "honest", "stranger")]
    lab.bridge(*spaces)
    self.space = spaces[2]
    self.index = index_of(self.space, "lan")
    self.own = link_local(self.space, "lan").split("/")[0]
    self.ear = self.space.call(self._listen)
    self.mouth = self.space.call(socket.socket, socket.AF_PACKET, socket.SOCK_RAW)
    self.mouth.bind(("lan", 0))
    self.victim = finder(lab, spaces[0]).start()
    self.honest = finder(lab, spaces[1]).start()
    check_found([self.victim, self.honest])
    self.known = len(self.victim.api("admin/peers"))
    self.rss = self.victim.rss_kib()

  def _listen(self):
    ear = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    ear.bind(("::", DISCOVERY_PORT))
    group = socket.inet_pton(socket.AF_INET6, GROUP) + struct.pack("@I", self.index)
    ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
    ear.settimeout(30)
    return ear

  def heard(self):
    """The first beacon of somebody, as it came."""
    return self.ear.recv(2048)

  def frame(self, beacon, source=None):
    """The whole frame of a beacon from any address."""
    packet = udp(source or self.own, GROUP, beacon, DISCOVERY_PORT)
    return GROUP_MAC + b"\x02\x00\x00\x00\x00\x42\x86\xdd" + packet[:7] + b"\x01" + packet[8:]

  def say(self, beacon, source=None):
    self.mouth.send(self.frame(beacon, source))

  def new_entries(self):
    peers = self.victim.api("admin/peers")
    return [peer["endpoint"]["addr"] for peer in peers if self.own in str(peer) or "fe80::dead" in str(peer)]

  def check_unharmed(self):
    result = ping(self.honest.namespace, self.victim.address, count=5, interval=0.1)
    check(result.received == 5, f"the honest node is cut off:\n{result.text}")
    growth = self.victim.rss_kib() - self.rss
    check(growth < (GROWTH_SANITIZED_MAX_KIB if self.lab.sanitized else GROWTH_MAX_KIB), f"grew by {growth} KiB")
    return growth


def beacon(port=PORT, router_id=None):
  return MAGIC + struct.pack(">H", port) + (router_id or os.urandom(40))


def test_beacons_that_are_ignored(lab):
  stranger = Stranger(lab)
  own = stranger.heard()
  check(len(own) == 50 and own.startswith(MAGIC + struct.pack(">H", PORT)), f"a beacon of {own.hex()}")
  for source in stranger.own, "fe80::dead:1":
    # The two nodes' own ones among them, if both were heard.
    stranger.say(own, source)
    for length in range(50):
      stranger.say(beacon()[:length], source)
    stranger.say(beacon(port=0), source)
    stranger.say(b"Mycelium" + beacon()[8:], source)
    stranger.say(bytes(50), source)
    stranger.say(b"", source)
  for source in "fd00:9::1", "2001:db8::1", "fe80:0:0:1::1", "febf::1", "::1", "::", "ff02::1":
    stranger.say(beacon(), source)
  time.sleep(3)
  stranger.victim.api("admin/peers")
  new = stranger.new_entries()
  # What one node says of itself is news to the other, though it comes from elsewhere.
  of_replay = [entry for entry in new if f"]:{PORT}" in str(entry)]
  check(len(new) == len(of_replay) <= 2, f"taken: {new}")
  stranger.check_unharmed()


def test_beacons_that_are_taken(lab):
  """Longer ones are of later versions; somebody who is not there is forgotten after a few attempts."""
  stranger = Stranger(lab)
  stranger.say(beacon(port=7) + b"more")
  stranger.say(beacon(port=8) + bytes(1000), "fe80::dead:2")
  wait_for(lambda: len(stranger.new_entries()) == 2, "both are known", seconds=20)
  wait_for(lambda: not stranger.new_entries(), "both are forgotten", seconds=90)
  stranger.check_unharmed()


def test_a_thousand_beacons_a_second(lab):
  """Each of somebody else: a few are believed, the honest node notices nothing."""
  stranger, chance = Stranger(lab), random.Random(1)
  frames = [stranger.frame(beacon(port=chance.randrange(1, 65536)), f"fe80::dead:{i >> 16:x}:{i & 0xFFFF:x}")
            for i in range(6000)]
  path = os.path.join(lab.folder, "pings")
  with open(path, "w") as file:
    pinging = stranger.honest.namespace.start(
      ["ping", "-6", "-n", "-i", "0.1", "-c", "50", "-W", "5", stranger.victim.address], stdout=file)
  started, most = time.monotonic(), 0
  for i, content in enumerate(frames):
    stranger.mouth.send(content)
    if i % 1000 == 999:
      most = max(most, len(stranger.victim.api("admin/peers")))
    time.sleep(max(0, started + i / 1000 - time.monotonic()))
  pinging.wait()
  with open(path) as file:
    result = Pings(file.read())
  check(result.received >= result.sent - 1 > 0, f"answers are missing:\n{result.text}")
  growth = stranger.check_unharmed()
  lines = len(stranger.victim.log().splitlines())
  took = time.monotonic() - started
  print(f"6000 beacons in {took:.1f} s: at most {most} entries, {growth} KiB, {lines} lines of log")
  check(most <= KNOWN_MAX, f"{most} entries")
  check(lines < 60, f"{lines} lines of log:\n{stranger.victim.log_tail(20)}")
  table = stranger.victim.cli("peers", "list").stdout
  check(len(table.splitlines()) < 3 * KNOWN_MAX, "the table grows without bounds")
