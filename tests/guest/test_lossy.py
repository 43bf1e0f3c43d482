# SPDX-License-Identifier: Apache-2.0
"""A flow and pings beside it on a path with delay and loss: on the path itself, and through links of both kinds.

A long flow over QUIC keeps more than 80 % of the path; what a short one gets is a matter of the few losses that it meets, so for
it the bound is far lower.
"""
from flow import CLOCK_IS_VIRTUAL, Path
from netlab import check

LOSSY = ["delay", "20ms", "5ms", "loss", "1%"]
PING_ADDED_MAX_MS = 30
FLOW_PART_MIN = 0.25


def test_flow_beside_pings(lab):
  bare, quic, _ = (Path(lab, transport, LOSSY).measure(lab.seconds) for transport in (None, "quic", "tcp"))
  if CLOCK_IS_VIRTUAL:
    check(quic[0] >= FLOW_PART_MIN * bare[0], f"a flow carries {quic[0]:.0f} bit/s over QUIC, {bare[0]:.0f} on the path itself")
    check(quic[2] <= bare[2] + PING_ADDED_MAX_MS, f"pings take {quic[2]:.1f} ms over QUIC, {bare[2]:.1f} on the path itself (p99)")
