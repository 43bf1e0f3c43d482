#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many UDP packets per second go through with less than 1 % lost, for small and for large ones.

    bench/packets.py [--rounds N] [--seconds N] [--sizes N,N,...] [--deployed PROGRAM]

The rate is searched for by halving an interval: each step is a run of --seconds. Sizes are of the UDP payload. Each packet is
sent as one (no segmentation offload). All rows take turns. Prints a table, then a JSON line for each row.
"""
import os
import subprocess

from subjects import Subject, median, netlab, options_of, parser_of, print_results, run, take_turns

PORT, IDLE_MS = 5300, 300
LOSS_MAX = 0.01
STEPS = 7


def make_rows(lab, options):
  kinds = ["bare", "pump", "mycelium"] + (["deployed"] if options.deployed else [])
  return [Subject(lab, options, kind) for kind in kinds if options.only in kind]


def try_rate(subject, options, size, rate):
  """Whether a rate gets through, and what arrived in a second."""
  receiver = subject.server.start([options.load, "receive", str(PORT), str(IDLE_MS)], stdout=subprocess.PIPE, text=True)
  receiver.stdout.readline()
  sent = int(subject.client.run([options.load, "send", subject.address, str(PORT), str(size), str(rate),
                                 str(options.seconds)]).stdout)
  received = int(receiver.communicate()[0])
  # A sender that cannot keep up does not show what the rest could carry.
  kept_up = sent >= 0.98 * rate * options.seconds
  return kept_up and received >= (1 - LOSS_MAX) * sent, received / options.seconds


def search(subject, options, size):
  low, high, best = 0, options.rate_max, 0
  for _ in range(STEPS):
    rate = (low + high) / 2
    good, arrived = try_rate(subject, options, size, int(rate))
    if good:
      low, best = rate, max(best, arrived)
    else:
      high = rate
  return best


def main():
  parser = parser_of(__doc__.splitlines()[0], rounds=5, seconds=1)
  parser.add_argument("--sizes", default="64,1200", help="bytes of UDP payload, each a search of its own")
  parser.add_argument("--rate-max", type=int, default=800000, help="packets per second above which nothing is tried")
  options = options_of(parser)
  options.load = os.path.join(os.path.dirname(options.pump), "udp_load")
  sizes = [int(size) for size in options.sizes.split(",")]
  netlab.enter()
  with netlab.Lab() as lab:
    subjects = make_rows(lab, options)
    results = take_turns(options.rounds, subjects, lambda subject: [search(subject, options, size) for size in sizes])
  rows = [{"bench": "packets", "row": subject.name, "bytes": size,
           "packets_per_second": round(median([measured[i] for measured in results[subject.name]])),
           "packets_per_second_rounds": [round(measured[i]) for measured in results[subject.name]]}
          for i, size in enumerate(sizes) for subject in subjects]
  print_results([("", "row", 18), ("bytes", "bytes", 6), ("packets/s", "packets_per_second", 11)], rows)


run(main)
