# SPDX-License-Identifier: Apache-2.0
"""Two ends with two relays between them, what can befall them, and a flow of packets that notices.

               +--- left ---+
      first ---+            +--- last
               +--- right --+

For tests (does the flow come back, is nobody given up wrongly) and for bench/recovery.py (after how long).
"""
import os
import re
import signal
import time

from netlab import check, wait_for
from node import endpoint
from slow_wire import SlowWire
from traffic import wait_reachable

FLOW_INTERVAL = 0.02


class Flow:
  """Echo requests every 20 ms, for as long as `with` lasts; what came back can be asked for at any time."""

  def __init__(self, namespace, address, path, interval=FLOW_INTERVAL):
    self.namespace, self.address, self.path, self.interval = namespace, address, path, interval

  def __enter__(self):
    arguments = ["ping", "-6", "-n", "-D", "-i", str(self.interval), "-s", "56", self.address]
    with open(self.path, "wb") as file:
      self.process = self.namespace.start(arguments, stdout=file, stderr=file)
    return self

  def __exit__(self, *_):
    self.process.send_signal(signal.SIGINT)
    self.process.wait()

  def arrivals(self):
    """When answers came, in seconds of the system's clock."""
    with open(self.path, errors="replace") as file:
      return [float(t) for t in re.findall(r"^\[(\d+\.\d+)\] \d+ bytes from", file.read(), re.MULTILINE)]

  def wait_answer_after(self, moment, seconds=120):
    """Waits for an answer later than a moment; returns when it came."""
    def answer():
      arrivals = self.arrivals()
      return next((t for t in arrivals if t > moment), None) if arrivals and arrivals[-1] > moment else None
    return wait_for(answer, f"{self.namespace.name} hears from {self.address} again", seconds, every=0.05)

  def longest_gap(self, since):
    """The longest time without an answer, from a moment to the last answer, beyond the interval of the flow."""
    arrivals = [since] + [t for t in self.arrivals() if t > since]
    return max((b - a for a, b in zip(arrivals, arrivals[1:])), default=0) - self.interval


class Diamond:
  """make(namespace, peers=[endpoints]) makes a node, not yet started. With last_is_dialled the relays dial the last
  node, else it dials them. With slow, the links of the first node can be delayed. ways: what connects the left and the
  right side, with a 6 behind it over IPv6."""

  def __init__(self, lab, make, last_is_dialled=False, slow=False, ways=("tcp", "tcp")):
    self.lab, self.ways = lab, ways
    self.spaces = {name: lab.namespace(name) for name in ("first", "left", "right", "last")}
    connect = (lambda a, b: SlowWire(lab, a, b)) if slow else lab.link
    self.near = [connect(self.spaces["first"], self.spaces[name]) for name in ("left", "right")]
    self.far = [lab.link(self.spaces[name], self.spaces["last"]) for name in ("left", "right")]
    peers_of_relays = [[end] if last_is_dialled else [] for end in self._endpoints(self.far, 1)]
    self.relays = [make(self.spaces[name], peers=peers) for name, peers in zip(("left", "right"), peers_of_relays)]
    self.first = make(self.spaces["first"], peers=self._endpoints(self.near, 1))
    self.last = make(self.spaces["last"], peers=[] if last_is_dialled else self._endpoints(self.far, 0))
    # Who is dialled is there first: an attempt in vain is repeated only after seconds.
    for node in [self.last] * last_is_dialled + self.relays + [self.first] + [self.last] * (not last_is_dialled):
      node.start()
    self.wait_complete()

  def _endpoints(self, links, side):
    return [endpoint(way.rstrip("6"), (link.address6 if way.endswith("6") else link.address)[side])
            for way, link in zip(self.ways, links)]

  def ends_are_connected(self):
    return all(len(node.live_peers()) == 2 for node in (self.first, self.last))

  def wait_complete(self):
    wait_for(self.ends_are_connected, "both ends are connected to both relays")
    wait_reachable(self.first.namespace, self.last.address)
    wait_reachable(self.last.namespace, self.first.address)

  def relay_of(self, end, other):
    """The relay that an end uses towards the other, or None."""
    links, side = (self.near, 1) if end is self.first else (self.far, 0)
    route = end.selected_route(other)
    found = route and [i for i in (0, 1) if any(text in route["nextHop"] for text in self._addresses(links[i], side))]
    return self.relays[found[0]] if found else None

  @staticmethod
  def _addresses(link, side):
    return [link.address[side]] + ([link.address6[side]] if hasattr(link, "address6") else [])

  def used_relay(self):
    """The relay that carries what goes from the first to the last node."""
    return wait_for(lambda: self.relay_of(self.first, self.last), "the first node has a route to the last")

  def flow(self):
    path = os.path.join(self.lab.folder, f"flow-{len(self.lab.processes)}")
    return Flow(self.first.namespace, self.last.address, path)

  # What can befall them.

  def _neighbours(self, relay):
    i = self.relays.index(relay)
    return self.near[i].address[0], self.far[i].address[1]

  def silence(self, relay):
    """From now on the relay can send nothing to either end: to them it vanishes without a word."""
    for address in self._neighbours(relay):
      relay.namespace.run(["ip", "route", "add", "blackhole", address + "/32"])

  def unsilence(self, relay):
    for address in self._neighbours(relay):
      relay.namespace.run(["ip", "route", "del", "blackhole", address + "/32"])

  def cut(self, relay):
    """The first node's link to a relay carries nothing any more, and nobody is told."""
    self.near[self.relays.index(relay)].cut()

  def mend(self, relay):
    self.near[self.relays.index(relay)].mend()

  def stop_for(self, relay, seconds):
    relay.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    relay.send_signal(signal.SIGCONT)

  def limit_rate(self, megabits):
    """Makes every link of the relays slow enough to be filled, with a queue of 50 ms."""
    for relay in self.relays:
      i = self.relays.index(relay)
      interface = self.near[i].interface
      for space, name in (self.first.namespace, interface), (relay.namespace, self.far[i].interface):
        space.run(["tc", "qdisc", "replace", "dev", name, "root", "tbf", "rate", f"{megabits}mbit", "burst", "64k",
                   "latency", "50ms"])

  def connections(self):
    """The connections of the relays, by their ends: an interrupted one does not come back under the same."""
    found = set()
    for relay in self.relays:
      lines = relay.namespace.run(["ss", "-Htn", "state", "established"]).stdout.splitlines()
      found |= {tuple(line.split()[2:4]) for line in lines if ":9651" in line and "127.0.0.1" not in line}
    return found


def check_no_false_alarm(before, diamond, what):
  lost = before - diamond.connections()
  check(not lost, f"{what}: given up without cause: {sorted(lost)}")
