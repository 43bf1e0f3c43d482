#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TCP throughput, CPU per gigabyte and memory: two nodes, two with a relay between, and a bare link beside them.

    bench/throughput.py [--rounds N] [--seconds N] [--deployed PROGRAM]

All of them are set up at once and take turns, so that a noisy machine disturbs all alike; what is shown are medians.
Everything runs on this one machine and shares its processors: compare rows of one run, not runs of different machines.
MYCELIUM_REFERENCE, or --deployed, adds rows with a deployed node. Prints a table, then a JSON line for each row.
"""
import argparse
import json
import os
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "netns"))

import netlab  # noqa: E402
from node import Node  # noqa: E402
from traffic import bits_per_second, iperf, received_bytes, start_server, wait_reachable  # noqa: E402


class Row:
  """Something to measure: a line of nodes, or a bare link when there are none."""

  def __init__(self, lab, name, program=None, deployed=False, length=2):
    self.name = name
    spaces = [lab.namespace("abc"[i]) for i in range(length)]
    links = [lab.link(*pair) for pair in zip(spaces, spaces[1:])]
    self.nodes = []
    if program is not None:
      for i, space in enumerate(spaces):
        peers = [links[i - 1].address[0]] if i > 0 else []
        self.nodes.append(Node(lab, space, program, deployed=deployed, peers=peers).start())
    self.client = spaces[0]
    self.address = self.nodes[-1].address if self.nodes else links[-1].address[1]
    if self.nodes:
      wait_reachable(self.client, self.address)
    start_server(spaces[-1])
    self.rates, self.costs = [], [[] for _ in self.nodes]

  def measure(self, seconds):
    before = [node.cpu_seconds() for node in self.nodes]
    account = iperf(self.client, self.address, seconds)
    gigabytes = received_bytes(account) / 1e9
    self.rates.append(bits_per_second(account) / 1e6)
    for costs, node, start in zip(self.costs, self.nodes, before):
      costs.append((node.cpu_seconds() - start) / gigabytes)

  def result(self):
    return {
      "bench": "throughput",
      "row": self.name,
      "mbit_per_second": round(statistics.median(self.rates)),
      "mbit_per_second_rounds": [round(rate) for rate in self.rates],
      "cpu_seconds_per_gb": [round(statistics.median(costs), 2) for costs in self.costs],
      "rss_kib": [node.rss_kib() for node in self.nodes],
    }


def make_rows(lab, options):
  rows = [Row(lab, "bare link")]
  kinds = [("mycelium", options.program, False)]
  kinds += [("deployed", options.deployed, True)] if options.deployed else []
  for length, name in (2, "direct"), (3, "relayed"):
    rows += [Row(lab, f"{kind} {name}", program, deployed, length) for kind, program, deployed in kinds]
  return rows


def print_table(results):
  line = "{:<18} {:>8} {:>15}  {:<21} {:<18}"
  print(line.format("", "Mbit/s", "least..most", "CPU s/GB, each node", "RSS MiB, each node"))
  for result in results:
    rounds = result["mbit_per_second_rounds"]
    costs = "  ".join(f"{cost:.2f}" for cost in result["cpu_seconds_per_gb"])
    memory = "  ".join(f"{kib / 1024:.1f}" for kib in result["rss_kib"])
    spread = f"{min(rounds)}..{max(rounds)}"
    print(line.format(result["row"], result["mbit_per_second"], spread, costs, memory).rstrip())


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--program", default=str(ROOT / "build" / "mycelium"))
  parser.add_argument("--deployed", default=os.environ.get("MYCELIUM_REFERENCE"), help="a deployed node beside it")
  parser.add_argument("--rounds", type=int, default=3)
  parser.add_argument("--seconds", type=int, default=5, help="length of each run")
  options = parser.parse_args()
  if not os.access(options.program, os.X_OK):
    sys.exit(f"throughput: no program at {options.program}, run make first")
  netlab.enter()
  with netlab.Lab() as lab:
    rows = make_rows(lab, options)
    for number in range(options.rounds):
      print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
      for row in rows:
        row.measure(options.seconds)
    results = [row.result() for row in rows]
  print_table(results)
  print()
  for result in results:
    print(json.dumps(result))


if __name__ == "__main__":
  try:
    main()
  except netlab.Failed as error:
    sys.exit(f"throughput: {error}")
  except KeyboardInterrupt:
    sys.exit("throughput: stopped")
