# SPDX-License-Identifier: Apache-2.0
"""Nodes that die, freeze, come back and end."""
import signal

from diamond import Diamond
from netlab import check, wait_for
from traffic import ping, wait_reachable


def diamond(lab):
  """The ends of a diamond and the relay in use; and a function that tells which one is used then."""
  scene = Diamond(lab, lab.node)
  return scene.first, scene.last, scene.used_relay(), lambda: scene.relay_of(scene.first, scene.last)


def test_killed_relay_is_replaced(lab):
  first, last, used, relay = diamond(lab)
  used.kill()
  wait_reachable(first.namespace, last.address)
  check(relay() is not used, "the route still leads through the dead relay")


def test_frozen_relay_is_replaced(lab):
  """The connections stay open, and nobody answers: only the missing answers tell."""
  first, last, used, relay = diamond(lab)
  used.send_signal(signal.SIGSTOP)
  wait_reachable(first.namespace, last.address, seconds=150)
  check(relay() is not used, "the route still leads through the frozen relay")
  used.send_signal(signal.SIGCONT)
  wait_for(lambda: len(first.live_peers()) == 2, "the relay is back", seconds=120)
  check(ping(first.namespace, last.address).received > 0, "unreachable after the relay came back")


def test_killed_node_is_reached_again(lab):
  nodes = lab.line("ooo")
  wait_reachable(nodes[0].namespace, nodes[2].address)
  nodes[2].kill()
  nodes[2].start()
  wait_reachable(nodes[0].namespace, nodes[2].address)


def test_killed_relay_comes_back(lab):
  nodes = lab.line("ooo")
  wait_reachable(nodes[0].namespace, nodes[2].address)
  nodes[1].kill()
  nodes[1].start()
  wait_reachable(nodes[0].namespace, nodes[2].address)


def check_ends_cleanly(lab, number):
  nodes = lab.line("oo")
  wait_reachable(nodes[0].namespace, nodes[1].address)
  node = nodes[0]
  check(node.stop(number) == 0, f"status {node.process.returncode}\n{node.log_tail()}")
  links = node.namespace.run(["ip", "link"]).stdout
  check(node.interface not in links, f"the interface is still there:\n{links}")
  warnings = [line for line in node.log().splitlines() if " WARN " in line or "ERROR" in line]
  check(not warnings, "\n".join(warnings))
  node.start()
  wait_reachable(node.namespace, nodes[1].address)


def test_interrupt_ends_cleanly(lab):
  check_ends_cleanly(lab, signal.SIGINT)


def test_terminate_ends_cleanly(lab):
  check_ends_cleanly(lab, signal.SIGTERM)


def test_removed_interface_has_a_defined_end(lab):
  """Without its interface a node says so and ends, or goes on relaying: it neither spins nor crashes."""
  nodes = lab.line("oo")
  wait_reachable(nodes[0].namespace, nodes[1].address)
  node = nodes[0]
  node.namespace.run(["ip", "link", "del", node.interface])
  wait_for(lambda: not node.running() or node.interface in node.log(), "the node notices", seconds=30)
  if not node.running():
    check(node.process.returncode == 1, f"status {node.process.returncode}\n{node.log_tail()}")
    check(node.interface in node.log(), f"the interface is not named:\n{node.log_tail()}")
    return
  before = node.cpu_seconds()
  ping(node.namespace, "127.0.0.1", count=3, interval=1)
  check(node.cpu_seconds() - before < 1.5, "the node spins")


def test_interface_down_and_up(lab):
  nodes = lab.line("oo")
  wait_reachable(nodes[0].namespace, nodes[1].address)
  node = nodes[0]
  node.namespace.run(["ip", "link", "set", node.interface, "down"])
  ping(nodes[1].namespace, node.address, count=3, wait=1)
  check(node.running(), node.log_tail())
  node.namespace.run(["ip", "link", "set", node.interface, "up"])
  node.namespace.run(["ip", "address", "replace", node.address + "/7", "dev", node.interface])
  wait_reachable(nodes[1].namespace, node.address)
