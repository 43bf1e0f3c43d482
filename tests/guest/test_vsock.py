# SPDX-License-Identifier: Apache-2.0
"""Two nodes that have nothing in common but the vsock of their machine."""
from netlab import Skipped, check, wait_for
from node import PORT
from traffic import check_sizes, ping, wait_reachable

LISTEN = "--vsock-listen-port"
# VMADDR_CID_LOCAL: this machine itself, by way of vsock_loopback.
PEER = f"--peers=vsock://1:{PORT}"


def pair(lab):
  a, b = lab.namespace("a"), lab.namespace("b")
  if LISTEN not in a.run([lab.program, "--help"]).stdout:
    raise Skipped(f"the program under test has no option {LISTEN}")
  first = lab.node(a, options=[LISTEN, str(PORT)]).start()
  second = lab.node(b, options=[PEER]).start()
  wait_reachable(second.namespace, first.address)
  return first, second


def test_link(lab):
  """It carries every size, and comes back after the end that listens was away. One test: vsock knows no namespaces, two at
  a time would want the same port."""
  first, second = pair(lab)
  for node, other in ((first, second), (second, first)):
    seen = ping(node.namespace, other.address, count=10)
    check(seen.received == 10, seen.text)
    check_sizes(node.namespace, other.address, [8, 500, 1352])
  check("Vsock" in second.cli("peers", "list").stdout, second.cli("peers", "list").stdout)
  first.kill()
  wait_for(lambda: not second.live_peers(), f"{second.name} sees that its peer is gone")
  first.start()
  wait_reachable(second.namespace, first.address)
