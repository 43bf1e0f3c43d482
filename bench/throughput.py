#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TCP throughput, CPU per gigabyte and memory: two nodes over each transport, two with a relay between, five hops.

    bench/throughput.py [--rounds N] [--seconds N] [--flows N,N,...] [--deployed PROGRAM] [--deployed-private PROGRAM]

Beside them a bare link, and the pump: a tunnel that does nothing but move, seal and open (bench/pump.c). MYCELIUM_REFERENCE, or
--deployed, adds rows with deployed nodes; over QUIC those have an interface MTU of 1300, since full packets end their links.
MYCELIUM_REFERENCE_PRIVATE, or --deployed-private, is the program for the row over TLS. All are set up at once and take turns. Prints a table, then a JSON line for each
row; numbers are medians over the rounds. CPU is that of the node processes, in seconds for each gigabyte that arrived.
"""
from subjects import Subject, median, netlab, options_of, parser_of, print_results, run, take_turns
from traffic import bits_per_second, iperf, received_bytes

HOPS = {"direct": 2, "relayed": 3, "5 hops": 6}


def make_rows(lab, options):
  kinds = ["mycelium"] + (["deployed"] if options.deployed else [])
  lines = [("bare", 2, "bare link"), ("pump", 2, "pump direct")]
  lines += [(kind, nodes, f"{kind} {name}") for name, nodes in HOPS.items() for kind in kinds]
  rows = [(kind, nodes, name, "tcp") for kind, nodes, name in lines]
  rows += [(kind, 2, f"{kind} {transport}", transport) for transport in ("tls", "quic") for kind in kinds
           if (kind, transport) != ("deployed", "tls") or options.deployed_private]
  return [Subject(lab, options, kind, nodes, name=name, transport=transport) for kind, nodes, name, transport in rows
          if options.only in name]


def measure(subject, options, flows, reverse):
  before = subject.cpu_seconds()
  account = iperf(subject.client, subject.address, options.seconds, reverse, flows=flows)
  gigabytes = received_bytes(account) / 1e9
  return bits_per_second(account) / 1e6, [(end - start) / gigabytes for start, end in zip(before, subject.cpu_seconds())]


def result_of(subject, flows, direction, rounds):
  rates, costs = zip(*rounds)
  return {
    "bench": "throughput",
    "row": subject.name,
    "flows": flows,
    "direction": direction,
    "mbit_per_second": round(median(rates)),
    "mbit_per_second_rounds": [round(rate) for rate in rates],
    "cpu_seconds_per_gb": [round(median(cost), 2) for cost in zip(*costs)],
    "rss_mib": [round(node.rss_kib() / 1024, 1) for node in subject.nodes],
  }


def main():
  parser = parser_of(__doc__.splitlines()[0])
  parser.add_argument("--flows", default="1,4,8,64", help="numbers of TCP flows, each a run of its own")
  parser.add_argument("--back", action="store_true", help="measure the other direction, too")
  options = options_of(parser)
  runs = [(int(flows), reverse) for flows in options.flows.split(",") for reverse in (False, True)[:1 + options.back]]
  netlab.enter()
  rows = []
  with netlab.Lab() as lab:
    subjects = make_rows(lab, options)
    results = take_turns(options.rounds, subjects, lambda subject: [measure(subject, options, *r) for r in runs])
    for i, (flows, reverse) in enumerate(runs):
      for subject in subjects:
        direction = "back" if reverse else "there"
        rows.append(result_of(subject, flows, direction, [measured[i] for measured in results[subject.name]]))
  print_results([("", "row", 18), ("flows", "flows", 6), ("way", "direction", 7), ("Mbit/s", "mbit_per_second", 8),
                 ("CPU s/GB, each node", "cpu_seconds_per_gb", 40)], rows)


run(main)
