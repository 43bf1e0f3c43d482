#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One TCP flow, and pings beside it, on a path with delay and loss: on the path itself, and through links of both kinds.

    bench/lossy.py [--rounds N] [--seconds N] [--delay MS] [--jitter MS] [--loss PART] [--congestion NAME]

The path is tests/netns/slow_wire.py, whose packets overtake each other when there is jitter. The flow's congestion control is that
of --congestion; links over TCP have the system's. All rows are set up at once and take turns. Prints a table, then a JSON line
for each row; numbers are medians over the rounds, but throughput is a mean, since the losses of one run are few.
"""
import statistics

from subjects import Subject, median, netlab, options_of, parser_of, print_results, run, take_turns
from slow_wire import SlowWire  # where subjects.py looks for it
from traffic import bits_per_second, flow_beside_pings


def make_rows(lab, options):
  def connect(first, second):
    wire = SlowWire(lab, first, second)
    wire.set(options.delay, options.jitter, options.loss)
    return wire
  rows = [("bare", "tcp", "bare path")]
  rows += [(kind, transport, f"{kind} {transport}") for transport in ("quic", "tcp")
           for kind in ["mycelium"] + (["deployed"] if options.deployed else [])]
  return [Subject(lab, options, kind, name=name, transport=transport, connect=connect) for kind, transport, name in rows
          if options.only in name]


def measure(subject, options):
  before = subject.cpu_seconds()
  account, p50, p99 = flow_beside_pings(subject.client, subject.address, options.seconds, congestion=options.congestion)
  work = [round((end - start) / options.seconds, 3) for start, end in zip(before, subject.cpu_seconds())]
  return bits_per_second(account) / 1e6, p50, p99, work


def result_of(name, rounds):
  rates, p50, p99, work = zip(*rounds)
  return {"bench": "lossy", "row": name, "mbit_per_second": round(statistics.mean(rates), 2), "p50_ms": round(median(p50), 1),
          "p99_ms": round(median(p99), 1), "processors": [round(median(each), 2) for each in zip(*work)],
          "mbit_per_second_rounds": [round(rate, 2) for rate in rates], "p99_ms_rounds": list(p99)}


def main():
  parser = parser_of(__doc__.splitlines()[0], rounds=5, seconds=20)
  parser.add_argument("--delay", type=float, default=20, help="milliseconds, each way")
  parser.add_argument("--jitter", type=float, default=5, help="milliseconds more or less")
  parser.add_argument("--loss", type=float, default=0.01, help="part of the packets, each way")
  parser.add_argument("--congestion", default="cubic", help="control of the flow: cubic, bbr, reno")
  options = options_of(parser)
  netlab.enter()
  with netlab.Lab() as lab:
    subjects = make_rows(lab, options)
    results = take_turns(options.rounds, subjects, lambda subject: measure(subject, options))
  print_results([("", "row", 18), ("Mbit/s", "mbit_per_second", 8), ("ping p50 ms", "p50_ms", 13), ("p99 ms", "p99_ms", 8),
                 ("processors, each node", "processors", 24)], [result_of(*item) for item in results.items()])


run(main)
