# SPDX-License-Identifier: Apache-2.0
"""Strangers at every port who speak another protocol, stop in the middle of it, or come in masses.

Whoever is connected notices nothing, and whoever comes next is let in.
"""
import os
import random
import re
import resource
import socket
import struct
import subprocess
import time

import hostile
from diamond import Flow
from netlab import Skipped, check, wait_for
from node import API, NETWORK, PORT, endpoint
from scene import GROWTH_MAX_KIB, GROWTH_SANITIZED_MAX_KIB
from traffic import ping, wait_reachable

HTTP = b"GET / HTTP/1.1\r\nHost: example\r\n\r\n"


def client_hello():
  """What a browser says first, more or less: TLS 1.3, and no key that anybody shares."""
  extensions = bytes.fromhex(
    "000a00080006001d00170018" "000d00140012040308040401050308050501080606010201" "002b0003020304" "002d00020101"
    "003300260024001d0020" + "11" * 32)
  body = b"\3\3" + bytes(32) + b"\x20" + bytes(32) + bytes.fromhex("0006130113021303" "0100")
  body += struct.pack(">H", len(extensions)) + extensions
  return b"\x16\3\1" + struct.pack(">H", len(body) + 4) + b"\1" + struct.pack(">I", len(body))[1:] + body


CLIENT_HELLO = client_hello()
HANDSHAKE_SECONDS = 10


def without_time(line):
  return re.sub(r"^\S+ +", "", line)


class Stage:
  """`victim` and a friend of it at each port; `stranger` on a wire of its own."""

  def __init__(self, lab, network=None):
    self.lab, self.network = lab, network
    victim, friend, self.stranger = (lab.namespace(name) for name in ("victim", "friend", "stranger"))
    self.inner, self.outer = lab.link(victim, friend), lab.link(victim, self.stranger)
    self.address = self.outer.address[0]
    self.victim = lab.node(victim, quic=True, network=network).start()
    peers = [endpoint("tcp", self.inner.address[0])]
    self.connections = len(peers)
    if network is None:
      peers.append(endpoint("quic", self.inner.address6[0]))
      self.connections += 1
    self.friend = lab.node(friend, quic=True, peers=peers, network=network).start()
    wait_for(lambda: len(self.friend.live_peers()) == self.connections, "the friend is connected at each port")
    wait_reachable(friend, self.victim.address)
    self.rss, self.descriptors = self.victim.rss_kib(), self.victim.descriptors()

  def connect(self):
    return hostile.Peer(self.stranger, self.address)

  def udp(self, content):
    def send():
      with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(content, (self.address, PORT))
    self.stranger.call(send)

  def check_unharmed(self, what):
    check(self.victim.running(), f"{what}: the node ended")
    result = ping(self.friend.namespace, self.victim.address, count=3, interval=0.1)
    check(result.received == 3, f"{what}: the friend is cut off:\n{result.text}")
    check(not self.friend.lost(), f"{what}: a connection of the friend was lost:\n{self.friend.log_tail()}")
    growth = self.victim.rss_kib() - self.rss
    limit = GROWTH_SANITIZED_MAX_KIB if self.lab.sanitized else GROWTH_MAX_KIB
    check(growth < limit, f"{what}: the node grew by {growth} KiB")
    return growth

  def check_descriptors(self):
    wait_for(lambda: self.victim.descriptors() <= self.descriptors + 1, "all descriptors are given back", seconds=30)

  def check_next_is_let_in(self):
    """A node that comes from where the stranger is."""
    late = self.lab.node(self.stranger, quic=True, network=self.network,
                         peers=[endpoint("tcp" if self.network else "quic", self.address)]).start()
    wait_reachable(self.stranger, self.victim.address, seconds=60)
    late.stop()


def check_foreign_protocols(stage, protocols):
  """Connections in a row: each ends soon, and a few lines tell of them, not one for each."""
  for what, content in protocols:
    for _ in range(30):
      peer = stage.connect()
      peer.send(content)
      check(peer.wait_closed(HANDSHAKE_SECONDS + 10), f"{what}: the connection stays open")
      peer.close()
    stage.check_unharmed(what)
  lines = stage.victim.log_lines(stage.outer.address[1])
  print(f"{len(lines)} lines about {30 * len(protocols)} connections, the last one: {without_time(lines[-1])}")
  check(0 < len(lines) <= 60, f"{len(lines)} lines:\n" + "\n".join(lines))
  stage.check_descriptors()


def test_foreign_protocols_at_the_tcp_port(lab):
  check_foreign_protocols(Stage(lab), [("TLS", CLIENT_HELLO), ("HTTP", HTTP), ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n")])


def test_foreign_protocols_at_the_private_port(lab):
  """Plain frames among them: also those of a node of the public network."""
  stage = Stage(lab, NETWORK)
  check_foreign_protocols(stage, [("plain frames", hostile.hello() + hostile.update("5aa:1::", 64)), ("HTTP", HTTP),
                                  ("TLS without a key", CLIENT_HELLO), ("TLS 1.0", b"\x15\x03\x01\0\x02\x02\x46")])


def test_datagrams_at_the_quic_port(lab):
  """Random ones of every size, empty and huge ones, and what looks like QUIC for its first bytes."""
  stage, chance = Stage(lab), random.Random(1)
  for size in [0, 1, 2, 3, 5, 6, 7, 8, 20, 21, 22, 100, 1199, 1200, 1201, 1472, 1473, 9000, 65507]:
    for first in None, 0x00, 0x40, 0x80, 0xC0, 0xC3, 0xD0, 0xE0, 0xF0, 0xFF:
      for version in None, b"\0\0\0\0", b"\0\0\0\1", b"\x6b\x33\x43\xcf", b"\x0a\x0a\x0a\x0a":
        content = bytearray(chance.randbytes(size))
        if first is not None:
          content[:1] = bytes([first])[:size]
        if version is not None:
          content[1:5] = version[:max(0, size - 1)]
        if size > 5 and chance.randrange(2):
          content[5] = chance.choice((0, 4, 8, 20, 21, 255))
        stage.udp(bytes(content[:size]))
  growth = stage.check_unharmed("random datagrams")
  lines = stage.victim.log_lines(stage.outer.address[1])
  print(f"{growth} KiB, {len(lines)} lines")
  check(len(lines) < 60, f"{len(lines)} lines:\n" + "\n".join(lines))
  stage.check_next_is_let_in()
  stage.check_unharmed("a good node behind random datagrams")


def test_version_negotiation(lab):
  """Somebody with a version of the future is told which ones there are, in no more bytes than he sent."""
  stage = Stage(lab)
  hello = b"\xc0\x0a\x1a\x2a\x3a" + b"\x08" + b"destinat" + b"\x08" + b"source__" + bytes(1178)

  def ask():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
      out.settimeout(5)
      out.sendto(hello, (stage.address, PORT))
      return out.recv(2048)

  answer = stage.stranger.call(ask)
  check(answer[0] & 0x80 and answer[1:5] == bytes(4), f"no version negotiation: {answer.hex()}")
  check(answer[5:23] == b"\x08source__\x08destinat", f"other connection ids: {answer.hex()}")
  versions = [answer[i:i + 4] for i in range(23, len(answer), 4)]
  check(b"\0\0\0\1" in versions and len(answer) <= len(hello), answer.hex())


def test_handshakes_that_stall(lab):
  """At every byte of its first message somebody stops: others connect meanwhile, and it is gone after a while."""
  stage = Stage(lab, NETWORK)
  stalled = []
  extra = [f"10.0.2.{i}" for i in range(100, 116)]
  for address in extra:
    stage.stranger.run(["ip", "address", "add", address + "/24", "dev", stage.outer.interface])

  def connect(source):
    held = socket.create_connection((stage.address, PORT), 20, source_address=(source, 0))
    held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return held

  # Only so many handshakes of one address are under way at a time: those of the stranger come from several.
  cuts = list(range(0, len(CLIENT_HELLO), 2))
  begun = time.monotonic()
  for i, cut in enumerate(cuts):
    held = stage.stranger.call(connect, extra[i % len(extra)])
    held.sendall(CLIENT_HELLO[:cut])
    stalled.append(held)
  check(time.monotonic() - begun < 5, "stalled connections are slow to be made")
  stage.check_next_is_let_in()
  took = time.monotonic() - begun
  stage.check_unharmed("handshakes that stall")
  print(f"{len(stalled)} stall, another node is connected {took:.1f} s after the first of them")
  check(took < 20, "a good node had to wait for the stalled ones")
  check(stage.victim.descriptors() <= stage.descriptors + 200, f"{stage.victim.descriptors()} descriptors")
  closed = []
  for held in stalled:
    held.settimeout(HANDSHAKE_SECONDS + 10)
    try:
      while held.recv(1000):
        pass
    except ConnectionResetError:
      pass
    closed.append(time.monotonic() - begun)
  print(f"the stalled ones were closed up to {max(closed):.1f} s after the first began")
  check(max(closed) < HANDSHAKE_SECONDS + 15, f"closed only after {max(closed)} s")
  stage.check_descriptors()


def first_datagram(stage):
  """What a node sends first over QUIC, caught by a socket to which nobody answers."""
  stranger = stage.stranger
  stranger.run(["ip", "address", "add", "10.99.0.1/32", "dev", "lo"])

  def listen():
    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.bind(("10.99.0.1", 9999))
    ear.settimeout(30)
    return ear

  ear = stranger.call(listen)
  node = stage.lab.node(stranger, quic=True, interface=None, peers=[endpoint("quic", "10.99.0.1", 9999)]).start()
  datagram = ear.recv(2048)
  node.stop()
  ear.close()
  return datagram


def check_initials(lab, mode, seconds=10):
  stage = Stage(lab)
  program = os.path.join(os.path.dirname(lab.program), "..", "tests", "netns", "initials")
  if not os.path.exists(program):
    raise Skipped("no helper program tests/netns/initials beside the program under test: it was built without tests")
  datagram = first_datagram(stage)
  victim = stage.victim.namespace
  for interface in "all", stage.outer.interface:
    victim.run(["sh", "-c", f"echo 0 >/proc/sys/net/ipv4/conf/{interface}/rp_filter"])
  victim.run(["ip", "route", "add", "10.98.0.0/16", "via", stage.outer.address[1]])
  cpu, sent = stage.victim.cpu_seconds(), 0
  # Two friends: one over QUIC beside the one that has both, so that each transport is needed by somebody.
  friend = lab.namespace("friend6")
  link = lab.link(victim, friend)
  second = lab.node(friend, quic=True, peers=[endpoint("quic", link.address6[0])]).start()
  wait_reachable(friend, stage.victim.address)
  flows = [Flow(node.namespace, stage.victim.address, os.path.join(node.folder, "flow"), interval=0.05)
           for node in (stage.friend, second)]
  with flows[0], flows[1]:
    for flow in flows:
      flow.wait_answer_after(0)
    began = time.time()
    done = stage.stranger.start([program, mode, "10.98.0.0", stage.address, str(PORT), "10000", str(seconds)],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    sent = int(done.communicate(datagram)[0])
    ended = time.time()
    for flow in flows:
      flow.wait_answer_after(ended, seconds=20)
    answered = [len([t for t in flow.arrivals() if began < t < ended]) / ((ended - began) / 0.05) for flow in flows]
    gaps = [flow.longest_gap(began) for flow in flows]
  cpu = stage.victim.cpu_seconds() - cpu
  growth = stage.check_unharmed("spoofed first datagrams")
  check(not second.lost(), f"a connection was lost:\n{second.log_tail()}")
  lines = len(stage.victim.log().splitlines())
  print(f"{sent} in {ended - began:.1f} s: {min(answered):.0%} of the answers came, longest gap {max(gaps):.2f} s, "
        f"{cpu:.1f} s of processor, {growth} KiB, {lines} lines of log")
  check(lines < 100, f"{lines} lines of log:\n{stage.victim.log_tail(20)}")
  check(max(gaps) < 5, f"a gap of {max(gaps):.1f} s")
  check(min(answered) > 0.5, f"answers are missing: {answered}")
  stage.check_next_is_let_in()


def test_spoofed_initials(lab):
  """Ten thousand a second, each the good beginning of another connection, from addresses that nobody has."""
  check_initials(lab, "rekey")


def test_replayed_initials(lab):
  """One good beginning, from many addresses."""
  check_initials(lab, "replay", seconds=4)


def test_unreadable_initials(lab):
  check_initials(lab, "junk", seconds=4)


def test_strangers_from_everywhere(lab):
  """Each place is new, and its failure would be news: the log takes a few, and says how many it left out."""
  space = lab.namespace("a")
  node = lab.node(space).start()
  before = len(node.log().splitlines())

  def knock(i):
    with socket.socket() as mouth:
      mouth.bind((f"127.0.{1 + i // 250}.{1 + i % 250}", 0))
      mouth.connect(("127.0.0.1", PORT))
      mouth.sendall(b"GET / HTTP/1.1\r\n\r\n")
      while mouth.recv(1000):
        pass
  started = time.monotonic()
  for i in range(500):
    space.call(lambda i=i: knock(i))
  # Ten lines in each 10 s, and one more that counts the others.
  windows = int((time.monotonic() - started) / 10) + 2
  wait_for(lambda: not node.live_peers(), "none of them is a peer")
  lines = len(node.log().splitlines()) - before
  print(f"500 strangers: {lines} lines of log")
  check(0 < lines <= 11 * windows, f"{lines} lines of log:\n{node.log_tail(20)}")


class Listener:
  """A UDP or TCP port where nobody answers, or with nonsense."""

  def __init__(self, space, kind, answer):
    def listen():
      ear = socket.socket(socket.AF_INET, kind)
      ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
      ear.bind(("0.0.0.0", PORT))
      if kind == socket.SOCK_STREAM:
        ear.listen()
      ear.settimeout(0.2)
      return ear
    self.ear, self.kind, self.answer = space.call(listen), kind, answer
    self.held = []

  def serve(self, seconds):
    """Returns how many came."""
    count, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
      try:
        if self.kind == socket.SOCK_DGRAM:
          _, sender = self.ear.recvfrom(2048)
          for content in self.answer:
            self.ear.sendto(content, sender)
        else:
          accepted = self.ear.accept()[0]
          accepted.sendall(b"".join(self.answer))
          self.held.append(accepted)
        count += 1
      except (TimeoutError, OSError):
        pass
    return count


def check_foreign_server(lab, protocol, kind, answer, network=None):
  """A node dials a port where something else answers: one line says so, and it tries again in peace."""
  a, b = lab.namespace("a"), lab.namespace("b")
  link = lab.link(a, b)
  server = Listener(a, kind, answer)
  node = lab.node(b, quic=True, network=network, peers=[endpoint(protocol, link.address[0])]).start()
  count = server.serve(13)
  check(node.running(), node.log_tail())
  lines = [without_time(line) for line in node.log_lines(link.address[0])]
  print(f"{count} came; {len(lines)} lines, the first one: {lines[0] if lines else None}")
  check(count > 0, "nobody was dialled")
  return lines


def test_quic_peer_that_answers_with_noise(lab):
  noise = [bytes(100), b"\xc0\0\0\0\1" + bytes(1195), b"\x80\0\0\0\0" + bytes(40), os.urandom(1200), b""]
  lines = check_foreign_server(lab, "quic", socket.SOCK_DGRAM, noise)
  check(len(lines) == 1, "\n".join(lines))


def test_private_peer_that_answers_with_noise(lab):
  lines = check_foreign_server(lab, "tcp", socket.SOCK_STREAM, [b"HTTP/1.1 400 Bad Request\r\n\r\n"], NETWORK)
  check(len(lines) == 1, "\n".join(lines))


def test_private_peer_that_never_answers(lab):
  lines = check_foreign_server(lab, "tcp", socket.SOCK_STREAM, [], NETWORK)
  check(len(lines) == 1, "\n".join(lines))


def without_vsock():
  """Makes socket(AF_VSOCK) fail in this process as on a kernel without it."""
  import ctypes
  import platform
  number = {"x86_64": 41, "aarch64": 198}.get(platform.machine())
  if number is None:
    raise Skipped(f"the number of socket() on {platform.machine()} is not known here")
  # Load the call's number; socket? load its first argument; AF_VSOCK? EAFNOSUPPORT; else go on.
  steps = [(0x20, 0, 0, 0), (0x15, 0, 3, number), (0x20, 0, 0, 16), (0x15, 0, 1, 40), (0x06, 0, 0, 0x00050000 | 97),
           (0x06, 0, 0, 0x7FFF0000)]
  code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
  program = ctypes.create_string_buffer(struct.pack("@HxxxxxxP", len(steps), ctypes.addressof(code)))
  libc = ctypes.CDLL(None, use_errno=True)
  if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, program, 0, 0) != 0:
    raise OSError(ctypes.get_errno(), "no filter of system calls")


def test_vsock_on_a_kernel_without_it(lab):
  """A peer is kept, with one line; a port to listen on was asked for and cannot be had: no start."""
  space = lab.namespace("a")
  node = lab.node(space, peers=["vsock://2:9651"], interface=None)
  start, enter = space.lab.start, space._join

  def start_filtered(arguments, **options):
    def prepare():
      enter()
      without_vsock()
    return start(arguments, **dict(options, preexec_fn=prepare))

  space.start = start_filtered
  node.start()
  space.run(["sleep", "7"])
  lines = node.log_lines("vsock://2:9651")
  check(len(lines) == 1 and "not available" in lines[0], f"not one line:\n{node.log()}")
  print(without_time(lines[0]))
  check([peer["connectionState"] for peer in node.api("admin/peers")] == ["dead"], f"{node.api('admin/peers')}")
  node.stop()
  listener = lab.node(space, options=["--vsock-listen-port", "9651"], interface=None)
  listener.spawn()
  check(listener.process.wait(30) == 1, f"status {listener.process.returncode}:\n{listener.log()}")
  lines = listener.log_lines("vsock")
  check(len(lines) == 1 and "9651" in lines[0], f"not one line:\n{listener.log()}")
  print(lines[0])


def test_descriptors_run_out(lab):
  """Strangers take all descriptors: who is connected stays so, and who comes later is let in again."""
  limit = 90
  space, friend, stranger = (lab.namespace(name) for name in ("victim", "friend", "stranger"))
  inner, outer = lab.link(space, friend), lab.link(space, stranger)
  victim = lab.node(space, quic=True)
  victim.arguments = ["prlimit", f"--nofile={limit}:{limit}", *victim.arguments]
  victim.start()
  peers = [endpoint("tcp", inner.address[0]), endpoint("quic", inner.address6[0])]
  honest = lab.node(friend, quic=True, peers=peers).start()
  wait_for(lambda: len(honest.live_peers()) == 2, "the friend is connected at each port")
  wait_reachable(friend, victim.address)
  before = victim.descriptors()
  soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
  resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
  # One address alone gets no more than its share.
  sources = [f"10.0.2.{i}" for i in range(100, 110)]
  for address in sources:
    stranger.run(["ip", "address", "add", address + "/24", "dev", outer.interface])

  def connect(source):
    # Who comes when all are used up waits in the kernel.
    connection = socket.socket()
    connection.setblocking(False)
    connection.bind((source, 0))
    connection.connect_ex((outer.address[0], PORT))
    return connection

  held = [stranger.call(connect, sources[i % len(sources)]) for i in range(200)]
  wait_for(lambda: victim.descriptors() >= limit - 8, "the descriptors are used up", seconds=20)
  cpu = victim.cpu_seconds()
  result = ping(friend, victim.address, count=20, interval=0.2)
  cpu = victim.cpu_seconds() - cpu
  print(f"{victim.descriptors()} of {limit} descriptors, {before} before; {cpu:.2f} s of processor in 4 s")
  check(result.received == 20, f"the friend is cut off:\n{result.text}")
  check(cpu < 2, "the node spins")
  check(not honest.lost(), honest.log_tail())
  lines = len(victim.log().splitlines())
  check(lines < 350, f"{lines} lines of log:\n{victim.log_tail(20)}")
  for connection in held:
    connection.close()
  wait_for(lambda: victim.descriptors() <= before + 2, "the descriptors are given back", seconds=60)
  late = lab.node(stranger, quic=True, peers=[endpoint("tcp", outer.address[0])]).start()
  wait_reachable(stranger, victim.address, seconds=60)
  late.stop()
  check(victim.api("admin")["nodeIp"] == victim.address, "the API does not answer any more")
