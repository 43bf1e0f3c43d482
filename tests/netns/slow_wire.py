#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A wire between two interfaces of this namespace that delays each packet: the kernel at hand may have no netem.

    slow_wire.py INTERFACE INTERFACE

Reads lines from its standard input: the delay in milliseconds from now on, 0 at the start. Packets never overtake.
Checksum and segmentation offload stay as they are: what describes them (struct virtio_net_hdr) travels along.
"""
import collections
import os
import select
import socket
import sys
import time

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
PACKET_SIZE_MAX = 70000
# Like a device's queue: beyond that, packets are lost.
QUEUE_MAX = 4000


def open_end(interface):
  end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
  end.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
  end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
  end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
  end.bind((interface, ETH_P_ALL))
  end.setblocking(False)
  return end


class Wire:
  def __init__(self, first, second):
    self.delay = 0.0
    self.other = {first: second, second: first}
    # (when it is due, where it goes, the packet); delays may shrink, so due times are made to rise.
    self.waiting = collections.deque()

  def take(self, end):
    for _ in range(100):
      try:
        packet = end.recv(PACKET_SIZE_MAX)
      except BlockingIOError:
        return
      if len(self.waiting) < QUEUE_MAX:
        due = time.monotonic() + self.delay
        self.waiting.append((max(due, self.waiting[-1][0] if self.waiting else 0), self.other[end], packet))

  def give(self):
    while self.waiting and self.waiting[0][0] <= time.monotonic():
      _, end, packet = self.waiting.popleft()
      try:
        end.send(packet)
      except OSError:
        # A full queue or an interface that is down loses packets, as everywhere.
        pass

  def run(self):
    while True:
      timeout = max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else None
      ready, _, _ = select.select([*self.other, sys.stdin], [], [], timeout)
      if sys.stdin in ready:
        line = os.read(sys.stdin.fileno(), 64)
        if not line:
          return
        self.delay = int(line.split()[-1]) / 1000
      for end in self.other:
        if end in ready:
          self.take(end)
      self.give()


if __name__ == "__main__":
  Wire(open_end(sys.argv[1]), open_end(sys.argv[2])).run()
