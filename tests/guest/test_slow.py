# SPDX-License-Identifier: Apache-2.0
"""A flow and pings beside it on a slow path, such as a household's way up: a ping waits for little more than the path itself
makes it wait for, since what the flow has too much waits in its queue in the node and not in the kernel behind it."""
from flow import CLOCK_IS_VIRTUAL, Path
from netlab import check

# As many packets as wait for 50 ms.
SLOW = ["rate", "5mbit", "limit", "20"]
PING_ADDED_MAX_MS = 40


def test_flow_beside_pings(lab):
  bare, quic, tcp = (Path(lab, transport, SLOW).measure(lab.seconds) for transport in (None, "quic", "tcp"))
  if CLOCK_IS_VIRTUAL:
    for name, seen in ("QUIC", quic), ("TCP", tcp):
      check(seen[1] <= bare[1] + PING_ADDED_MAX_MS, f"pings take {seen[1]:.1f} ms over {name}, {bare[1]:.1f} on the path itself")
