# SPDX-License-Identifier: Apache-2.0
"""What the tests beside deployed nodes share. A line "odo" is ours, deployed, ours.

Run by tests/netns/run.py --deployed PROGRAM tests/interop.
"""
import re

from netlab import check

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
