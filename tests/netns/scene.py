# SPDX-License-Identifier: Apache-2.0
"""A node under attack, an honest peer beside the attacker, and what must hold for both afterwards."""
import os
import socket
import statistics
import time

import hostile
from hostile import Peer
from netlab import check, wait_for
from traffic import Pings, ping, wait_reachable

GROWTH_MAX_KIB = 16 * 1024
# The address sanitizer keeps freed memory for a while: this only finds what grows without end.
GROWTH_SANITIZED_MAX_KIB = 600 * 1024
# "As usual" on a machine that does other things at the same time.
LATE_FACTOR = 10
LATE_MS = 50
FLOOD_PER_SECOND = 10000
BATCH = 100


class Scene:
  """`victim` is attacked from the namespace `attacker`, and `honest` notices nothing."""

  def __init__(self, lab):
    self.lab = lab
    victim, honest, attacker = (lab.namespace(name) for name in ("victim", "honest", "attacker"))
    inner, outer = lab.link(victim, honest), lab.link(victim, attacker)
    self.target, self.attacker = outer.address[0], attacker
    self.victim = lab.node(victim).start()
    self.honest = lab.node(honest, peers=[inner.address[0]]).start()
    wait_reachable(honest, self.victim.address)
    self.subnet = self.victim.api("admin")["nodeSubnet"].split("/")[0]
    self.next_hop = self.honest.selected_route(self.victim)["nextHop"]
    self.usual = statistics.median(ping(honest, self.victim.address, count=10, interval=0.05).round_trips)
    self.rss = self.victim.rss_kib()

  def peer(self):
    return Peer(self.attacker, self.target)

  def check_unharmed(self, what):
    """The honest peer is connected as before and answered within its usual time, and memory has grown by little."""
    check(self.victim.running(), f"{what}: the node ended, status {self.victim.process.returncode}")
    result = ping(self.honest.namespace, self.victim.address, count=5, interval=0.05)
    check(result.received == 5, f"{what}: the honest peer is cut off:\n{result.text}")
    self.check_in_time(what, result)
    route = self.honest.selected_route(self.victim)
    # The connection's identifier has its local port: the same one, never interrupted.
    check(route is not None and route["nextHop"] == self.next_hop, f"{what}: the honest peer's connection was lost")
    growth = self.victim.rss_kib() - self.rss
    limit = GROWTH_SANITIZED_MAX_KIB if self.lab.sanitized else GROWTH_MAX_KIB
    check(growth < limit, f"{what}: the node grew by {growth} KiB")

  def check_in_time(self, what, result):
    usual, now = self.usual, statistics.median(result.round_trips)
    check(now < LATE_FACTOR * usual + LATE_MS, f"{what}: answers take {now} ms instead of {usual} ms")

  def flood(self, what, peer, frames, seconds=3, read=True):
    """Sends frames, again from the first one after the last, at 10 000 a second; the honest peer notices nothing."""
    path = os.path.join(self.lab.folder, "pings")
    with open(path, "w") as file:
      pinging = self.honest.namespace.start(
        ["ping", "-6", "-n", "-i", "0.05", "-c", str(20 * seconds), "-W", "5", self.victim.address], stdout=file)
    batches = [b"".join(frames[i:i + BATCH]) for i in range(0, len(frames), BATCH)]
    started, sent = time.monotonic(), 0
    while time.monotonic() - started < seconds:
      if sent * BATCH < FLOOD_PER_SECOND * (time.monotonic() - started):
        check(peer.send(batches[sent % len(batches)]), f"{what}: the flood was cut off")
        sent += 1
      elif read:
        peer.read(0.005)
        peer.forget()
      else:
        time.sleep(0.005)
    pinging.wait()
    with open(path) as file:
      result = Pings(file.read())
    check(result.received == result.sent > 0, f"{what}: answers of the victim are missing:\n{result.text}")
    self.check_in_time(what, result)
    self.check_unharmed(what)
    return sent * BATCH

  def check_closes(self, content, what):
    peer = self.peer()
    peer.send(content)
    check(peer.wait_closed(), f"{what}: the connection stays open")
    peer.close()
    self.check_unharmed(what)

  def check_keeps_step(self, content, what):
    """Behind it, whole or byte by byte, the node still understands a Hello on the same connection."""
    peer = self.peer()
    peer.send(content + hostile.hello())
    check(peer.wait_tlv(hostile.IHU) is not None, f"{what}: no answer to a Hello behind it")
    check(peer.in_step(self.subnet), f"{what}: no answer to a request behind it")
    if len(content) <= 1000:
      peer.send_by_byte(content)
      check(peer.in_step(self.subnet), f"{what}, byte by byte: no answer to a request behind it")
    peer.close()
    self.check_unharmed(what)


class Sniffer:
  """What a node hands to its host: packets that come out of its interface."""

  def __init__(self, node):
    def listen():
      sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x86DD))
      sniffer.bind((node.interface, 0x86DD))
      return sniffer
    self.socket = node.namespace.call(listen)
    self.packets = []

  def _take(self):
    self.socket.settimeout(0.05)
    try:
      while True:
        packet, address = self.socket.recvfrom(65536)
        if address[2] != socket.PACKET_OUTGOING:
          self.packets.append(packet)
    except TimeoutError:
      pass

  def has(self, content):
    self._take()
    return any(content in packet for packet in self.packets)

  def wait_for(self, content, what):
    wait_for(lambda: self.has(content), what, seconds=30)
