# SPDX-License-Identifier: Apache-2.0
"""Traffic between namespaces, and what became of it."""
import json
import re
import socket
import statistics
import subprocess
import time

import echo
from netlab import Failed, check, wait_for


class Pings:
  """What a run of ping saw."""

  def __init__(self, text):
    self.text = text
    counts = re.search(r"(\d+) packets transmitted, (\d+) received", text)
    self.sent, self.received = (int(n) for n in counts.groups()) if counts else (0, 0)
    self.replies = [int(n) for n in re.findall(r"bytes from .*icmp_seq=(\d+)", text)]
    # In milliseconds.
    self.round_trips = [float(t) for t in re.findall(r"bytes from .* time=([\d.]+) ms", text)]
    self.errors = re.findall(r"^From (\S+)(?: \S+)? icmp_seq=\d+ (.*)$", text, re.MULTILINE)


def ping(namespace, address, count=3, size=56, interval=0.2, wait=5, hop_limit=None):
  """Pings with `size` bytes of payload, and waits at most `wait` seconds for each answer."""
  arguments = ["ping", "-n", "-c", str(count), "-s", str(size), "-i", str(interval), "-W", str(wait)]
  arguments += [] if hop_limit is None else ["-t", str(hop_limit)]
  return Pings(namespace.run([*arguments, address], ok=False).stdout)


def wait_reachable(namespace, address, seconds=120):
  """Pings until an answer comes."""
  wait_for(lambda: ping(namespace, address, count=1, wait=1).received == 1, f"{namespace.name} reaches {address}",
           seconds)


def check_sizes(namespace, address, sizes, count=2):
  """Every size of payload gets all of its answers."""
  for size in sizes:
    result = ping(namespace, address, count=count, size=size)
    check(result.received == count, f"{namespace.name} to {address}, {size} bytes:\n{result.text}")


def check_every_size(namespace, address, first=56, last=1352, seconds=30):
  """Every size of payload between two is answered; what got lost on the way is asked once more."""
  lost = echo.unanswered_sizes(namespace, address, range(first, last + 1), seconds)
  check(not lost, f"{namespace.name} to {address}: no answer to {sorted(lost)[:20]} bytes, {len(lost)} sizes in all")


def start_server(namespace, port=5201):
  """An iperf3 server for any number of runs, one after the other."""
  server = namespace.start(["iperf3", "-s", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
  wait_for(lambda: f":{port} " in namespace.run(["ss", "-Hltn"]).stdout, "the iperf3 server listens")
  return server


def iperf(namespace, address, seconds, reverse=False, udp=None, flows=1, port=5201, size=1352, congestion=None):
  """One run of iperf3; `udp` is a bit rate, of datagrams of `size` bytes; `congestion` is TCP's control, default: the
  system's. Returns iperf3's own account of it."""
  arguments = ["iperf3", "-J", "-c", address, "-p", str(port), "-t", str(seconds)]
  arguments += ["-R"] if reverse else []
  arguments += ["-P", str(flows)] if flows > 1 else []
  arguments += ["-C", congestion] if congestion else []
  # 1352 is the largest datagram that fits into a packet of 1400 bytes.
  arguments += ["-u", "-b", udp, "-l", str(size)] if udp else []
  for attempt in range(5):
    done = namespace.run(arguments, timeout=seconds + 120, ok=False)
    account = json.loads(done.stdout)
    if "busy" not in account.get("error", ""):
      break
    time.sleep(1)
  if "error" in account:
    raise Failed(f"{namespace.name}: iperf3: {account['error']}")
  return account


def received_bytes(account):
  return account["end"].get("sum_received", account["end"].get("sum", {}))["bytes"]


def bits_per_second(account):
  end = account["end"]
  return end.get("sum_received", end.get("sum", {}))["bits_per_second"]


def stalled_seconds(account):
  """Intervals in which nothing moved; a short rest at the end is none."""
  return [i["sum"] for i in account["intervals"] if i["sum"]["bytes"] == 0 and i["sum"]["seconds"] > 0.5]


def check_tcp(namespace, address, seconds, steady=True):
  """TCP flows in both directions; with `steady`, without a second in which nothing moved."""
  for reverse in False, True:
    account = iperf(namespace, address, seconds, reverse)
    way = "to" if not reverse else "from"
    check(received_bytes(account) > 0, f"no TCP data {way} {address}")
    if steady:
      check(not stalled_seconds(account), f"TCP {way} {address} stood still: {stalled_seconds(account)}")


def check_udp(namespace, address, seconds, bit_rate="2M", reverse=False, size=1352):
  """UDP flows: most of a rate that every machine can carry arrives."""
  account = iperf(namespace, address, seconds, reverse, udp=bit_rate, size=size)
  total = account["end"]["sum"]
  check(total["packets"] > 0 and total["lost_percent"] < 50, f"UDP {'from' if reverse else 'to'} {address}: {total}")


def check_carries(nodes, lab):
  """A link between two nodes carries packets of every size, and streams of TCP and of full-size UDP, and stays up."""
  for here, there in nodes, nodes[::-1]:
    check_every_size(here.namespace, there.address)
  start_server(nodes[0].namespace)
  check_tcp(nodes[1].namespace, nodes[0].address, lab.seconds, steady=not lab.sanitized)
  for reverse in False, True:
    check_udp(nodes[1].namespace, nodes[0].address, 2, reverse=reverse)
  for node in nodes:
    check(not node.lost(), f"{node.name} lost its link:\n{node.log_tail()}")


def flood_udp(namespace, address, megabits, seconds, size=1200):
  """Sends datagrams at a bit rate to a port where nobody need listen; returns how many left the socket."""
  def send():
    sent, started = 0, time.monotonic()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as out:
      while (passed := time.monotonic() - started) < seconds:
        while sent * size * 8 < passed * megabits * 1e6:
          try:
            out.sendto(bytes(size), (address, 9))
          except ConnectionRefusedError:
            # Its receiver's words about an earlier one.
            pass
          sent += 1
        time.sleep(0.002)
    return sent
  return namespace.call(send)


def flow_beside_pings(namespace, address, seconds, interval=0.1, congestion=None):
  """One run of iperf3 and pings beside it. Returns iperf3's account, and p50 and p99 of the pings in milliseconds."""
  pings = namespace.start(["ping", "-n", "-i", str(interval), "-w", str(seconds), address], stdout=subprocess.PIPE, text=True)
  account = iperf(namespace, address, seconds, congestion=congestion)
  seen = Pings(pings.communicate()[0])
  check(seen.round_trips, f"{namespace.name}: no answer beside a flow:\n{seen.text}")
  trips = sorted(seen.round_trips)
  return account, statistics.median(trips), trips[len(trips) * 99 // 100]
