# SPDX-License-Identifier: Apache-2.0
"""A flow through a diamond: it comes back after a failure, and nobody is given up who only is slow.

Nothing here asserts how fast: bench/recovery.py measures that.
"""
import re
import time

from diamond import Diamond, check_no_false_alarm
from netlab import check
from traffic import flood_udp, ping, wait_reachable


def test_silently_dropped_relay_is_replaced(lab):
  diamond = Diamond(lab, lab.node)
  used = diamond.used_relay()
  with diamond.flow() as flow:
    flow.wait_answer_after(0)
    diamond.silence(used)
    moment = time.time()
    flow.wait_answer_after(moment + 0.1)
    check(diamond.relay_of(diamond.first, diamond.last) is not used, "the route still leads through the lost relay")
  diamond.unsilence(used)
  diamond.wait_complete()


def check_quiet(lab, what, during, slow=False):
  """Nobody is given up while during(diamond, flow) goes on, and the flow goes on behind it."""
  diamond = Diamond(lab, lab.node, slow=slow)
  with diamond.flow() as flow:
    flow.wait_answer_after(0)
    before = diamond.connections()
    check(len(before) == 4, f"{len(before)} connections instead of 4")
    during(diamond, flow)
    flow.wait_answer_after(time.time())
  check_no_false_alarm(before, diamond, what)


def test_saturated_link_is_no_false_alarm(lab):
  def saturate(diamond, flow):
    diamond.limit_rate(10)
    flood_udp(diamond.first.namespace, diamond.last.address, megabits=30, seconds=8)
    queues = [space.run(["tc", "-s", "qdisc", "show"]).stdout for space in diamond.spaces.values()]
    check(any(re.search(r"overlimits [1-9]", text) for text in queues), f"the links were not full:\n{queues}")

  check_quiet(lab, "a saturated link", saturate)


def test_delay_is_no_false_alarm(lab):
  """300 ms each way, from one packet to the next."""
  def slow_down(diamond, flow):
    for wire in diamond.near:
      wire.set(300)
    time.sleep(8)
    late = ping(diamond.first.namespace, diamond.last.address, count=1)
    check(late.round_trips and late.round_trips[0] > 500, f"the link is not slow:\n{late.text}")
    for wire in diamond.near:
      wire.set(0)
    time.sleep(1)

  check_quiet(lab, "a link delayed by 300 ms", slow_down, slow=True)


def test_stopped_process_is_no_false_alarm(lab):
  def stop(diamond, flow):
    for _ in range(3):
      diamond.stop_for(diamond.used_relay(), 1)
      time.sleep(1.5)

  check_quiet(lab, "a process stopped for a second", stop)


def check_restarted_end(lab, last_is_dialled):
  diamond = Diamond(lab, lab.node, last_is_dialled=last_is_dialled)
  with diamond.flow() as flow:
    for _ in range(2):
      flow.wait_answer_after(0)
      diamond.last.kill()
      time.sleep(0.3)
      moment = time.time()
      diamond.last.spawn()
      flow.wait_answer_after(moment)
  wait_reachable(diamond.last.namespace, diamond.first.address)


def test_restarted_end_that_dials(lab):
  check_restarted_end(lab, last_is_dialled=False)


def test_restarted_end_that_is_dialled(lab):
  check_restarted_end(lab, last_is_dialled=True)
