# SPDX-License-Identifier: Apache-2.0
"""What a TCP flow and pings beside it see of a path, and of links over it. What they saw can be judged where the guest's clock
is virtual: nothing that happens outside disturbs them."""
import os

from netem import path
from netlab import check
from node import PORT
from traffic import bits_per_second, flow_beside_pings, received_bytes, start_server, wait_reachable

CLOCK_IS_VIRTUAL = os.environ.get("guest_clock") == "virtual"


class Path:
  """Two ends of a path that netem shapes by some settings, with nodes in them unless `transport` is None."""

  def __init__(self, lab, transport, settings):
    self.name = transport or "bare"
    self.client, self.server = lab.namespace(f"{self.name}-a"), lab.namespace(f"{self.name}-b")
    self.nodes = []
    _, self.address = path(lab, self.client, self.server, *settings)
    if transport is not None:
      peer = f"{transport}://{self.address}:{PORT}"
      quic = transport == "quic"
      self.nodes = [lab.node(self.server, quic=quic).start(), lab.node(self.client, quic=quic, peers=[peer]).start()]
      self.address = self.nodes[0].address
    wait_reachable(self.client, self.address)
    start_server(self.server)

  def measure(self, seconds):
    """One flow, and pings beside it; tells what they saw. Returns the flow's bits per second, and p50 and p99 of the pings."""
    before = sum(node.cpu_seconds() for node in self.nodes)
    account, p50, p99 = flow_beside_pings(self.client, self.address, seconds)
    processors = (sum(node.cpu_seconds() for node in self.nodes) - before) / seconds
    sent = account["end"]["sum_sent"]
    print(f"{self.name:5} {bits_per_second(account) / 1e6:6.2f} Mbit/s, sent again {sent['retransmits']} segments of "
          f"{sent['bytes'] / 1e6:.1f} MB ({account['end']['sender_tcp_congestion']}), ping p50 {p50:.1f} ms, "
          f"p99 {p99:.1f} ms, both nodes {processors:.2f} processors")
    check(received_bytes(account) > 0, f"nothing arrived over {self.name}")
    for node in self.nodes:
      check(not node.lost(), f"{node.name} lost its link:\n{node.log_tail()}")
    return bits_per_second(account), p50, p99
