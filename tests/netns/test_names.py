# SPDX-License-Identifier: Apache-2.0
"""Peers that are given by name. Each node has a file of hosts of its own, as `ip netns exec` would give it."""
import os
import time

from netlab import check
from traffic import wait_reachable

NAME = "relay.example"


class Hosts:
  """The /etc/hosts that one node sees."""

  def __init__(self, node):
    self.path = os.path.join(node.folder, "hosts")
    self.say("")
    node.arguments = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', self.path,
                      *node.arguments]

  def say(self, text):
    with open(self.path, "w") as file:
      file.write("127.0.0.1 localhost\n" + text + "\n")


def make(lab, protocol):
  a, b = lab.namespace("a"), lab.namespace("b")
  link = lab.link(a, b)
  dialled = lab.node(a, quic=True)
  dialler = lab.node(b, quic=True, peers=[f"{protocol}://{NAME}:9651"])
  return dialled, dialler, Hosts(dialler), link


def check_moves(lab, protocol):
  """The node gets another address, and its name says so: it is reached there."""
  dialled, dialler, hosts, link = make(lab, protocol)
  hosts.say(f"{link.address[0]} {NAME}")
  dialled.start()
  dialler.start()
  wait_reachable(dialler.namespace, dialled.address, seconds=30)
  check([peer["endpoint"]["proto"] for peer in dialler.live_peers()] == [protocol], f"{dialler.live_peers()}")
  check(NAME in str(dialler.live_peers()) or link.address[0] in str(dialler.live_peers()), f"{dialler.live_peers()}")
  for moved in "10.0.1.77", link.address6[0]:
    dialled.kill()
    dialled.namespace.run(["ip", "-4", "address", "flush", "dev", link.interface])
    if ":" not in moved:
      dialled.namespace.run(["ip", "address", "add", moved + "/24", "dev", link.interface])
    hosts.say(f"{moved} {NAME}")
    dialled.start()
    started = time.monotonic()
    wait_reachable(dialler.namespace, dialled.address, seconds=60)
    print(f"reached at {moved} {time.monotonic() - started:.1f} s after its start")
    check(len(dialler.api("admin/peers")) == 1, f"an entry for each address: {dialler.api('admin/peers')}")
  table = dialler.cli("peers", "list").stdout
  check(NAME in table, f"the name is not shown:\n{table}")


def test_tcp_peer_that_moves(lab):
  check_moves(lab, "tcp")


def test_quic_peer_that_moves(lab):
  check_moves(lab, "quic")


def test_name_that_is_made_known_later(lab):
  """Nobody knows it at first: one line says so, and names it."""
  dialled, dialler, hosts, link = make(lab, "tcp")
  dialled.start()
  dialler.start()
  dialler.namespace.run(["sleep", "12"])
  lines = dialler.log_lines(NAME)
  check(len(lines) == 1, f"{len(lines)} lines about the name:\n{dialler.log()}")
  print(lines[0].split(" ", 1)[1].strip())
  hosts.say(f"{link.address[0]} {NAME}")
  wait_reachable(dialler.namespace, dialled.address, seconds=60)


def check_several_addresses(lab, protocol):
  """Of the addresses of a name, the first ones lead to nobody."""
  dialled, dialler, hosts, link = make(lab, protocol)
  hosts.say(f"10.0.1.98 {NAME}\nfd00:1::98 {NAME}\n{link.address[0]} {NAME}")
  dialled.start()
  dialler.start()
  wait_reachable(dialler.namespace, dialled.address, seconds=60)
  check(len(dialler.api("admin/peers")) == 1, f"{dialler.api('admin/peers')}")


def test_several_addresses_over_tcp(lab):
  check_several_addresses(lab, "tcp")


def test_several_addresses_over_quic(lab):
  check_several_addresses(lab, "quic")
