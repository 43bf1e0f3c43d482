# SPDX-License-Identifier: Apache-2.0
"""Each node on the way takes one off the hop limit, the first and the last included (docs/protocol/dataplane.md)."""
from netlab import check
from traffic import ping, wait_reachable


def expires(namespace, address, hop_limit):
  result = ping(namespace, address, count=2, hop_limit=hop_limit, wait=3)
  return result.received == 0 and any("Time exceeded" in text for _, text in result.errors), result


def test_line_of_four(lab):
  nodes = lab.line("oooo")
  first = nodes[0].namespace
  wait_reachable(first, nodes[-1].address)
  for links in 1, 2, 3:
    address = nodes[links].address
    wait_reachable(first, address)
    result = ping(first, address, hop_limit=links + 2)
    check(result.received == result.sent, f"{links} links, hop limit {links + 2}:\n{result.text}")
    expired, result = expires(first, address, links + 1)
    check(expired, f"{links} links, hop limit {links + 1}:\n{result.text}")


def test_expiry_on_a_relay_names_the_relay(lab):
  nodes = lab.line("ooo")
  wait_reachable(nodes[0].namespace, nodes[2].address)
  wait_reachable(nodes[0].namespace, nodes[1].address)
  expired, result = expires(nodes[0].namespace, nodes[2].address, 2)
  check(expired, result.text)
  relay = nodes[1].api("admin")["nodeSubnet"].split("/")[0].rstrip(":")
  check(all(source.startswith(relay) for source, _ in result.errors), f"not from {relay}:\n{result.text}")


def test_local_expiry(lab):
  nodes = lab.line("oo")
  wait_reachable(nodes[0].namespace, nodes[1].address)
  expired, result = expires(nodes[0].namespace, nodes[1].address, 1)
  check(expired, result.text)
  check(all(source == nodes[0].address for source, _ in result.errors), result.text)
