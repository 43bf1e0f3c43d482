#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Round trips of ping between two nodes: idle, beside a TCP flow that takes all there is, and so behind a slow link.

    bench/latency.py [--rounds N] [--seconds N] [--rate RATE] [--deployed PROGRAM]

The slow link is a token bucket of --rate (as tc writes it, 100mbit if not given), with 50 ms of room in front of it, at each end.
All rows are set up at once and take turns. Prints a table, then a JSON line for each row; times are medians over the rounds, in
milliseconds.
"""
import functools
import threading

from subjects import Subject, median, netlab, options_of, parser_of, print_results, run, slow_link, take_turns
from traffic import bits_per_second, iperf, ping


def percentile(values, part):
  ordered = sorted(values)
  return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("inf")


def pings(subject, seconds, interval):
  result = ping(subject.client, subject.address, count=int(seconds / interval), interval=interval)
  return percentile(result.round_trips, 0.5), percentile(result.round_trips, 0.99)


class Idle(Subject):
  def measure(self, seconds):
    return (*pings(self, seconds, 0.01), None)


class Busy(Subject):
  """Pings while a flow runs, from the moment it has had time to fill what there is to fill."""

  def measure(self, seconds):
    account = {}

    def flow():
      account.update(iperf(self.client, self.address, seconds + 2))
    thread = threading.Thread(target=flow)
    thread.start()
    threading.Event().wait(1)
    p50, p99 = pings(self, seconds, 0.02)
    thread.join()
    return p50, p99, bits_per_second(account) / 1e6


def make_rows(lab, options):
  kinds = ["bare", "pump", "mycelium"] + (["deployed"] if options.deployed else [])
  slow = functools.partial(slow_link, rate=options.rate)
  for what, subject, shaping in ("idle", Idle, None), ("busy", Busy, None), (options.rate, Busy, slow):
    for kind in kinds:
      name = f"{kind} {what}"
      if options.only in name:
        yield subject(lab, options, kind, shape=shaping, name=name)


def main():
  parser = parser_of(__doc__.splitlines()[0])
  parser.add_argument("--rate", default="100mbit", help="of the slow link, in the words of tc (default: %(default)s)")
  options = options_of(parser)
  netlab.enter()
  with netlab.Lab() as lab:
    subjects = list(make_rows(lab, options))
    results = take_turns(options.rounds, subjects, lambda subject: subject.measure(options.seconds))
  rows = []
  for name, rounds in results.items():
    p50, p99, rate = zip(*rounds)
    rows.append({"bench": "latency", "row": name, "p50_ms": round(median(p50), 2), "p99_ms": round(median(p99), 2),
                 "mbit_per_second": None if rate[0] is None else round(median(rate), 1),
                 "p50_ms_rounds": list(p50), "p99_ms_rounds": list(p99)})
  print_results([("", "row", 22), ("p50 ms", "p50_ms", 9), ("p99 ms", "p99_ms", 9), ("Mbit/s", "mbit_per_second", 9)], rows)


run(main)
