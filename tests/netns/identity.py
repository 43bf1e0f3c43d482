# SPDX-License-Identifier: Apache-2.0
"""Identities of scripted peers: they announce themselves, seal, open and forge. The cryptography is forge.c's.

Formats: docs/protocol/identity.md, sealing.md and icmp.md.
"""
import ipaddress
import os
import struct
import subprocess

import hostile
from netlab import Skipped

L3, OOB_ICMP = 0, 2
UDP, ICMP6 = 17, 58


def text(address):
  return str(ipaddress.IPv6Address(address))


def packed(address):
  return address if isinstance(address, bytes) else ipaddress.IPv6Address(address).packed


class Forge:
  """Asks the helper program, which the build leaves beside the program under test."""

  def __init__(self, lab):
    path = os.path.join(os.path.dirname(lab.program), "..", "tests", "netns", "forge")
    if not os.path.exists(path):
      raise Skipped("no helper program tests/netns/forge beside the program under test: it was built without tests")
    self.process = lab.start([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

  def ask(self, *words):
    line = " ".join(word if isinstance(word, str) else str(word) if isinstance(word, int) else word.hex() or "-"
                    for word in words)
    self.process.stdin.write(line.encode() + b"\n")
    self.process.stdin.flush()
    answer = self.process.stdout.readline().decode().split()
    return [bytes.fromhex(word) if word not in ("-", "no") and len(word) > 2 else word for word in answer]

  def identity(self):
    return Identity(self, *self.ask("identity"))

  def of_node(self, node):
    """The identity of a node of the laboratory, whose key file lies open."""
    with open(node.key, "rb") as file:
      secret = file.read(32)
    return Identity(self, secret, *self.ask("public", secret))

  def strangers(self, count):
    """(public key, address) of nodes that do not exist."""
    words = self.ask("strangers", count)
    return list(zip(words[::2], words[1::2]))


class Identity:
  def __init__(self, forge, secret, public, address):
    self.forge, self.secret, self.public, self.address = forge, secret, public, address
    self.subnet = address[:8] + bytes(8)

  def announcement(self, metric=0, interval=30000, seqno=0):
    return announcement(self.public, self.address, metric, interval, seqno)

  def seal(self, to, payload, source=None, destination=None, kind=L3, hop_limit=64):
    """A data frame: the payload sealed for `to`, under outer addresses that may be lies."""
    source = packed(source) if source is not None else self.address
    destination = packed(destination) if destination is not None else to.address
    return self.forge.ask("seal", self.secret, to.public, kind, source, destination, hop_limit, payload)[0]


def announcement(public, address, metric=0, interval=30000, seqno=0, start=b"forged"):
  """An Update for the /64 of an address, as the owner of the key would say it; each of its starts has 6 bytes of its own."""
  router_id = public + bytes(2) + start
  return hostile.update(text(address[:8] + bytes(8)), 64, metric, seqno, interval, router_id)


def checksum(source, destination, kind, body):
  content = source + destination + struct.pack(">II", len(body), kind) + body + bytes(len(body) % 2)
  total = sum(struct.unpack(f">{len(content) // 2}H", content))
  while total >> 16:
    total = (total & 0xFFFF) + (total >> 16)
  return ~total & 0xFFFF


def ip6(source, destination, kind, body, hop_limit=64):
  return struct.pack(">IHBB", 6 << 28, len(body), kind, hop_limit) + packed(source) + packed(destination) + body


def udp(source, destination, content, port=7777):
  """A UDP packet."""
  source, destination = packed(source), packed(destination)
  body = struct.pack(">HHHH", port, port, 8 + len(content), 0) + content
  sum_ = checksum(source, destination, UDP, body) or 0xFFFF
  return ip6(source, destination, UDP, body[:6] + struct.pack(">H", sum_) + body[8:])


def report(original_destination, reporter, originator, quote, kind=1, code=0, spoil=0):
  """The payload of an out-of-band report; `spoil` is added to its checksum."""
  reporter, originator = packed(reporter), packed(originator)
  body = bytes([kind, code, 0, 0, 0, 0, 0, 0]) + quote
  sum_ = (checksum(reporter, originator, ICMP6, body) + spoil) & 0xFFFF
  body = body[:2] + struct.pack(">H", sum_) + body[4:]
  return packed(original_destination) + ip6(reporter, originator, ICMP6, body)
