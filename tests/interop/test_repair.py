# SPDX-License-Identifier: Apache-2.0
"""Nodes that are killed and started again, and neighbours that must not take each other for dead."""
from mixed import check_no_complaints
from netlab import check
from traffic import wait_reachable


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


def test_a_quiet_minute_leaves_the_connection(lab):
  """Hello and IHU are understood both ways: 60 s are longer than a node waits for a silent neighbour."""
  nodes = lab.line("od")
  wait_reachable(nodes[0].namespace, nodes[1].address)
  hop = nodes[0].selected_route(nodes[1])["nextHop"]
  nodes[0].namespace.run(["sleep", "60"])
  route = nodes[0].selected_route(nodes[1])
  check(route is not None and route["nextHop"] == hop, f"the connection {hop} was lost:\n{route}")
  check_no_complaints(nodes)
