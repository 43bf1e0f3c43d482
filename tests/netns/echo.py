# SPDX-License-Identifier: Apache-2.0
"""One socket that pings many addresses at once."""
import os
import socket
import struct
import time

ECHO_REQUEST, ECHO_REPLY = 128, 129
ICMP6_FILTER = 1


def _open():
  echo = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
  wanted = bytearray(b"\xff" * 32)
  wanted[ECHO_REPLY // 8] &= ~(1 << ECHO_REPLY % 8) & 0xFF
  echo.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, bytes(wanted))
  return echo


def unanswered(namespace, addresses, seconds, every=1.0):
  """Pings each address once per `every` seconds until it answers; returns those that never did within `seconds`."""
  def run():
    identifier = os.urandom(2)
    left, deadline, again = set(addresses), time.monotonic() + seconds, 0
    with _open() as echo:
      while left and time.monotonic() < deadline:
        if time.monotonic() >= again:
          for address in left:
            send(echo, address, identifier)
          again = time.monotonic() + every
        left -= receive(echo, identifier)
    return left
  return namespace.call(run)


def unanswered_sizes(namespace, address, sizes, seconds, gap=0.002):
  """Pings an address once with each size of payload, and again those without an answer, until all have one; returns
  those that never had within `seconds`."""
  def run():
    identifier = os.urandom(2)
    left, deadline = set(sizes), time.monotonic() + seconds
    with _open() as echo:
      while left and time.monotonic() < deadline:
        for size in sorted(left):
          send(echo, address, identifier, size)
          left -= receive_sizes(echo, identifier, gap)
        left -= receive_sizes(echo, identifier, 0.5)
    return left
  return namespace.call(run)


def send(echo, address, identifier, size=48):
  try:
    # The kernel fills in the checksum. The payload behind a header of 8 bytes is what ping counts.
    echo.sendto(struct.pack(">BBH", ECHO_REQUEST, 0, 0) + identifier + bytes(2 + size), (address, 0))
  except OSError:
    # Without an interface at the moment; the next round may find one.
    pass


def receive(echo, identifier):
  """Who answers within a moment."""
  found = set()
  echo.settimeout(0.05)
  try:
    while True:
      packet, source = echo.recvfrom(2048)
      if packet[4:6] == identifier:
        found.add(source[0].split("%")[0])
  except TimeoutError:
    return found


def receive_sizes(echo, identifier, seconds):
  """The sizes of payload that were answered until nothing came for so long."""
  found = set()
  echo.settimeout(seconds)
  try:
    while True:
      packet = echo.recv(4096)
      if packet[4:6] == identifier:
        found.add(len(packet) - 8)
  except TimeoutError:
    return found
