# SPDX-License-Identifier: Apache-2.0
"""A node in a namespace of the laboratory: this program, or a deployed one to test against."""
import ipaddress
import json
import os
import re
import signal
import subprocess
import urllib.request

from netlab import Failed, check, wait_for

API = "127.0.0.1:8989"
PORT = 9651
SANITIZER = re.compile(r"Sanitizer|runtime error:|Assertion .* failed")
LOST = re.compile(r"Lost the connection to|The connection from .* ended")
# Of a private network.
NETWORK = "laboratory", bytes(range(32))


class Node:
  def __init__(self, lab, namespace, program, deployed=False, peers=(), options=(), interface="tun0", quic=False,
               discovery=False, network=None):
    """A node, not started yet. It connects over TCP and to whom it is told, unless a test wants more.

    peers: endpoints, or addresses of the underlay to be reached over TCP. interface: None for a node without one.
    network: name and key of a private network.
    """
    self.lab, self.namespace, self.program, self.deployed = lab, namespace, program, deployed
    self.name = namespace.name
    self.folder = os.path.join(lab.folder, f"{self.name}-{len(lab.nodes)}")
    self.key = os.path.join(self.folder, "key")
    self.log_path = os.path.join(self.folder, "log")
    self.interface = interface
    self.arguments = [program, "--key-file", self.key, "--tcp-listen-port", str(PORT), "--api-addr", API]
    self.arguments += ["--no-tun"] if interface is None else ["--tun-name", interface]
    self.arguments += [] if quic else ["--disable-quic"]
    self.arguments += [] if discovery else ["--disable-peer-discovery"]
    self.arguments += [f"--peers={peer if '://' in peer else endpoint('tcp', peer)}" for peer in peers]
    self.process = None
    self.address = None
    self.killed = False
    os.mkdir(self.folder)
    os.chmod(self.folder, 0o755)
    self.write_key(os.urandom(32))
    if network is not None:
      self.network_key = os.path.join(self.folder, "network-key")
      self.write_key(network[1], self.network_key)
      self.arguments += ["--network-name", network[0], "--network-key-file", self.network_key]
    self.arguments += list(options)
    lab.nodes.append(self)

  def write_key(self, key, path=None):
    with open(path or self.key, "wb") as file:
      file.write(key)
    os.chmod(path or self.key, 0o600)

  def spawn(self):
    """Starts the process and does not wait for it."""
    with open(self.log_path, "ab") as log:
      self.process = self.namespace.start(
        self.arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=dict(os.environ, HOME=self.folder))
    self.killed = False

  def start(self, every=0.1):
    """Starts the process and waits until it answers."""
    self.spawn()
    return self.wait_started(every)

  def wait_started(self, every=0.1):
    """Waits until it answers after spawn()."""
    self.address = wait_for(self._own_address, f"{self.name} answers on its API", every=every)
    return self

  def _own_address(self):
    check(self.running(), f"{self.name} ended at its start, status {self.process.returncode}:\n{self.log_tail()}")
    try:
      return self.api("admin")["nodeIp"]
    except OSError:
      return None

  def running(self):
    return self.process is not None and self.process.poll() is None

  def api(self, path):
    """The JSON answer to GET /api/v1/PATH."""
    def get():
      with urllib.request.urlopen(f"http://{API}/api/v1/{path}", timeout=20) as answer:
        return json.load(answer)
    return self.namespace.call(get)

  def cli(self, *arguments, ok=True):
    """Runs the program as its own client."""
    return self.namespace.run([self.program, "--api-addr", API, *arguments], ok=ok)

  def live_peers(self):
    return [peer for peer in self.api("admin/peers") if peer["connectionState"] == "alive"]

  def peer(self, text):
    """What the API tells of the one peer whose endpoint has this text in its address, or None."""
    return next((peer for peer in self.api("admin/peers") if text in str(peer["endpoint"]["addr"])), None)

  def selected_route(self, other):
    """The selected route to another node, or None."""
    own = upper64(other.address)
    return next((r for r in self.api("admin/routes/selected") if upper64(r["subnet"].split("/")[0]) == own), None)

  def send_signal(self, number):
    self.process.send_signal(number)

  def kill(self):
    """Ends the process without giving it a chance to say so."""
    self.process.kill()
    self.process.wait()
    self.killed = True

  def stop(self, number=signal.SIGTERM, seconds=60):
    """Asks it to end and returns its exit status."""
    self.process.send_signal(number)
    try:
      return self.process.wait(seconds)
    except subprocess.TimeoutExpired:
      raise Failed(f"{self.name} did not end within {seconds} s of signal {number}") from None

  def log(self):
    if not os.path.exists(self.log_path):
      return ""
    with open(self.log_path, errors="replace") as file:
      return file.read()

  def log_lines(self, *words):
    """The lines of its log that have all these words."""
    return [line for line in self.log().splitlines() if all(word in line for word in words)]

  def lost(self):
    """The lines that tell of connections that ended."""
    return [line for line in self.log().splitlines() if LOST.search(line)]

  def log_tail(self, lines=40):
    return "\n".join(f"  {self.name}: {line}" for line in self.log().splitlines()[-lines:])

  def proc(self, file):
    with open(f"/proc/{self.process.pid}/{file}") as status:
      return status.read()

  def descriptors(self):
    return len(os.listdir(f"/proc/{self.process.pid}/fd"))

  def rss_kib(self):
    return int(re.search(r"^VmRSS:\s*(\d+)", self.proc("status"), re.MULTILINE).group(1))

  def cpu_seconds(self):
    fields = self.proc("stat").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

  def check_end(self):
    """Ends the node as a user would, and looks for what the sanitizers found. Deployed nodes are none of ours."""
    if self.deployed or self.process is None:
      return
    if not self.killed and self.running():
      status = self.stop()
      check(status == 0, f"{self.name}: exit status {status} after SIGTERM")
    found = SANITIZER.search(self.log())
    check(found is None, f"{self.name}: {found and found.group(0)} in its log")


def endpoint(protocol, address, port=PORT):
  """quic://10.0.1.2:9651, tcp://[fd00:1::2]:9651"""
  return f"{protocol}://[{address}]:{port}" if ":" in address else f"{protocol}://{address}:{port}"


def upper64(address):
  """The /64 that an address in text form lies in, as bytes."""
  return ipaddress.IPv6Address(address).packed[:8]

