#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Resident memory: idle with two peers, with a thousand routes, and what a flood costs a node whose peer is slow or stopped.

    bench/memory.py [--seconds N] [--deployed PROGRAM]

Prints a table, then a JSON line for each row; all in MiB. "grown" is the largest size during the flood beyond that before it.
"""
import signal
import threading
import time

from subjects import Subject, netlab, options_of, parser_of, print_results, run, slow_link
from hostile import Peer
from identity import Forge, announcement
from netlab import Lab, wait_for
from traffic import flood_udp

MEGABITS = 800


def mib(kib):
  return round(kib / 1024, 1)


def grown(subject, seconds):
  """The most that the sender's resident memory grows by while more is sent than its link takes."""
  node = subject.nodes[0]
  before = most = node.rss_kib()
  flood = threading.Thread(target=flood_udp, args=(subject.client, subject.address, MEGABITS, seconds))
  flood.start()
  while flood.is_alive():
    most = max(most, node.rss_kib())
    time.sleep(0.05)
  flood.join()
  return mib(most - before)


def idle(lab, options, kind):
  node = Subject(lab, options, kind, 3).nodes[1]
  time.sleep(2)
  yield f"{kind} idle, two peers", mib(node.rss_kib()), None


def routes(lab, options, kind):
  """A scripted peer announces nodes that do not exist."""
  subject = Subject(lab, options, kind, 3)
  node, lab.program = subject.nodes[1], options.program
  peer = Peer(subject.spaces[2], subject.links[1].address[0])
  peer.send(b"".join(announcement(*name) for name in Forge(lab).strangers(1000)))
  wait_for(lambda: len(node.api("admin/routes/selected")) > 1000, f"{kind} takes a thousand routes")
  yield f"{kind}, 1000 routes", mib(node.rss_kib()), None


def slow(lab, options, kind):
  subject = Subject(lab, options, kind, shape=slow_link)
  yield f"{kind}, flood onto 100 Mbit/s", mib(subject.nodes[0].rss_kib()), grown(subject, options.seconds)


def stopped(lab, options, kind):
  subject = Subject(lab, options, kind)
  subject.nodes[1].send_signal(signal.SIGSTOP)
  yield f"{kind}, flood to a stopped peer", mib(subject.nodes[0].rss_kib()), grown(subject, options.seconds)


def main():
  options = options_of(parser_of(__doc__.splitlines()[0], rounds=1, seconds=5))
  netlab.enter()
  rows = []
  for kind in ["mycelium"] + (["deployed"] if options.deployed else []):
    for scene in idle, routes, slow, stopped:
      with Lab() as lab:
        rows += [{"bench": "memory", "row": name, "mib": size, "grown_mib": more}
                 for name, size, more in scene(lab, options, kind)]
  print_results([("", "row", 34), ("MiB", "mib", 8), ("grown", "grown_mib", 8)], rows)


run(main)
