# SPDX-License-Identifier: Apache-2.0
"""Each transport between a deployed node (d) and ours (o), in both roles: in "od" ours is dialled.

MYCELIUM_INTEROP_SECONDS is the length of a TCP run, 10 by default.
"""
import os
import time

from diamond import Diamond
from mixed import make, pair
from netlab import check, wait_for
from node import NETWORK
from traffic import check_every_size, check_tcp, check_udp, ping, start_server, wait_reachable

SECONDS = int(os.environ.get("MYCELIUM_INTEROP_SECONDS", "10"))
UDP_SECONDS = max(3, SECONDS // 3)
# The largest payload of an echo over QUIC: a deployed node closes its link when it is to send more than fits a
# datagram, which follows from what we say fits our path. In bytes: that, less headers of QUIC (with our connection ids
# of 4 bytes), frames and sealing, IPv6 and ICMP.
QUIC_LARGEST = {False: 1472 - 34 - 72 - 48, True: 1452 - 34 - 72 - 48}
LARGEST = 1352


def ours_of(nodes):
  return next(node for node in nodes if not node.deployed)


def theirs_of(nodes):
  return next(node for node in nodes if node.deployed)


def check_pings(nodes, largest):
  for here, there in nodes, nodes[::-1]:
    check_every_size(here.namespace, there.address, last=largest)


def check_traffic(nodes, largest=LARGEST):
  """Both ways, and nobody loses the link meanwhile."""
  ours, theirs = ours_of(nodes), theirs_of(nodes)
  before = [peer["endpoint"] for peer in ours.live_peers()]
  check_pings(nodes, largest)
  start_server(theirs.namespace)
  check_tcp(ours.namespace, theirs.address, SECONDS)
  check_udp(ours.namespace, theirs.address, UDP_SECONDS)
  # What a deployed node sends over QUIC must fit.
  check_udp(ours.namespace, theirs.address, UDP_SECONDS, reverse=True, size=largest)
  check(not ours.lost(), f"the link was lost:\n{ours.log_tail()}\n{theirs.log_tail()}")
  # Two that discovered each other may have a second connection by now.
  after = [peer["endpoint"] for peer in ours.live_peers()]
  check(all(endpoint in after for endpoint in before), f"{before}, then {after}")


def check_restarts(nodes, largest=LARGEST):
  for node in nodes:
    node.kill()
    node.start()
    started = time.monotonic()
    # A deployed node whose remote vanished over QUIC may notice only after 43 to 53 s.
    wait_reachable(nodes[1].namespace, nodes[0].address, seconds=90)
    wait_reachable(nodes[0].namespace, nodes[1].address, seconds=30)
    print(f"restarted {'deployed' if node.deployed else 'own'} node, {'dialled' if node is nodes[0] else 'dialling'}: "
          f"reachable after {time.monotonic() - started:.1f} s")
  check_every_size(nodes[0].namespace, nodes[1].address, first=1000, last=largest)


def check_transport(lab, kinds, protocol, over6=False, largest=LARGEST, shown=None, **options):
  nodes = pair(lab, kinds, protocol, over6, **options)
  protocols = {peer["endpoint"]["proto"] for peer in ours_of(nodes).live_peers()}
  check(protocols == {shown or protocol}, f"connected over {protocols}")
  check_traffic(nodes, largest)
  check_restarts(nodes, largest)
  return nodes


def test_tcp_dialled_by_deployed(lab):
  check_transport(lab, "od", "tcp")


def test_tcp_to_deployed(lab):
  check_transport(lab, "do", "tcp", over6=True)


def check_quic(lab, kinds, over6):
  """And what is too large for the deployed node's datagrams: it closes its link, which is soon there again."""
  largest = QUIC_LARGEST[over6]
  nodes = check_transport(lab, kinds, "quic", over6, largest, quic=True)
  ours, theirs = ours_of(nodes), theirs_of(nodes)
  before = len(ours.lost())
  result = ping(ours.namespace, theirs.address, count=2, size=largest + 1, wait=2)
  wait_for(lambda: result.received == 0 and len(ours.lost()) > before, "a too large answer ends the link")
  wait_reachable(ours.namespace, theirs.address, seconds=30)
  check_pings(nodes, largest)


def test_quic_dialled_by_deployed_over_ip4(lab):
  check_quic(lab, "od", over6=False)


def test_quic_to_deployed_over_ip4(lab):
  check_quic(lab, "do", over6=False)


def test_quic_dialled_by_deployed_over_ip6(lab):
  check_quic(lab, "od", over6=True)


def test_quic_to_deployed_over_ip6(lab):
  check_quic(lab, "do", over6=True)


def test_private_dialled_by_deployed(lab):
  check_transport(lab, "od", "tcp", shown="tls", network=NETWORK)


def test_private_to_deployed(lab):
  check_transport(lab, "do", "tls", over6=True, network=NETWORK)


def test_discovery(lab):
  nodes = pair(lab, "od", discovery=True)
  found = [peer for node in nodes for peer in node.api("admin/peers") if peer["type"] == "linkLocalDiscovery"]
  check(found and all(peer["endpoint"]["proto"] == "tcp" for peer in found), f"connected, but not by beacons: {found}")
  check_traffic(nodes)
  check_restarts(nodes)


def test_discovery_of_private_nodes(lab):
  nodes = pair(lab, "od", discovery=True, network=NETWORK)
  found = [peer for node in nodes for peer in node.api("admin/peers") if peer["type"] == "linkLocalDiscovery"]
  check(found and all(peer["endpoint"]["proto"] == "tls" for peer in found), f"connected, but not by beacons: {found}")
  check_traffic(nodes)


def test_wrong_key_of_a_private_network(lab):
  """Neither side lets the other one in, and ours says why."""
  for kinds in "od", "do":
    spaces = lab.namespace("a"), lab.namespace("b")
    link = lab.link(*spaces)
    dialled = make(lab, kinds[0], spaces[0], network=NETWORK).start()
    dialler = make(lab, kinds[1], spaces[1], network=(NETWORK[0], bytes(32)), peers=[f"tcp://{link.address[0]}:9651"])
    dialler.start()
    ours = ours_of((dialled, dialler))
    wait_for(lambda: ours.log_lines("network key"), f"ours says what is wrong, {kinds}", seconds=20)
    spaces[0].run(["sleep", "6"])
    check(not dialled.live_peers() and not dialler.live_peers(), "connected")
    check(len(ours.log_lines("network key")) == 1, ours.log())


def check_quiet_minute(lab, kinds, protocol, **options):
  """60 s are longer than a node waits for a silent neighbour, and QUIC's idle timeout."""
  nodes = pair(lab, kinds, protocol, **options)
  ours = ours_of(nodes)
  ours.namespace.run(["sleep", "62"])
  check(not ours.lost() and len(ours.live_peers()) == 1, f"the link was lost:\n{ours.log_tail()}")


def test_a_quiet_minute_over_quic(lab):
  check_quiet_minute(lab, "od", "quic", quic=True)


def test_a_quiet_minute_over_quic_to_deployed(lab):
  check_quiet_minute(lab, "do", "quic", over6=True, quic=True)


def test_a_quiet_minute_in_a_private_network(lab):
  check_quiet_minute(lab, "do", "tcp", network=NETWORK)


def check_diamond(lab, ways, deployed_ends):
  """Ends and relays of different kinds, QUIC on one side, TCP on the other: either link is cut."""
  kinds = {"first": "o", "last": "o", "left": "d", "right": "d"}
  if deployed_ends:
    kinds = {"first": "o", "last": "d", "left": "o", "right": "o"}
  diamond = Diamond(lab, lambda space, **options: make(lab, kinds[space.name], space, quic=True, **options), ways=ways)
  for relay in diamond.relays:
    # Cut the other one first, so that this one is used.
    other = next(r for r in diamond.relays if r is not relay)
    way = ways[diamond.relays.index(other)]
    with diamond.flow() as pings:
      pings.wait_answer_after(0)
      moment = time.time()
      diamond.cut(other)
      pings.wait_answer_after(moment + 0.2, seconds=90)
      print(f"{way} cut: {pings.longest_gap(moment):.1f} s without an answer")
      wait_for(lambda: diamond.relay_of(diamond.first, diamond.last) is relay, "the route leads over what is left")
    diamond.mend(other)
    wait_for(diamond.ends_are_connected, "both ends are connected to both relays again", seconds=120)
  wait_reachable(diamond.last.namespace, diamond.first.address)


def test_diamond_with_deployed_relays(lab):
  check_diamond(lab, ("quic", "tcp"), deployed_ends=False)


def test_diamond_with_a_deployed_end(lab):
  check_diamond(lab, ("quic6", "tcp6"), deployed_ends=True)
