#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A link whose packets can be delayed and lost: the kernel at hand may have no netem.

    wire = SlowWire(lab, a, b)
    wire.set(20)                                # milliseconds, each way; packets never overtake
    wire.set(20, jitter=5, loss=0.01)           # each packet by itself, so that they do

A namespace in the middle runs this file as a program, which passes packets on:

    slow_wire.py INTERFACE INTERFACE

It reads lines from its standard input: the delay and its jitter in milliseconds, and the part of packets that is lost. Checksum
and segmentation offload stay as they are: what describes them (struct virtio_net_hdr) travels along.
"""
import heapq
import os
import random
import select
import socket
import subprocess
import sys
import time

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
PACKET_SIZE_MAX = 70000
# Like a device's queue: beyond that, packets are lost.
QUEUE_MAX = 4000


class SlowWire:
  """As netlab.Link, where IPv4 addresses are all that is asked for."""

  def __init__(self, lab, first, second):
    middle = lab.namespace(f"wire{len(lab.links)}")
    self.near, self.far = lab.link(first, middle), lab.link(middle, second)
    self.address = self.near.address
    for interface in self.near.interface, self.far.interface:
      middle.run(["ip", "address", "flush", "dev", interface])
      # The middle must neither answer nor forward by itself.
      middle.run(["ip", "link", "set", interface, "arp", "off", "promisc", "on"])
    second.run(["ip", "address", "flush", "dev", self.far.interface])
    second.run(["ip", "address", "add", self.address[1] + "/24", "dev", self.far.interface])
    self.process = middle.start([sys.executable, os.path.abspath(__file__), self.near.interface, self.far.interface],
                                stdin=subprocess.PIPE)

  def set(self, delay, jitter=0, loss=0.0):
    if loss > 0:
      # Else what the kernel hands over as one is lost as one: dozens of packets.
      self.near.first.run(["ip", "link", "set", self.near.interface, "gso_max_segs", "1"])
      self.far.second.run(["ip", "link", "set", self.far.interface, "gso_max_segs", "1"])
    self.process.stdin.write(f"{delay} {jitter} {loss}\n".encode())
    self.process.stdin.flush()


def open_end(interface):
  end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
  end.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
  end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
  end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
  end.bind((interface, ETH_P_ALL))
  end.setblocking(False)
  return end


class Passage:
  """Takes packets of each interface and gives them to the other when they are due."""

  def __init__(self, first, second):
    self.delay = self.jitter = self.loss = self.last_due = 0.0
    self.other = {first: second, second: first}
    # (when it is due, which one it is, where it goes, the packet)
    self.waiting, self.count = [], 0

  def due(self):
    if self.jitter > 0:
      return time.monotonic() + self.delay + random.uniform(-self.jitter, self.jitter)
    # The delay may have shrunk.
    self.last_due = max(self.last_due, time.monotonic() + self.delay)
    return self.last_due

  def take(self, end):
    for _ in range(100):
      try:
        packet = end.recv(PACKET_SIZE_MAX)
      except BlockingIOError:
        return
      if len(self.waiting) < QUEUE_MAX and random.random() >= self.loss:
        self.count += 1
        heapq.heappush(self.waiting, (self.due(), self.count, self.other[end], packet))

  def give(self):
    while self.waiting and self.waiting[0][0] <= time.monotonic():
      _, _, end, packet = heapq.heappop(self.waiting)
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
        line = os.read(sys.stdin.fileno(), 4096)
        if not line:
          return
        delay, jitter, loss = line.splitlines()[-1].split()
        self.delay, self.jitter, self.loss = float(delay) / 1000, float(jitter) / 1000, float(loss)
      for end in self.other:
        if end in ready:
          self.take(end)
      self.give()


if __name__ == "__main__":
  Passage(open_end(sys.argv[1]), open_end(sys.argv[2])).run()
