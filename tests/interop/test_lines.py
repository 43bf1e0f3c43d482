# SPDX-License-Identifier: Apache-2.0
"""Traffic along lines of our nodes (o) and deployed ones (d).

MYCELIUM_INTEROP_SECONDS is the length of a TCP run, 10 by default.
"""
import os

from mixed import check_no_complaints
from netlab import check
from traffic import check_sizes, check_tcp, check_udp, start_server, wait_reachable

SECONDS = int(os.environ.get("MYCELIUM_INTEROP_SECONDS", "10"))
SIZES = [8, 56, 100, 500, 1000, 1200, 1201, 1232, 1300, 1352]


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


def test_key_file_moves_both_ways(lab):
  nodes = lab.line("od")
  ours = nodes[0].namespace.run([nodes[0].program, "inspect", "-k", nodes[1].key]).stdout
  check(f"Address: {nodes[1].address}" in ours, ours)
  theirs = nodes[1].namespace.run([nodes[1].program, "inspect", "-k", nodes[0].key]).stdout
  check(f"Address: {nodes[0].address}" in theirs, theirs)
