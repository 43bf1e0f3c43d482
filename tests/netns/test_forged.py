# SPDX-License-Identifier: Apache-2.0
"""A peer with an identity of its own, which seals well and lies all the same: about addresses, reports and keys.

Behind each lie comes a packet that tells the truth. It arrives, so that the lie would have arrived as well.
"""
import itertools
import socket

import hostile
import identity
from identity import ICMP6, OOB_ICMP, Forge, announcement, ip6, report, text, udp
from netlab import check, wait_for
from scene import Scene, Sniffer

# Public keys whose shared secret is zero whatever the own key is: the points of small order, and what is equal to them
# modulo 2^255 - 19.
P = 2 ** 255 - 19
ORDER_8 = (0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
           0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F)
LOW_ORDER = [number.to_bytes(32, "little") for number in (0, 1, *ORDER_8, P - 1, P, P + 1)]


class Stage(Scene):
  """The attacker has a name, and the node has a route to it."""

  def __init__(self, lab):
    super().__init__(lab)
    self.forge = Forge(lab)
    self.to = self.forge.of_node(self.victim)
    self.own = self.forge.identity()
    self.liar = self.peer()
    self.liar.send(self.own.announcement())
    check(self.liar.in_step(self.subnet), "no answer to a route request")
    self.sniffer = Sniffer(self.victim)
    self.numbers = itertools.count()
    self.lies = {}

  def marker(self, what):
    marker = b"marker %06d" % next(self.numbers)
    self.lies[marker] = what
    return marker

  def lie(self, what, make):
    """Sends the frame that make(marker) returns; its packet must not arrive."""
    self.liar.send(make(self.marker(what)))

  def packet(self, content, source=None, destination=None):
    return udp(source or self.own.address, destination or self.to.address, content)

  def check_only_truth_arrives(self, what):
    truth = b"truth %06d" % next(self.numbers)
    self.liar.send(self.own.seal(self.to, self.packet(truth)))
    self.sniffer.wait_for(truth, f"{what}: a true packet arrives")
    arrived = [what for marker, what in self.lies.items() if self.sniffer.has(marker)]
    check(not arrived, f"delivered: {arrived}")
    self.check_unharmed(what)

  def send_from_victim(self, content, address):
    """The host of the node sends a datagram."""
    def send():
      with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as out:
        out.sendto(content, (text(address), 7777))
    self.victim.namespace.call(send)

  def capture(self, content, address=None):
    """What the node sends to the attacker for a datagram of its host: the data frame."""
    self.liar.forget()
    self.send_from_victim(content, address or self.own.address)
    frames = self.liar.wait(self.liar.data_frames)
    check(frames, "the node does not send to the attacker")
    return frames[-1]


def test_spoofed_inner_addresses(lab):
  stage = Stage(lab)
  own, to = stage.own, stage.to
  honest, victim = stage.honest.address, stage.victim.address
  foreign = "2001:db8::1"
  inside = text(own.subnet[:8] + b"another!")
  for source in honest, victim, foreign, "::1", "fe80::1", "ff02::1", "::", inside:
    stage.lie(f"inner source {source}", lambda marker: own.seal(to, stage.packet(marker, source=source)))
  for destination in honest, foreign, "::1", "ff02::1", text(to.subnet[:8] + b"another!"), text(own.address):
    stage.lie(f"inner destination {destination}",
              lambda marker: own.seal(to, stage.packet(marker, destination=destination)))
  stage.check_only_truth_arrives("spoofed inner addresses")


def test_spoofed_outer_addresses(lab):
  stage = Stage(lab)
  own, to = stage.own, stage.to
  for source in stage.honest.address, stage.victim.address, "2001:db8::1", "::", "ff02::1":
    stage.lie(f"outer and inner source {source}",
              lambda marker: own.seal(to, stage.packet(marker, source=source), source=source))
    stage.lie(f"outer source {source}", lambda marker: own.seal(to, stage.packet(marker), source=source))
  stage.lie("another key than the source's",
            lambda marker: stage.forge.identity().seal(to, stage.packet(marker), source=own.address))
  stage.check_only_truth_arrives("spoofed outer addresses")


def test_broken_packets_inside(lab):
  stage = Stage(lab)
  own, to = stage.own, stage.to
  for length in range(0, 41):
    stage.liar.send(own.seal(to, stage.packet(b"")[:length]))
  for kind in 1, 3, 7, 255:
    stage.lie(f"user data type {kind}", lambda marker: own.seal(to, stage.packet(marker), kind=kind))
  stage.lie("IPv4", lambda marker: own.seal(to, b"\x45" + stage.packet(marker)[1:]))
  stage.lie("version 0", lambda marker: own.seal(to, b"\0" + stage.packet(marker)[1:]))
  stage.lie("more bytes than it says", lambda marker: own.seal(to, stage.packet(marker) + b"more"))
  stage.lie("fewer bytes than it says", lambda marker: own.seal(to, stage.packet(marker + b"more")[:-2]))
  stage.check_only_truth_arrives("broken packets")


def test_reflected_packets(lab):
  """What the node sent comes back: under swapped addresses it even decrypts, both directions share a key."""
  stage = Stage(lab)
  marker = stage.marker("a reflected packet")
  frame = stage.capture(marker)
  source, destination = frame[8:24], frame[24:40]
  check(source == stage.to.address and destination == stage.own.address, f"{source.hex()} {destination.hex()}")
  plain = stage.forge.ask("open", stage.own.secret, stage.to.public, frame[40:])
  check(marker in plain[1], "the attacker is the receiver and cannot read the packet")
  for first, second in (destination, source), (source, source), (destination, destination), (source, destination):
    stage.liar.send(frame[:7] + b"\x40" + first + second + frame[40:])
  stage.check_only_truth_arrives("reflected packets")


def test_replayed_packets(lab):
  """The protocol cannot tell a repeated packet from a new one. It costs what a packet costs."""
  stage = Stage(lab)
  frame = stage.own.seal(stage.to, stage.packet(b"again and again"))
  stage.flood("replayed packets", stage.liar, [frame] * 100)
  honest = stage.forge.of_node(stage.honest)
  recorded = honest.seal(stage.to, udp(honest.address, stage.to.address, b"recorded"))
  stage.flood("replayed packets of another", stage.liar, [recorded] * 100)


def test_forged_reports(lab):
  """Only a report that returns what the node really sent, from where it may come from, reaches the host."""
  stage = Stage(lab)
  own, to = stage.own, stage.to
  honest = stage.forge.of_node(stage.honest)
  marker = b"reported packet"
  sent = stage.capture(marker)[40:]
  reporter = own.subnet

  def send(payload, source=reporter, sealer=own):
    stage.liar.send(sealer.seal(to, payload, source=source, kind=OOB_ICMP))

  never_sent = own.seal(to, stage.packet(marker))[40:]
  foreign = own.seal(to, udp(honest.address, own.address, marker))[40:]
  for quote in b"", bytes(32), bytes(1232), sent[:-1], sent[:-1] + bytes([sent[-1] ^ 1]), never_sent, foreign:
    send(report(own.address, reporter, to.address, quote))
  for kind in 0, 5, 128, 129, 133, 134, 135, 137, 255:
    send(report(own.address, reporter, to.address, sent, kind=kind))
  send(report(own.address, reporter, to.address, sent, spoil=1))
  send(report(own.address, honest.subnet, to.address, sent))
  send(report(own.address, honest.subnet, to.address, sent), source=honest.subnet)
  send(report(own.address, reporter, honest.address, sent))
  send(report(honest.address, reporter, to.address, sent))
  send(report(honest.address, reporter, to.address, never_sent))
  send(report(stage.forge.identity().address, reporter, to.address, sent))
  send(own.address + udp(reporter, to.address, marker))
  whole = report(own.address, reporter, to.address, sent)
  for length in range(0, len(whole), 7):
    send(whole[:length])
  stage.check_only_truth_arrives("forged reports")
  check(not stage.sniffer.has(marker), "a forged report reached the host")
  send(whole)
  stage.sniffer.wait_for(marker, "a true report reaches the host")
  for packet in stage.sniffer.packets:
    check(packet[6] != ICMP6 or marker not in packet or packet[40] == 1, f"not a report: {packet.hex()}")
  stage.check_unharmed("reports")


def test_low_order_keys(lab):
  """A key of small order would make a secret that everybody knows: nothing is sealed with it, nothing is opened."""
  stage = Stage(lab)
  for public in LOW_ORDER:
    address = stage.forge.ask("address", public)[0]
    stage.liar.send(announcement(public, address))
    check(stage.liar.in_step(stage.subnet), f"no answer behind the announcement of {public.hex()}")
    stage.liar.forget()
    stage.send_from_victim(b"a secret for everybody", address)
    stage.lie(f"sealed with the key {public.hex()}",
              lambda marker: identity.Identity(stage.forge, stage.own.secret, public, address).seal(
                identity.Identity(stage.forge, stage.own.secret, public, stage.to.address),
                udp(address, stage.to.address, marker)))
  stage.liar.read(1)
  check(not stage.liar.data_frames(), "a packet was sealed with a secret that everybody knows")
  stage.check_only_truth_arrives("keys of small order")


def test_stolen_prefix(lab):
  """Somebody else's /64 announced under the own key, and one more of the own key: neither changes a route."""
  stage = Stage(lab)
  honest = stage.forge.of_node(stage.honest)
  before = {route["subnet"] for route in stage.victim.api("admin/routes/selected")}
  for length in 0, 7, 8, 32, 63:
    stage.liar.send(hostile.update(text(honest.address), length, metric=0, router_id=stage.own.public + bytes(8)))
    stage.liar.send(hostile.update(text(stage.own.address), length, metric=0, router_id=stage.own.public + bytes(8)))
  stage.liar.send(announcement(stage.own.public, honest.address))
  stage.liar.send(announcement(stage.own.public, stage.to.address))
  # The victim's own subnet under its own key: it knows better.
  stage.liar.send(announcement(stage.to.public, stage.to.address, seqno=1000))
  check(stage.liar.in_step(stage.subnet), "no answer behind false announcements")
  after = {route["subnet"] for route in stage.victim.api("admin/routes/selected")}
  check(after == before, f"routes changed: {after ^ before}")
  wait_for(lambda: stage.honest.selected_route(stage.victim), "the honest node keeps its route")
  stage.check_only_truth_arrives("stolen prefixes")
