# SPDX-License-Identifier: Apache-2.0
"""What the tests beside deployed nodes share. A line "odo" is ours, deployed, ours.

Run by tests/netns/run.py --deployed PROGRAM tests/interop.
"""
import re

from netlab import check, wait_for
from node import endpoint
from traffic import wait_reachable

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


def make(lab, kind, space, **options):
  """A node, not started: ours or a deployed one."""
  if kind == "o":
    return lab.node(space, **options)
  return (lab.deployed if options.get("network") is None else lab.deployed_private)(space, **options)


def pair(lab, kinds, protocol=None, over6=False, **options):
  """Two started nodes: the second one dials the first one, or nobody is told of anybody."""
  spaces = lab.namespace("a"), lab.namespace("b")
  link = lab.link(*spaces)
  if protocol is None:
    # A deployed node looks once, and then only after a minute.
    for space in spaces:
      show = ["ip", "-6", "address", "show", "dev", link.interface, "scope", "link"]
      wait_for(lambda: "fe80" in space.run(show).stdout, "the interface has its address")
  peers = [endpoint(protocol, (link.address6 if over6 else link.address)[0])] if protocol is not None else []
  nodes = [make(lab, kinds[0], spaces[0], **options), make(lab, kinds[1], spaces[1], peers=peers, **options)]
  for node in nodes:
    node.start()
  wait_reachable(spaces[1], nodes[0].address)
  wait_reachable(spaces[0], nodes[1].address)
  return nodes
