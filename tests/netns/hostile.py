# SPDX-License-Identifier: Apache-2.0
"""A peer made of a bare socket: it can say what no node would. Formats: docs/protocol/frames.md and tlvs.md."""
import ipaddress
import socket
import struct
import time

HELLO, IHU, UPDATE, ROUTE_REQUEST, SEQNO_REQUEST = 4, 5, 8, 9, 10
WILDCARD, IPV4, IPV6 = 0, 1, 2
SEND_SECONDS_MAX = 20


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
    self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    self.received = b""

  def send(self, content):
    """Sends, and returns whether all of it went; a node that has hung up or reads no more is no error here."""
    self.socket.settimeout(SEND_SECONDS_MAX)
    try:
      self.socket.sendall(content)
      return True
    except OSError:
      return False

  def send_by_byte(self, content):
    """Sends each byte in a packet of its own."""
    return all(self.send(content[i:i + 1]) for i in range(len(content)))

  def _receive(self, seconds):
    """Takes what comes next within a time. Returns False when the other side has closed."""
    self.socket.settimeout(max(seconds, 0.001))
    try:
      chunk = self.socket.recv(65536)
    except TimeoutError:
      return True
    except OSError:
      return False
    self.received += chunk
    return bool(chunk)

  def read(self, seconds):
    """Reads what comes within a time. Returns False when the other side has closed."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
      if not self._receive(left):
        return False
    return True

  def frames(self):
    """The whole frames received so far. What a node sends has one TLV in each control frame."""
    found, at = [], 0
    while len(self.received) >= at + 8:
      kind = self.received[at + 1]
      length = struct.unpack_from(">H", self.received, at + (5 if kind == 0 else 6))[0]
      end = at + (40 if kind == 0 else 8) + length
      if len(self.received) < end:
        break
      found.append(self.received[at:end])
      at = end
    return found

  def tlvs(self):
    """The TLVs received so far, as (type, payload)."""
    return [(frame[8], frame[10:]) for frame in self.frames() if frame[1] == 1]

  def data_frames(self):
    return [frame for frame in self.frames() if frame[1] == 0]

  def forget(self):
    """Forgets what came so far, but for the beginning of a frame."""
    self.received = self.received[sum(len(frame) for frame in self.frames()):]

  def wait(self, found, seconds=30):
    """Reads until found() is true; returns its value, or None."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
      if time.monotonic() > deadline or not self._receive(0.2):
        return None
    return value

  def wait_tlv(self, kind, seconds=30, matches=lambda payload: True):
    """Reads until a TLV of this type came whose payload matches; returns its payload, or None."""
    def found():
      return next((payload for type_, payload in self.tlvs() if type_ == kind and matches(payload)), None)
    return self.wait(found, seconds)

  def in_step(self, subnet):
    """Whether the node still answers here: asks for its own subnet, which it announces then."""
    self.forget()
    self.send(route_request(subnet))
    return self.wait_tlv(UPDATE, matches=lambda payload: payload[10:18] == prefix_bytes(subnet, 64)) is not None

  def wait_closed(self, seconds=30):
    """Whether the other side closes the connection within a time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
      if not self._receive(0.2):
        return True
    return False

  def close(self):
    self.socket.close()
