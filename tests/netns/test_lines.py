# SPDX-License-Identifier: Apache-2.0
"""Traffic between the ends of a line of nodes: everything in between only relays what it cannot read."""
import re

from netlab import check
from traffic import check_sizes, check_tcp, check_udp, ping, start_server, wait_reachable

# Payload bytes of an echo request: up to what fills a packet of 1400 bytes, and around 1280.
SIZES = [8, 56, 100, 500, 1000, 1200, 1201, 1232, 1300, 1352]


def ends(lab, length):
  nodes = lab.line("o" * length)
  wait_reachable(nodes[0].namespace, nodes[-1].address)
  return nodes[0], nodes[-1]


def test_three_ping_all_sizes(lab):
  first, last = ends(lab, 3)
  check_sizes(first.namespace, last.address, SIZES)
  check_sizes(last.namespace, first.address, SIZES)


def test_three_tcp(lab):
  first, last = ends(lab, 3)
  start_server(last.namespace)
  check_tcp(first.namespace, last.address, lab.seconds, steady=not lab.sanitized)


def test_three_udp(lab):
  first, last = ends(lab, 3)
  start_server(last.namespace)
  check_udp(first.namespace, last.address, min(lab.seconds, 5))


def test_five_ping_and_tcp(lab):
  first, last = ends(lab, 5)
  check_sizes(first.namespace, last.address, SIZES)
  start_server(last.namespace)
  check_tcp(first.namespace, last.address, lab.seconds, steady=not lab.sanitized)


def test_interface_is_as_documented(lab):
  node = lab.node(lab.namespace("a")).start()
  shown = node.namespace.run(["ip", "-6", "address", "show", "dev", node.interface]).stdout
  check("mtu 1400" in shown and ",UP" in shown, shown)
  check(f"inet6 {node.address}/7 scope global" in shown, shown)
  routes = node.namespace.run(["ip", "-6", "route"]).stdout
  check(re.search(rf"^400::/7 dev {node.interface}\b", routes, re.MULTILINE), routes)
  result = ping(node.namespace, node.address)
  check(result.received == result.sent, result.text)


def test_relay_without_interface(lab):
  spaces = [lab.namespace(name) for name in "abc"]
  left, right = lab.link(spaces[0], spaces[1]), lab.link(spaces[1], spaces[2])
  relay = lab.node(spaces[1], interface=None).start()
  first = lab.node(spaces[0], peers=[left.address[1]]).start()
  last = lab.node(spaces[2], peers=[right.address[0]]).start()
  wait_reachable(first.namespace, last.address)
  check("tun" not in relay.namespace.run(["ip", "link"]).stdout, "the relay has an interface")


def test_memory_stays_bounded_under_traffic(lab):
  first, last = ends(lab, 3)
  start_server(last.namespace)
  nodes = lab.nodes
  check_tcp(first.namespace, last.address, min(lab.seconds, 5), steady=False)
  before = [node.rss_kib() for node in nodes]
  check_tcp(first.namespace, last.address, min(lab.seconds, 5), steady=False)
  for node, kib in zip(nodes, before):
    # Sanitizers keep freed memory for a while.
    growth, limit = node.rss_kib() - kib, (300 if lab.sanitized else 16) * 1024
    check(growth < limit, f"{node.name} grew by {growth} KiB from {kib} KiB under the same traffic")
