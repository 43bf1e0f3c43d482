# SPDX-License-Identifier: Apache-2.0
"""Lines of our nodes (o) and deployed ones (d): what works between deployed nodes works with ours among them.

Run by tests/netns/run.py --deployed PROGRAM tests/interop. MYCELIUM_INTEROP_SECONDS is the length of a TCP run, 10 by default.
"""
import os
import re

from netlab import check, wait_for
from traffic import check_sizes, check_tcp, check_udp, ping, start_server, wait_reachable

SECONDS = int(os.environ.get("MYCELIUM_INTEROP_SECONDS", "10"))
SIZES = [8, 56, 100, 500, 1000, 1200, 1201, 1232, 1300, 1352]
# In the overlay, and nobody's.
NOWHERE = "512:3456:789a:bcde:f012:3456:789a:bcde"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def complaints(node):
  """Lines of a node's log above info."""
  lines = (COLOUR.sub("", line) for line in node.log().splitlines())
  return [line for line in lines if re.search(r" (WARN|ERROR) |panicked", line)]


def check_no_complaints(nodes):
  for node in nodes:
    check(not complaints(node), f"{node.name} complains:\n" + "\n".join(complaints(node)))


def check_line(lab, kinds):
  nodes = lab.line(kinds)
  first, last = nodes[0], nodes[-1]
  wait_reachable(first.namespace, last.address)
  check_sizes(first.namespace, last.address, SIZES)
  check_sizes(last.namespace, first.address, SIZES)
  start_server(last.namespace)
  check_tcp(first.namespace, last.address, SECONDS)
  check_udp(first.namespace, last.address, 3)
  check_no_complaints(nodes)


def test_ours_deployed_ours(lab):
  check_line(lab, "odo")


def test_deployed_ours_deployed(lab):
  check_line(lab, "dod")


def test_ours_ours_deployed(lab):
  check_line(lab, "ood")


def test_deployed_deployed_ours(lab):
  check_line(lab, "ddo")


def check_restart(lab, kinds, restarted):
  nodes = lab.line(kinds)
  first, last = nodes[0], nodes[-1]
  wait_reachable(first.namespace, last.address)
  nodes[restarted].kill()
  nodes[restarted].start()
  wait_reachable(first.namespace, last.address)
  wait_reachable(last.namespace, first.address)


def test_restarted_deployed_node_is_reached_again(lab):
  check_restart(lab, "ood", 2)


def test_restarted_deployed_relay_is_used_again(lab):
  check_restart(lab, "odo", 1)


def test_restarted_node_is_reached_by_deployed(lab):
  check_restart(lab, "ddo", 2)


def test_restarted_relay_is_used_by_deployed(lab):
  check_restart(lab, "dod", 1)


def check_time_exceeded(lab, kinds):
  """The relay's report about an expired packet is understood at the end that sent it."""
  first, relay, last = lab.line(kinds)
  wait_reachable(first.namespace, last.address)
  wait_reachable(first.namespace, relay.address)
  own = relay.api("admin")["nodeSubnet"].split("/")[0].rstrip(":")
  for size in 56, 1000:
    result = ping(first.namespace, last.address, size=size, hop_limit=2, wait=5)
    told = [source for source, text in result.errors if "Time exceeded" in text]
    check(told and all(source.startswith(own) for source in told), f"{size} bytes, relay {own}:\n{result.text}")
  result = ping(first.namespace, last.address, hop_limit=4)
  check(result.received == result.sent, result.text)


def test_time_exceeded_from_deployed_relay(lab):
  check_time_exceeded(lab, "odo")


def test_time_exceeded_told_to_deployed(lab):
  check_time_exceeded(lab, "doo")


def check_no_route_told(lab, kinds):
  """When the far end vanishes, the relay tells the near end that it has no route."""
  first, relay, last = lab.line(kinds)
  wait_reachable(first.namespace, last.address)
  wait_reachable(first.namespace, relay.address)
  last.kill()

  def told():
    result = ping(first.namespace, last.address, count=1, wait=1)
    return any("No route" in text for _, text in result.errors)

  wait_for(told, f"{first.name} is told that there is no route", seconds=60)


def test_no_route_with_deployed_relay(lab):
  check_no_route_told(lab, "odo")


def test_no_route_told_to_deployed(lab):
  check_no_route_told(lab, "doo")


def test_no_route_in_a_mixed_network(lab):
  nodes = lab.line("od")
  wait_reachable(nodes[0].namespace, nodes[1].address)
  for node in nodes:
    result = ping(node.namespace, NOWHERE, count=1, wait=60)
    check(any("No route" in text for _, text in result.errors), f"{node.name}:\n{result.text}")


def test_a_quiet_minute_leaves_the_connection(lab):
  """Hello and IHU are understood both ways: 60 s are longer than a node waits for a silent neighbour."""
  nodes = lab.line("od")
  wait_reachable(nodes[0].namespace, nodes[1].address)
  hop = nodes[0].selected_route(nodes[1])["nextHop"]
  nodes[0].namespace.run(["sleep", "60"])
  route = nodes[0].selected_route(nodes[1])
  check(route is not None and route["nextHop"] == hop, f"the connection {hop} was lost:\n{route}")
  check_no_complaints(nodes)


def test_key_file_moves_both_ways(lab):
  nodes = lab.line("od")
  ours = nodes[0].namespace.run([nodes[0].program, "inspect", "-k", nodes[1].key]).stdout
  check(f"Address: {nodes[1].address}" in ours, ours)
  theirs = nodes[1].namespace.run([nodes[1].program, "inspect", "-k", nodes[0].key]).stdout
  check(f"Address: {nodes[0].address}" in theirs, theirs)
