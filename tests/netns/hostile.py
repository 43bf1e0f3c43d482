# SPDX-License-Identifier: Apache-2.0
"""A peer made of a bare socket: it can say what no node would. Formats: docs/protocol/frames.md and tlvs.md."""
import ipaddress
import socket
import struct
import time

HELLO, IHU, UPDATE, ROUTE_REQUEST, SEQNO_REQUEST = 4, 5, 8, 9, 10
IPV4, IPV6 = 1, 2


def control(payload, kind, version=1, magic=0x2A, babel_version=3):
  """A control frame with one TLV."""
  tlv = bytes([kind, len(payload)]) + payload
  return bytes([version, 1, 0, 0, magic, babel_version]) + struct.pack(">H", len(tlv)) + tlv


def hello(seqno=0):
  return control(struct.pack(">HHH", 0x8000, seqno, 2000), HELLO)


def ihu():
  return control(struct.pack(">BBHH", 0, 0, 10, 6000), IHU)


def prefix_bytes(prefix, length):
  """The bytes of a prefix, with whatever stands behind its length in the last one."""
  return ipaddress.ip_address(prefix).packed[:(length + 7) // 8]


def update(prefix, length, metric=0xFFFF, seqno=0, interval=30000, router_id=bytes(40)):
  fields = struct.pack(">BBBBHHH", IPV6, 0, length, 0, interval, seqno, metric)
  return control(fields + prefix_bytes(prefix, length) + router_id, UPDATE)


def route_request(prefix, length=64, generation=0, encoding=IPV6):
  return control(bytes([generation, encoding, length]) + prefix_bytes(prefix, length), ROUTE_REQUEST)


def seqno_request(prefix, length=64, seqno=1, hops=64):
  fields = struct.pack(">BBHBB", IPV6, length, seqno, hops, 0)
  return control(fields + bytes(40) + prefix_bytes(prefix, length), SEQNO_REQUEST)


def data(source, destination, body=b"", hop_limit=64):
  header = struct.pack(">BBHBHB", 1, 0, 0, 0, len(body), hop_limit)
  return header + ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed + body


class Peer:
  """A connection to a node's peer port."""

  def __init__(self, namespace, address, port=9651):
    self.socket = namespace.call(socket.create_connection, (address, port), 20)
    self.received = b""

  def send(self, content):
    """Sends, and returns whether all of it went; a node that has hung up or reads no more is no error here."""
    try:
      self.socket.sendall(content)
      return True
    except OSError:
      return False

  def read(self, seconds):
    """Reads what comes within a time. Returns False when the other side has closed."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
      self.socket.settimeout(left)
      try:
        chunk = self.socket.recv(65536)
      except TimeoutError:
        return True
      except OSError:
        return False
      if not chunk:
        return False
      self.received += chunk
    return True

  def tlvs(self):
    """The whole TLVs received so far, as (type, payload). What a node sends has one TLV in each frame."""
    found, at = [], 0
    while len(self.received) >= at + 8:
      kind = self.received[at + 1]
      length = struct.unpack_from(">H", self.received, at + (5 if kind == 0 else 6))[0]
      end = at + (40 if kind == 0 else 8) + length
      if len(self.received) < end:
        break
      if kind == 1:
        found.append((self.received[at + 8], self.received[at + 10:end]))
      at = end
    return found

  def wait_tlv(self, kind, seconds=30, matches=lambda payload: True):
    """Reads until a TLV of this type came whose payload matches; returns its payload, or None."""
    deadline = time.monotonic() + seconds
    while True:
      for found, payload in self.tlvs():
        if found == kind and matches(payload):
          return payload
      if time.monotonic() > deadline or not self.read(0.2):
        return None

  def wait_closed(self, seconds=30):
    """Whether the other side closes the connection within a time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
      if not self.read(0.2):
        return True
    return False

  def close(self):
    self.socket.close()
