# SPDX-License-Identifier: Apache-2.0
"""Two nodes over a link with delay and loss, one test for each transport."""
from netem import shape
from netlab import check
from node import PORT
from traffic import ping, wait_reachable

LOSSY = ["delay", "20ms", "5ms", "loss", "1%"]
PINGS = 30


def check_link(lab, url, *options):
  """Nodes of which one has the other as its peer: url is formatted with that one's address and port.

  Returns what pings from each to the other saw.
  """
  a, b = lab.namespace("a"), lab.namespace("b")
  link = lab.link(a, b)
  shape(link, *LOSSY)
  first = lab.node(a, options=options).start()
  peer = url.format(address=link.address[0], port=PORT)
  second = lab.node(b, options=[*options, f"--peers={peer}"]).start()
  results = []
  for node, other in ((first, second), (second, first)):
    wait_reachable(node.namespace, other.address)
    seen = ping(node.namespace, other.address, count=PINGS)
    # Twice 15 ms at least: the packets did take this link.
    check(seen.received > 0 and min(seen.round_trips) >= 30, seen.text)
    results.append(seen)
  return results


def test_tcp(lab):
  for seen in check_link(lab, "tcp://{address}:{port}"):
    # TCP sends again what the link loses.
    check(seen.received == PINGS, seen.text)
