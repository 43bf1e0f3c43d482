#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many real nodes for a long time, with churn, cuts, stops and floods; in the end nothing may be lost.

    tests/netns/soak.py [--program build/mycelium] [--minutes 60] [--nodes 30] [--seed N] [--rest-every SECONDS] [--tally FILE]

Nodes form a ring with random chords, each in a namespace of its own. A script, random but repeatable by its seed, kills
and restarts nodes, cuts links without a word, stops processes and lets strangers flood nodes, while everybody pings
somebody. A third of the nodes is never restarted. At rest, every few minutes and at the end, every pair must be
reachable, no node may have more descriptors than at the start, and none of those that lived on more memory than the
first rests left them. Ends with one line "N passed, N failed" like the other tests.
"""
import argparse
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import echo  # noqa: E402
import hostile  # noqa: E402
import netlab  # noqa: E402
from netlab import Failed, check, wait_for  # noqa: E402
from node import Node  # noqa: E402

CHORDS_PER_NODE = 0.5
REST_SECONDS_MAX = 150
GROWTH_MAX_KIB = 8 * 1024
GROWTH_SANITIZED_MAX_KIB = 600 * 1024


def say(text):
  print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


class Soak:
  def __init__(self, lab, options):
    self.lab, self.options, self.chance = lab, options, random.Random(options.seed)
    self.spaces = [lab.namespace(f"n{i}") for i in range(options.nodes)]
    self.links = [(a, b, lab.link(self.spaces[a], self.spaces[b])) for a, b in self.pairs(options.nodes)]
    self.nodes = [self.make(i) for i in range(options.nodes)]
    self.cut, self.down, self.stopped = set(), set(), set()
    self.first_rests, self.counts, self.killed = [], {}, set()
    # A second interface for strangers, so that they do not share the address of an honest peer.
    self.stranger = lab.namespace("stranger")
    self.attacked = [lab.link(self.spaces[i], self.stranger) for i in range(min(3, options.nodes))]

  def pairs(self, count):
    pairs = {(i, (i + 1) % count) for i in range(count)}
    while len(pairs) < count * (1 + CHORDS_PER_NODE):
      a, b = self.chance.sample(range(count), 2)
      if (a, b) not in pairs and (b, a) not in pairs:
        pairs.add((a, b))
    return sorted(pairs)

  def make(self, i):
    """The second end of each link dials the first one."""
    peers = [link.address[0] for a, b, link in self.links if b == i]
    return Node(self.lab, self.spaces[i], self.options.program, peers=peers)

  def start(self):
    for node in self.nodes:
      node.spawn()
    for node in self.nodes:
      node.address = wait_for(node._own_address, f"{node.name} answers on its API")

  # What happens, and how it is undone.

  def kill(self):
    """Nodes of the last two thirds only: the others show what a long life costs."""
    i = self.chance.randrange(len(self.nodes) // 3, len(self.nodes))
    if i in self.down or i in self.stopped:
      return
    self.nodes[i].kill()
    self.down.add(i)
    self.killed.add(i)

  def restart(self):
    if self.down:
      i = self.chance.choice(sorted(self.down))
      self.nodes[i].spawn()
      self.down.remove(i)

  def blackhole(self, number, verb):
    a, b, link = self.links[number]
    self.spaces[a].run(["ip", "route", verb, "blackhole", link.address[1] + "/32"])
    self.spaces[b].run(["ip", "route", verb, "blackhole", link.address[0] + "/32"])

  def cut_link(self):
    number = self.chance.randrange(len(self.links))
    if number not in self.cut and len(self.cut) < len(self.links) // 4:
      self.blackhole(number, "add")
      self.cut.add(number)

  def mend_link(self):
    if self.cut:
      number = self.chance.choice(sorted(self.cut))
      self.blackhole(number, "del")
      self.cut.remove(number)

  def stop(self):
    i = self.chance.randrange(len(self.nodes))
    if i not in self.down and i not in self.stopped:
      self.nodes[i].send_signal(signal.SIGSTOP)
      self.stopped.add(i)

  def go_on(self):
    if self.stopped:
      i = self.chance.choice(sorted(self.stopped))
      self.nodes[i].send_signal(signal.SIGCONT)
      self.stopped.remove(i)

  def flood(self):
    """A stranger asks, tells and sends nonsense to one of the first nodes, 10 000 frames in about a second."""
    link = self.chance.choice(self.attacked)
    try:
      peer = hostile.Peer(self.stranger, link.address[0])
    except OSError:
      return
    peer.socket.settimeout(2)
    kind = self.chance.randrange(4)
    for _ in range(100):
      frames = []
      for _ in range(100):
        prefix = f"5{self.chance.randrange(256):02x}:{self.chance.randrange(65536):x}::"
        frames.append([lambda: hostile.route_request(prefix), lambda: hostile.update(prefix, 64, metric=1),
                       lambda: hostile.data(prefix, self.nodes[0].address, bytes(200)),
                       lambda: self.chance.randbytes(60)][kind]())
      if not peer.send(b"".join(frames)):
        break
      time.sleep(0.005)
    peer.close()

  def traffic(self):
    """Somebody pings everybody for a while; who is unreachable now may be so."""
    source = self.chance.choice(self.spaces)
    some = [node.address for node in self.chance.sample(self.nodes, min(8, len(self.nodes)))]
    threading.Thread(target=echo.unanswered, args=(source, some, 5, 0.2), daemon=True).start()

  def churn(self, until):
    """Undoing is as likely as doing, so that about half of what can be broken is."""
    happenings = [self.kill, self.restart, self.restart, self.cut_link, self.mend_link, self.stop, self.go_on,
                  self.go_on, self.flood, self.traffic, self.traffic, self.traffic]
    while time.monotonic() < until:
      happening = self.chance.choice(happenings)
      happening()
      self.counts[happening.__name__] = self.counts.get(happening.__name__, 0) + 1
      self.check_running()
      time.sleep(self.chance.uniform(0.1, 1))

  # At rest.

  def check_running(self):
    for i, node in enumerate(self.nodes):
      check(i in self.down or node.running(), f"{node.name} ended by itself:\n{node.log_tail()}")

  def heal(self):
    while self.down:
      self.restart()
    while self.cut:
      self.mend_link()
    while self.stopped:
      self.go_on()

  def degree(self, i):
    return sum(i in (a, b) for a, b, _ in self.links)

  def settled(self):
    """Every link has exactly one connection, as at the start: also those that nobody reads any more are gone."""
    try:
      return all(len(node.live_peers()) == self.degree(i) for i, node in enumerate(self.nodes))
    except OSError:
      return False

  def unreachable_pairs(self):
    found = []

    def ask(node):
      others = [other.address for other in self.nodes if other is not node]
      found.extend((node.name, other) for other in echo.unanswered(node.namespace, others, 60))

    threads = [threading.Thread(target=ask, args=(node,)) for node in self.nodes]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join()
    return found

  def rest(self, limit):
    """Heals everything and compares. Returns what to compare with later."""
    self.heal()
    began = time.monotonic()
    wait_for(self.settled, "every link is connected again", REST_SECONDS_MAX, every=1)
    unreachable = self.unreachable_pairs()
    check(not unreachable, f"{len(unreachable)} pairs are unreachable: {unreachable[:10]}")
    seconds = time.monotonic() - began
    state = [(node.descriptors(), node.rss_kib()) for node in self.nodes]
    say(f"rest: {len(self.nodes) * (len(self.nodes) - 1)} pairs reachable after {seconds:.1f} s, descriptors "
        f"{sum(d for d, _ in state)}, most memory {max(r for _, r in state)} KiB, so far {self.counts}")
    if limit:
      self.compare(state)
    return state

  def compare(self, state):
    limit = GROWTH_SANITIZED_MAX_KIB if self.options.sanitized else GROWTH_MAX_KIB
    for i, (node, (descriptors, rss)) in enumerate(zip(self.nodes, state)):
      # A request to the API that just ended may still have its descriptor.
      check(descriptors <= self.first_rests[0][i][0] + 1,
            f"{node.name}: {descriptors} descriptors instead of {self.first_rests[0][i][0]}")
      before = max(rest[i][1] for rest in self.first_rests)
      check(i in self.killed or rss - before < limit, f"{node.name}: memory grew from {before} to {rss} KiB")

  def run(self):
    end = time.monotonic() + 60 * self.options.minutes
    say(f"{len(self.nodes)} nodes, {len(self.links)} links, {self.options.minutes:g} minutes, seed {self.options.seed}")
    self.start()
    # What every node needs once, for routes to all others and for its first churn, is no loss.
    self.first_rests.append(self.rest(limit=False))
    self.churn(min(end, time.monotonic() + min(self.options.rest_every, 15 * self.options.minutes)))
    self.first_rests.append(self.rest(limit=False))
    while time.monotonic() < end:
      self.churn(min(end, time.monotonic() + self.options.rest_every))
      self.rest(limit=True)
    self.report()

  def report(self):
    lived = [i for i in range(len(self.nodes)) if i not in self.killed]
    growth = [self.nodes[i].rss_kib() - self.first_rests[-1][i][1] for i in lived]
    say(f"the {len(lived)} nodes that lived through all of it grew by {min(growth)} to {max(growth)} KiB since the "
        "second rest")
    for node in self.nodes:
      node.killed = False
      node.check_end()


def parse():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--program", default="build/mycelium", help="the node under test")
  parser.add_argument("--minutes", type=float, default=60)
  parser.add_argument("--nodes", type=int, default=30)
  parser.add_argument("--rest-every", type=float, default=240, metavar="SECONDS", help="between two rests")
  parser.add_argument("--seed", type=int, default=int(time.time()))
  parser.add_argument("--sanitized", action="store_true", help="the program keeps freed memory for a while")
  parser.add_argument("--tally", help="write PASSED FAILED SKIPPED to this file instead of printing the count")
  options = parser.parse_args()
  options.program = os.path.abspath(options.program)
  return options


def main():
  options = parse()
  if not os.access(options.program, os.X_OK):
    sys.exit(f"soak: no program at {options.program}, run make first")
  if netlab.INSIDE not in os.environ and netlab.why_not() is not None:
    say(f"soak skipped: {netlab.why_not()}")
    return finish(options, 0, 0, 1)
  netlab.enter()
  with netlab.Lab() as lab:
    soak = Soak(lab, options)
    try:
      soak.run()
    except Failed as error:
      print(f"FAILED  soak, seed {options.seed}: {error}", flush=True)
      for node in soak.nodes:
        print(node.log_tail(8))
      return finish(options, 0, 1, 0)
  say(f"ok, seed {options.seed}")
  return finish(options, 1, 0, 0)


def finish(options, passed, failed, skipped):
  if options.tally:
    Path(options.tally).write_text(f"{passed} {failed} {skipped}\n")
  else:
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
  return 1 if failed else 0


if __name__ == "__main__":
  try:
    sys.exit(main())
  except KeyboardInterrupt:
    sys.exit("soak: stopped, everything is cleaned up")
