#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a flow of packets is interrupted when a relay dies or falls silent, or when an end is restarted.

    bench/recovery.py [--runs N] [--deployed PROGRAM] [--deployed-runs N] [--filter TEXT]

Two ends with two relays between them (tests/netns/diamond.py) and an echo request every 20 ms. What is measured is the
longest time without an answer, beyond those 20 ms; for a restarted end the time from the start of its process to the
first answer. The other rows count connections that were given up although nobody had failed. MYCELIUM_REFERENCE, or
--deployed, adds rows with a deployed node. Prints a table, then a JSON line for each row.
"""
import argparse
import json
import os
import random
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "netns"))

import netlab  # noqa: E402
from diamond import Diamond  # noqa: E402
from node import Node  # noqa: E402
from traffic import flood_udp  # noqa: E402

# A deployed node takes up to 53 s to notice silence.
RECOVERY_SECONDS_MAX = 150


def interruption(diamond, event):
  """How long the flow is interrupted by event(relay in use)."""
  with diamond.flow() as flow:
    flow.wait_answer_after(time.time() + 0.5)
    used = diamond.used_relay()
    moment = time.time()
    event(used)
    # A flow can go on for some packets that were already under way.
    flow.wait_answer_after(moment + 0.1, RECOVERY_SECONDS_MAX)
    time.sleep(1)
    return flow.longest_gap(moment)


def killed_relay(diamond):
  return interruption(diamond, lambda relay: relay.kill())


def silent_relay(diamond):
  return interruption(diamond, diamond.silence)


def restarted_end(diamond):
  with diamond.flow() as flow:
    flow.wait_answer_after(time.time())
    diamond.last.kill()
    time.sleep(random.uniform(0.1, 3))
    moment = time.time()
    diamond.last.spawn()
    return flow.wait_answer_after(moment, RECOVERY_SECONDS_MAX) - moment


def false_alarms(during):
  """A measurement: how many connections were lost while during(diamond) went on."""
  def measure(diamond):
    with diamond.flow() as flow:
      flow.wait_answer_after(time.time())
      before = diamond.connections()
      during(diamond)
      flow.wait_answer_after(time.time(), RECOVERY_SECONDS_MAX)
      return len(before - diamond.connections())
  return measure


def saturate(diamond):
  diamond.limit_rate(10)
  flood_udp(diamond.first.namespace, diamond.last.address, megabits=30, seconds=5)


def delay(diamond):
  for milliseconds, seconds in (300, 5), (0, 1):
    for wire in diamond.near:
      wire.set(milliseconds)
    time.sleep(seconds)


def stop(diamond):
  diamond.stop_for(diamond.used_relay(), 1)
  time.sleep(1.5)


# Name, unit, measurement, options of the diamond.
SCENARIOS = [
  ("relay killed", "seconds", killed_relay, {}),
  ("relay silently dropped", "seconds", silent_relay, {}),
  ("end restarted, it dials", "seconds", restarted_end, {}),
  ("end restarted, it is dialled", "seconds", restarted_end, {"last_is_dialled": True}),
  ("link saturated", "false alarms", false_alarms(saturate), {}),
  ("link delayed by 300 ms", "false alarms", false_alarms(delay), {"slow": True}),
  ("relay stopped for 1 s", "false alarms", false_alarms(stop), {}),
]


def run_once(kind, program, function, options):
  """One run, on nodes of its own: no run feels what an earlier one did."""
  with netlab.Lab() as lab:
    diamond = Diamond(lab, lambda space, peers: Node(lab, space, program, deployed=kind == "deployed", peers=peers),
                      **options)
    # A fresh connection changes its cost with its first round trip, and routes with it.
    time.sleep(1)
    return round(function(diamond), 3)


def measure(kind, program, runs, scenario):
  name, unit, function, options = scenario
  values = []
  for number in range(runs):
    try:
      values.append(run_once(kind, program, function, options))
      result = f"{values[-1]} {unit}"
    except netlab.Failed as error:
      # What did not recover is no number: the table says how many did.
      result = str(error)
    print(f"{kind}, {name}, run {number + 1} of {runs}: {result}", file=sys.stderr, flush=True)
  return {"bench": "recovery", "row": name, "node": kind, "unit": unit, "runs": len(values), "wanted_runs": runs,
          "median": statistics.median(values) if values else None, "worst": max(values, default=None),
          "values": values, "load": os.getloadavg()[0]}


def print_table(results):
  line = "{:<30} {:<10} {:>5} {:>9} {:>9}  {}"
  print(line.format("", "", "runs", "median", "worst", ""))
  for r in results:
    median, worst = (format(value, ".3f" if r["unit"] == "seconds" else "g") if value is not None else "never"
                     for value in (r["median"], r["worst"]))
    print(line.format(r["row"], r["node"], r["runs"], median, worst, r["unit"]))


def parse():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--program", default=str(ROOT / "build" / "mycelium"))
  parser.add_argument("--deployed", default=os.environ.get("MYCELIUM_REFERENCE"), help="a deployed node beside it")
  parser.add_argument("--runs", type=int, default=20)
  parser.add_argument("--deployed-runs", type=int, default=3, help="it takes a minute to notice a silent relay")
  parser.add_argument("--filter", default="", help="only rows whose name has this in it")
  return parser.parse_args()


def main():
  options = parse()
  if not os.access(options.program, os.X_OK):
    sys.exit(f"recovery: no program at {options.program}, run make first")
  netlab.enter()
  kinds = [("mycelium", options.program, options.runs)]
  kinds += [("deployed", options.deployed, options.deployed_runs)] if options.deployed else []
  results = [measure(*kind, scenario) for scenario in SCENARIOS if options.filter in scenario[0] for kind in kinds]
  print_table(results)
  print()
  for result in results:
    print(json.dumps(result))


if __name__ == "__main__":
  try:
    main()
  except netlab.Failed as error:
    sys.exit(f"recovery: {error}")
  except KeyboardInterrupt:
    sys.exit("recovery: stopped")
