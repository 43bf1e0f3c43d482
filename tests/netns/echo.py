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


def send(echo, address, identifier):
  try:
    # The kernel fills in the checksum.
    echo.sendto(struct.pack(">BBH", ECHO_REQUEST, 0, 0) + identifier + bytes(50), (address, 0))
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
