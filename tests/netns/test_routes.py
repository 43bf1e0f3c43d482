# SPDX-License-Identifier: Apache-2.0
"""Packets before, without and after a route."""
import subprocess
import time

from netlab import check, wait_for
from traffic import Pings, ping, wait_reachable

# In the overlay, and nobody's.
NOWHERE = "512:3456:789a:bcde:f012:3456:789a:bcde"


def start_ping(namespace, address, count, wait):
  return namespace.start(["ping", "-6", "-n", "-c", str(count), "-i", "0.3", "-W", str(wait), address],
                         stdout=subprocess.PIPE, text=True)


def test_early_packets_wait_for_the_route(lab):
  """The relay comes up while packets are already waiting: they arrive, all of them and in order."""
  spaces = [lab.namespace(name) for name in "abc"]
  left, right = lab.link(spaces[0], spaces[1]), lab.link(spaces[1], spaces[2])
  first = lab.node(spaces[0], peers=[left.address[1]]).start()
  # Its kernel spreads the first answers over all queues of the interface: with one of them, answers tell the order of requests.
  last = lab.node(spaces[2], peers=[right.address[0]], options=["--lanes", "1"]).start()
  relay = lab.node(spaces[1])
  pinging = start_ping(first.namespace, last.address, count=10, wait=30)
  wait_for(lambda: first.api("admin/routes/queried"), "the route is searched for")
  relay.start()
  result = Pings(pinging.communicate(timeout=120)[0])
  check(result.received == result.sent == 10, result.text)
  check(result.replies == sorted(result.replies), f"out of order:\n{result.text}")


def test_no_route_is_told(lab):
  nodes = lab.line("oo")
  wait_reachable(nodes[0].namespace, nodes[1].address)
  started = time.monotonic()
  result = ping(nodes[0].namespace, NOWHERE, count=1, wait=60)
  check(any("No route" in text for _, text in result.errors), result.text)
  check(time.monotonic() - started > 14, f"told before the search for a route was over:\n{result.text}")
  check(result.received == 0, result.text)


def test_no_route_without_peers(lab):
  node = lab.node(lab.namespace("a")).start()
  result = ping(node.namespace, NOWHERE, count=1, wait=60)
  check(any("No route" in text for _, text in result.errors), result.text)


def test_own_subnet_and_foreign_source(lab):
  """Another address of the own /64 does not exist; a source outside the overlay may not use it."""
  node = lab.node(lab.namespace("a")).start()
  neighbour = node.api("admin")["nodeSubnet"].split("/")[0] + "42"
  result = ping(node.namespace, neighbour, count=1, wait=10)
  check(any("Address unreachable" in text for _, text in result.errors), result.text)
  node.namespace.run(["ip", "address", "add", "fd00::1/128", "dev", "lo"])
  done = node.namespace.run(["ping", "-6", "-n", "-c1", "-W10", "-I", "fd00::1", NOWHERE], ok=False)
  # iputils has no words for code 5, source address failed ingress/egress policy.
  check("Unknown code 5" in done.stdout or "policy" in done.stdout, done.stdout)


def test_search_leaves_the_table_clean(lab):
  nodes = lab.line("oo")
  wait_reachable(nodes[0].namespace, nodes[1].address)
  ping(nodes[0].namespace, NOWHERE, count=1, wait=1)
  check(len(nodes[0].api("admin/routes/queried")) >= 1, "no search is under way")
  wait_for(lambda: nodes[0].api("admin/routes/queried") == [], "the search ends", seconds=60)
