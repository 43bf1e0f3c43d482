# SPDX-License-Identifier: Apache-2.0
"""ICMP errors cross between our nodes (o) and deployed ones (d), in both directions."""
from mixed import NOWHERE
from netlab import check, wait_for
from traffic import ping, wait_reachable


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
