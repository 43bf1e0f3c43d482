#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What routing costs and how fast it repairs, in simulated networks: of this router, of a model of deployed nodes, and of both.

    bench/simulation.py [--program build-release/sim/mycelium-sim] [--seeds N] [--minutes M]

Prints the tables of docs/simulation.md, then a JSON line for each row. Means over the seeds; repair times of all seeds
together are not kept by the simulator, so of these the median, and of "longest" the largest, is shown.
"""
import argparse
import json
import re
import statistics
import subprocess
from concurrent.futures import ThreadPoolExecutor

MIXES = [("ours", 0), ("deployed", 1), ("every second deployed", 2)]
STEADY = [("60 nodes, degree 4, 60 flows", ["--nodes", "60", "--degree", "4", "--flows", "60"]),
          ("150 nodes, degree 6, 50 flows", ["--nodes", "150", "--degree", "6", "--flows", "50"])]
LOSSES = [("noticed", "cuts"), ("silent", "silences")]


def parse():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--program", default="build-release/sim/mycelium-sim", help="the simulator")
  parser.add_argument("--seeds", type=int, default=3)
  parser.add_argument("--minutes", type=int, default=60)
  return parser.parse_args()


class Runs:
  """Runs of one kind, one for each seed."""

  def __init__(self, options, pool, scenario, mix, arguments):
    command = [options.program, "--scenario", scenario, "--minutes", str(options.minutes), "--deployed", str(mix)]
    self.futures = [pool.submit(subprocess.run, command + arguments + ["--seed", str(seed)], check=True,
                                capture_output=True, text=True) for seed in range(1, options.seeds + 1)]

  def values(self, name):
    texts = [future.result().stdout for future in self.futures]
    return [float(re.search(rf"^ *{re.escape(name)} +([0-9.]+)", text, re.MULTILINE).group(1)) for text in texts]

  def mean(self, name):
    return statistics.mean(self.values(name))


def steady_row(runs):
  packets = runs.mean("delivered") + sum(runs.mean(name) for name in ("refused, no route", "lost", "hop limit ran out"))
  retractions = runs.mean("retractions")
  return {"updates": round(runs.mean("update") - retractions), "retractions": round(retractions),
          "seqno_requests": round(runs.mean("seqno_request")), "route_requests": round(runs.mean("route_request")),
          "entries_per_node": round(runs.mean("entries"), 1), "delivered": runs.mean("delivered") / packets}


def loss_row(runs):
  return {"repairs": round(sum(runs.values("repaired paths"))), "within_1s_percent": round(runs.mean("within 1 s"), 1),
          "median_ms": round(statistics.median(runs.values("median"))),
          "p90_ms": round(statistics.median(runs.values("90 %"))), "longest_ms": round(max(runs.values("longest")))}


def print_table(title, rows):
  print(f"\n{title}\n")
  columns = list(rows[0][1])
  print("| | " + " | ".join(column.replace("_", " ") for column in columns) + " |")
  print("|---|" + "---|" * len(columns))
  for name, row in rows:
    print(f"| {name} | " + " | ".join(f"{row[column]:.4%}" if column == "delivered" else f"{row[column]:,}".replace(",", " ")
                                      for column in columns) + " |")


def main():
  options = parse()
  tables = []
  with ThreadPoolExecutor(2) as pool:
    for title, arguments in STEADY:
      runs = [(name, Runs(options, pool, "steady", mix, arguments)) for name, mix in MIXES]
      tables.append((f"{title}, {options.minutes} minutes", steady_row, runs))
    for title, scenario in LOSSES:
      runs = [(name, Runs(options, pool, scenario, mix, ["--nodes", "40", "--degree", "4"])) for name, mix in MIXES]
      tables.append((f"40 nodes, degree 4, {title} loss of a link in use", loss_row, runs))
    lines = []
    for title, make_row, runs in tables:
      rows = [(name, make_row(run)) for name, run in runs]
      print_table(title, rows)
      lines += [json.dumps({"bench": "simulation", "network": title, "nodes": name, **row}) for name, row in rows]
  print("\n" + "\n".join(lines))


if __name__ == "__main__":
  main()
