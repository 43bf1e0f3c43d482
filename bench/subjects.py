# SPDX-License-Identifier: Apache-2.0
"""What is measured: a bare link, the pump, lines of nodes, lines of deployed nodes; and rounds in which they take turns.

Everything runs on this one machine and shares its processors, and a noisy machine disturbs all alike: compare rows of one
run, not runs of different machines.
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
from node import NETWORK, Node, endpoint  # noqa: E402
from traffic import start_server, wait_reachable  # noqa: E402


def slow_link(link, rate="100mbit"):
  """Makes a link one of this rate each way, with 50 ms of room in front of it."""
  bucket = ["tbf", "rate", rate, "burst", "32kb", "latency", "50ms"]
  for namespace in link.first, link.second:
    namespace.run(["tc", "qdisc", "add", "dev", link.interface, "root", *bucket])


class Pump:
  """One end of bench/pump, as far as a node is asked for it here."""

  def __init__(self, lab, space, program, address, arguments):
    self.address = address
    self.process = space.start([program, "tun0", address, *arguments])

  proc, cpu_seconds, rss_kib = Node.proc, Node.cpu_seconds, Node.rss_kib


class Subject:
  """Namespaces in a line with something that carries packets between its ends. `kind`: bare, pump, mycelium, deployed.
  `transport` of the nodes: tcp, quic, tls. `connect(a, b)` makes a link of two namespaces, default: a veth pair."""

  def __init__(self, lab, options, kind, nodes=2, shape=None, name=None, transport="tcp", connect=None):
    self.kind = kind
    self.name = name or {2: f"{kind} direct", 3: f"{kind} relayed"}.get(nodes, f"{kind} {nodes - 1} hops")
    if kind == "bare":
      self.name = name or "bare link"
    self.spaces = [lab.namespace("abcdefgh"[i]) for i in range(nodes)]
    self.links = [(connect or lab.link)(*pair) for pair in zip(self.spaces, self.spaces[1:])]
    for link in self.links:
      if shape is not None:
        shape(link)
    self.nodes = []
    self.client, self.server = self.spaces[0], self.spaces[-1]
    if kind == "bare":
      self.address = self.links[-1].address[1]
    elif kind == "pump":
      self.nodes = [Pump(lab, self.client, options.pump, "400::1", ["listen", "9651"]),
                    Pump(lab, self.server, options.pump, "400::2", ["connect", self.links[0].address[0], "9651"])]
    else:
      self.start_nodes(lab, options, transport)
    if self.nodes:
      self.address = self.nodes[-1].address
      wait_reachable(self.client, self.address)
    start_server(self.server)

  def start_nodes(self, lab, options, transport):
    deployed = self.kind == "deployed"
    program = options.program
    if deployed:
      program = options.deployed_private if transport == "tls" else options.deployed
    for i, space in enumerate(self.spaces):
      # A private node of the deployed kind dials tcp:// with TLS, too.
      peers = [endpoint("quic" if transport == "quic" else "tcp", self.links[i - 1].address[0])] if i > 0 else []
      self.nodes.append(Node(lab, space, program, deployed=deployed, peers=peers, quic=transport == "quic",
                             network=NETWORK if transport == "tls" else None,
                             options=[] if deployed else options.node_options).start())
      # A deployed node loses its QUIC link over a packet that does not fit a datagram.
      if deployed and transport == "quic":
        space.run(["ip", "link", "set", "tun0", "mtu", "1300"])

  def cpu_seconds(self):
    return [node.cpu_seconds() for node in self.nodes]


def parser_of(description, rounds=5, seconds=3):
  parser = argparse.ArgumentParser(description=description)
  parser.add_argument("--program", default=str(ROOT / "build-release" / "src" / "mycelium"))
  parser.add_argument("--pump", help="default: the pump of the same build folder")
  parser.add_argument("--deployed", default=os.environ.get("MYCELIUM_REFERENCE"), help="a deployed node beside it")
  parser.add_argument("--deployed-private", default=os.environ.get("MYCELIUM_REFERENCE_PRIVATE"),
                      help="one that can be in private networks")
  parser.add_argument("--rounds", type=int, default=rounds)
  parser.add_argument("--seconds", type=int, default=seconds, help="length of each run")
  parser.add_argument("--node-options", type=str.split, default=[], help="further options of this program's nodes")
  parser.add_argument("--only", default="", help="rows whose name contains this")
  return parser


def options_of(parser):
  """Parses, and fills in what depends on other options; ends the program when something is missing."""
  options = parser.parse_args()
  program = os.path.realpath(options.program)
  options.pump = options.pump or os.path.join(os.path.dirname(os.path.dirname(program)), "bench", "pump")
  for path in options.program, options.pump:
    if not os.access(path, os.X_OK):
      sys.exit(f"{parser.prog}: no program at {path}, run make bench first, or name one with --program and --pump")
  return options


def median(values):
  return statistics.median(values)


def take_turns(rounds, subjects, measure):
  """Measures each subject once in each round. Returns for each subject the list of what measure() gave."""
  results = {subject.name: [] for subject in subjects}
  for number in range(rounds):
    print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    for subject in subjects:
      results[subject.name].append(measure(subject))
  return results


def print_results(columns, rows):
  """A table of (title, key, width) columns, then a JSON line for each row."""
  print("".join(f"{title:>{width}}" if i else f"{title:<{width}}" for i, (title, _, width) in enumerate(columns)))
  for row in rows:
    cells = [row.get(key) for _, key, _ in columns]
    cells = ["" if cell is None else "  ".join(map(str, cell)) if isinstance(cell, list) else str(cell) for cell in cells]
    print("".join(f"{cell:>{width}}" if i else f"{cell:<{width}}"
                  for i, (cell, (_, _, width)) in enumerate(zip(cells, columns))).rstrip())
  print()
  for row in rows:
    print(json.dumps(row))


def run(main):
  """Runs main() with the answers a person expects."""
  name = os.path.basename(sys.argv[0])
  try:
    main()
  except netlab.Failed as error:
    sys.exit(f"{name}: {error}")
  except KeyboardInterrupt:
    sys.exit(f"{name}: stopped")
