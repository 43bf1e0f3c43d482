# SPDX-License-Identifier: Apache-2.0
"""One node with two hundred peers, of which half come and go.

MYCELIUM_CROWD_SECONDS is for how long they do so, 30 by default.
"""
import os
import random
import time

import echo
from netlab import check, wait_for
from node import endpoint
from scene import GROWTH_MAX_KIB, GROWTH_SANITIZED_MAX_KIB

SECONDS = float(os.environ.get("MYCELIUM_CROWD_SECONDS", "30"))
# The one in the middle dials each node of the crowd under several addresses, each as a peer of its own: one for QUIC,
# the others for TCP, and one of IPv6 for QUIC. QUIC always comes from the same port: a second one would replace the
# first.
NODES, ADDRESSES = 40, 4
PEERS = NODES * (ADDRESSES + 1)
SETTLE_SECONDS = 120


class Crowd:
  """`hub` dials every address of every other node. Odd nodes are steady, even ones are not."""

  def __init__(self, lab):
    self.lab, self.chance = lab, random.Random(1)
    space = lab.namespace("hub")
    self.spaces = [lab.namespace(f"n{i}") for i in range(NODES)]
    self.links = [lab.link(space, other) for other in self.spaces]
    self.addresses = [[f"{link.address[1][:-1]}{10 + i}" for i in range(ADDRESSES)] for link in self.links]
    self.gone = set()
    peers = []
    for i in range(NODES):
      for address in self.addresses[i]:
        self.change_address(i, "add", address)
      peers += [endpoint("tcp" if k > 0 else "quic", address) for k, address in enumerate(self.addresses[i])]
      peers.append(endpoint("quic", self.links[i].address6[1]))
    options = ["--lanes", "1"]
    self.nodes = [lab.node(other, quic=True, options=options) for other in self.spaces]
    for node in self.nodes:
      node.spawn()
    for node in self.nodes:
      node.wait_started()
    self.hub = lab.node(space, quic=True, peers=peers).start()
    self.counts = {}

  def change_address(self, i, verb, address):
    self.spaces[i].run(["ip", "address", verb, address + "/24", "dev", self.links[i].interface])

  def unsteady(self):
    return self.chance.randrange(0, NODES, 2)

  def live(self):
    return len(self.hub.live_peers())

  # What happens.

  def kill(self):
    node = self.nodes[self.unsteady()]
    if node.running():
      node.kill()

  def end(self):
    node = self.nodes[self.unsteady()]
    if node.running():
      node.stop()
      node.killed = True

  def restart(self):
    down = [node for node in self.nodes if not node.running()]
    if down:
      self.chance.choice(down).spawn()

  def take_address(self):
    i, k = self.unsteady(), self.chance.randrange(ADDRESSES)
    if (i, k) not in self.gone:
      self.change_address(i, "del", self.addresses[i][k])
      self.gone.add((i, k))

  def give_address(self):
    if self.gone:
      i, k = self.chance.choice(sorted(self.gone))
      self.change_address(i, "add", self.addresses[i][k])
      self.gone.remove((i, k))

  def churn(self, seconds):
    happenings = [self.kill, self.end, self.restart, self.restart, self.take_address, self.take_address,
                  self.give_address, self.give_address]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
      happening = self.chance.choice(happenings)
      happening()
      self.counts[happening.__name__] = self.counts.get(happening.__name__, 0) + 1
      check(self.hub.running(), "the hub ended")
      time.sleep(self.chance.uniform(0.05, 0.4))

  def check_steady_ones(self):
    """Whoever did not go is connected and reachable, whatever the others do."""
    steady = [node.address for node in self.nodes[1::2]]
    left = echo.unanswered(self.hub.namespace, steady, 30)
    check(not left, f"{len(left)} of {len(steady)} steady nodes are unreachable")
    theirs = [f"{address}:" for addresses in self.addresses[1::2] for address in addresses]
    lost = [line for line in self.hub.lost() if any(address in line for address in theirs)]
    check(not lost, f"connections to steady nodes were lost: {lost[:10]}")

  def settle(self):
    while self.gone:
      self.give_address()
    while not all(node.running() for node in self.nodes):
      self.restart()
    began = time.monotonic()
    wait_for(lambda: self.live() == PEERS, "all peers are connected", SETTLE_SECONDS, every=0.5)
    seconds = time.monotonic() - began
    left = echo.unanswered(self.hub.namespace, [node.address for node in self.nodes], 30)
    check(not left, f"{len(left)} nodes are unreachable")
    return seconds, self.hub.descriptors(), self.hub.rss_kib()


def test_two_hundred_peers(lab):
  crowd = Crowd(lab)
  first = crowd.settle()
  # What every peer's first life costs is no loss.
  crowd.churn(SECONDS / 3)
  crowd.check_steady_ones()
  second = crowd.settle()
  crowd.churn(SECONDS * 2 / 3)
  crowd.check_steady_ones()
  last = crowd.settle()
  for what, (seconds, descriptors, rss) in ("at first", first), ("after a third", second), ("at the end", last):
    print(f"{what}: {PEERS} peers after {seconds:.1f} s, {descriptors} descriptors, {rss} KiB")
  print(f"happened: {crowd.counts}, processor of the hub {crowd.hub.cpu_seconds():.1f} s")
  check(last[1] <= first[1] + 1, f"{last[1]} descriptors instead of {first[1]}")
  limit = GROWTH_SANITIZED_MAX_KIB if lab.sanitized else GROWTH_MAX_KIB // 2
  check(last[2] - max(first[2], second[2]) < limit, f"memory grew from {second[2]} to {last[2]} KiB")
  check(len(crowd.hub.api("admin/peers")) == PEERS, "there are more entries than peers")
