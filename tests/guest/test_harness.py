# SPDX-License-Identifier: Apache-2.0
"""The guest has what its tests need."""
import json
import socket
import threading
import time

from netem import shape
from netlab import check
from traffic import ping

PORT = 7
# Longer than what one packet of vsock carries.
SENT = bytes(range(256)) * 1024


def test_delay(lab):
  a, b = lab.namespace("a"), lab.namespace("b")
  link = lab.link(a, b)
  plain = ping(a, link.address[1], count=5)
  shape(link, "delay", "50ms")
  delayed = ping(a, link.address[1], count=5)
  check(plain.received == delayed.received == 5, plain.text + delayed.text)
  check(min(delayed.round_trips) >= 100, f"a delay of 50 ms each way:\n{delayed.text}")
  check(min(plain.round_trips) < 50, f"no delay:\n{plain.text}")


def test_loss(lab):
  a, b = lab.namespace("a"), lab.namespace("b")
  link = lab.link(a, b)
  shape(link, "loss", "30%")
  seen = ping(a, link.address[1], count=200, interval=0.01, wait=1)
  # Half of all come back, give or take. A chance of less than one in 10^9 lies outside.
  check(50 <= seen.received <= 150, f"{seen.received} of {seen.sent} answers, expected about 98")


def test_rate(lab):
  a, b = lab.namespace("a"), lab.namespace("b")
  link = lab.link(a, b)
  a.run(["tc", "qdisc", "add", "dev", link.interface, "root", "tbf", "rate", "1mbit", "burst", "2kb", "limit", "100kb"])
  receiver, sender = (namespace.call(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) for namespace in (b, a))
  with receiver, sender:
    receiver.settimeout(30)
    receiver.bind((link.address[1], PORT))
    started = time.monotonic()
    for _ in range(50):
      sender.sendto(bytes(1000), (link.address[1], PORT))
    for _ in range(50):
      receiver.recv(2000)
    spent = time.monotonic() - started
  # 50 frames of 1042 bytes without the burst are 400 kbit.
  check(spent >= 0.4, f"50 datagrams of 1000 bytes took {spent:.3f} s at 1 Mbit/s")


def echo_once(listener):
  connection, _ = listener.accept()
  with connection:
    while part := connection.recv(65536):
      connection.sendall(part)


def test_vsock_loopback(lab):
  with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as listener:
    listener.bind((socket.VMADDR_CID_ANY, PORT))
    listener.listen()
    threading.Thread(target=echo_once, args=(listener,), daemon=True).start()
    # A namespace has no vsock of its own: whoever sits in one reaches them all.
    client = lab.namespace("a").call(socket.socket, socket.AF_VSOCK, socket.SOCK_STREAM)
    with client:
      client.settimeout(30)
      client.connect((1, PORT))
      sender = threading.Thread(target=client.sendall, args=(SENT,))
      sender.start()
      back = b""
      while len(back) < len(SENT):
        part = client.recv(65536)
        check(part, f"the connection ended after {len(back)} bytes")
        back += part
      sender.join()
  check(back == SENT, "the echo differs")


def test_client(lab):
  """The program finds libcurl, which it loads when it is its own client."""
  node = lab.node(lab.namespace("a")).start()
  check(json.loads(node.cli("peers", "list", "--json").stdout) == [], "a node without peers lists some")
