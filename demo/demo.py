#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows the network on this machine alone: four nodes, a relay that dies, and traffic that finds another way.

Needs root for its network namespaces, and neither internet nor peers. Everything it makes vanishes with it, however
it ends.
"""
import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "netns"))

import netlab  # noqa: E402
from node import Node  # noqa: E402
from traffic import bits_per_second, iperf, ping, start_server, wait_reachable  # noqa: E402

PICTURE = """
               +--- B ---+
         A ----+         +---- C        A and C have no link of their own.
               +--- D ---+              What they say is sealed for each other:
                                        B and D carry it and cannot read it.
"""


def say(text=""):
  print(text, flush=True)


def step(number, text):
  say(f"\n[{number}] {text}")


class Network:
  """A and C, with the relays B and D between them."""

  def __init__(self, lab, program):
    spaces = {name: lab.namespace(name) for name in "ABCD"}
    to_b, to_d = lab.link(spaces["A"], spaces["B"]), lab.link(spaces["A"], spaces["D"])
    from_b, from_d = lab.link(spaces["B"], spaces["C"]), lab.link(spaces["D"], spaces["C"])
    self.relays = {to_b.address[1]: "B", to_d.address[1]: "D"}
    peers = {"B": [], "D": [], "A": list(self.relays), "C": [from_b.address[0], from_d.address[0]]}
    self.nodes = {name: Node(lab, spaces[name], program, peers=peers[name], interface="mycelium") for name in "BDAC"}
    for node in self.nodes.values():
      node.start()

  def wait_complete(self):
    for name in "AC":
      netlab.wait_for(lambda: len(self.nodes[name].live_peers()) == 2, f"{name} is connected to both relays")
    wait_reachable(self.nodes["A"].namespace, self.nodes["C"].address)

  def relay_in_use(self):
    route = self.nodes["A"].selected_route(self.nodes["C"])
    return route and next((name for address, name in self.relays.items() if address in route["nextHop"]), None)


class SteadyPing:
  """A ping every 20 ms, of which each answer is kept with its time."""

  INTERVAL = 0.02

  def __init__(self, namespace, address):
    self.process = namespace.start(["ping", "-6", "-n", "-D", "-i", str(self.INTERVAL), address],
                                   stdout=subprocess.PIPE, text=True)

  def longest_gap(self):
    """Ends it; returns the longest time between two answers and how many packets went unanswered."""
    self.process.send_signal(2)
    text = self.process.communicate()[0]
    found = re.findall(r"^\[([\d.]+)\] .*icmp_seq=(\d+) .*time=", text, re.MULTILINE)
    answers = [(float(at), int(number)) for at, number in found]
    gaps = [(later[0] - earlier[0], later[1] - earlier[1] - 1) for earlier, later in zip(answers, answers[1:])]
    return max(gaps, default=(0.0, 0))


def show_addresses(network):
  for name in "ABCD":
    node = network.nodes[name]
    say(f"      {name}  {node.address:<40} {node.rss_kib() / 1024:.0f} MiB of memory")
  say("      Each address is a hash of the node's public key: nobody hands them out, nobody can take them.")


def show_ping(network):
  first, last = network.nodes["A"], network.nodes["C"]
  result = ping(first.namespace, last.address, count=5)
  for line in result.text.splitlines():
    if "time=" in line:
      say("      " + line)
  say(f"      {result.received} of {result.sent} answered, by way of {network.relay_in_use()}.")


def show_throughput(network, seconds):
  first, last = network.nodes["A"], network.nodes["C"]
  start_server(last.namespace)
  account = iperf(first.namespace, last.address, seconds)
  say(f"      {bits_per_second(account) / 1e6:.0f} Mbit/s of TCP, sealed at A, carried by {network.relay_in_use()},"
      " opened at C; everything runs on this one machine.")


def show_repair(network):
  first, last = network.nodes["A"], network.nodes["C"]
  used = network.relay_in_use()
  pinging = SteadyPing(first.namespace, last.address)
  time.sleep(1)
  say(f"      kill -9 {used} ...")
  network.nodes[used].kill()
  wait_reachable(first.namespace, last.address)
  time.sleep(1)
  gap, lost = pinging.longest_gap()
  say(f"      A reaches C again, now by way of {network.relay_in_use()}.")
  say(f"      Longest time between two answers: {gap * 1000:.0f} ms; packets lost: {lost} (one is sent every 20 ms).")


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--program", default=str(ROOT / "build" / "mycelium"))
  parser.add_argument("--seconds", type=int, default=3, help="length of the throughput run")
  options = parser.parse_args()
  if not os.access(options.program, os.X_OK):
    sys.exit(f"demo: no program at {options.program}, run make first")
  netlab.enter()
  with netlab.Lab() as lab:
    say(PICTURE)
    step(1, "Starting four nodes, each in a network of its own")
    network = Network(lab, options.program)
    show_addresses(network)
    step(2, "A pings C, which it has no link to")
    network.wait_complete()
    show_ping(network)
    step(3, f"TCP from A to C for {options.seconds} seconds")
    show_throughput(network, options.seconds)
    step(4, "The relay in use dies without a word")
    show_repair(network)
  say("\nAll nodes and networks of this demonstration are gone again. To join a real network: make run, see README.md.")


if __name__ == "__main__":
  try:
    main()
  except netlab.Failed as error:
    sys.exit(f"demo: {error}")
  except KeyboardInterrupt:
    sys.exit("\ndemo: stopped, everything is cleaned up")
