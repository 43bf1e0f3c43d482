# SPDX-License-Identifier: Apache-2.0
"""A laboratory of network namespaces on this machine.

A program that uses it first calls enter(): it goes on in process, mount and network namespaces of its own, so that
nothing can be left behind. Whatever ends it, Ctrl-C and SIGKILL included, the kernel ends every process and removes
every interface that was made inside.

    netlab.enter()
    with netlab.Lab() as lab:
      a, b = lab.namespace("a"), lab.namespace("b")
      lab.link(a, b)                    # a veth pair, 10.0.1.1/24 and 10.0.1.2/24
      a.run(["ping", "-c1", "10.0.1.2"])

A link has IPv6 addresses, too: fd00:1::1/64 and fd00:1::2/64.

Nothing here asserts how fast something happens: wait_for() polls until a condition holds.
"""
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
INSIDE = "MYCELIUM_LAB_INSIDE"
UNSHARE = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]

libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
  """What a test expected did not happen."""


class Skipped(Exception):
  """This test cannot run here; says why."""


def check(condition, text):
  if not condition:
    raise Failed(text)


def wait_for(condition, what, seconds=60, every=0.1):
  """Polls until condition() is true and returns its value. The time is a bound against waiting for ever, no measure."""
  deadline = time.monotonic() + seconds
  while True:
    value = condition()
    if value:
      return value
    if time.monotonic() > deadline:
      raise Failed(f"waited {seconds} s in vain: {what}")
    time.sleep(every)


def why_not():
  """Why no laboratory can be set up here, in words for a person; None when it can."""
  if os.geteuid() != 0:
    return "network namespaces need root: run it with sudo"
  if shutil.which("unshare") is None or shutil.which("ip") is None:
    return "unshare and ip are missing: install the packages util-linux and iproute2"
  if not os.path.exists("/dev/net/tun"):
    return "there is no /dev/net/tun here: load the kernel module (modprobe tun), or give it to this container"
  if subprocess.run([*UNSHARE, "true"], capture_output=True).returncode != 0:
    return "this machine allows no new namespaces (in a container: it must be privileged)"
  return None


def start_inside(arguments, folder, **options):
  """A process inside namespaces of its own, which end with it or with the thread that started it.

  Its temporary files go to `folder`.
  """
  return subprocess.Popen([*UNSHARE, *arguments], env=dict(os.environ, TMPDIR=folder, **{INSIDE: "1"}),
                          preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), **options)


def temporary_folder():
  """A folder for start_inside(), to be used with `with`. Ordinary users may look into it: some tests run as one."""
  folder = tempfile.TemporaryDirectory(prefix="mycelium-", ignore_cleanup_errors=True)
  os.chmod(folder.name, 0o755)
  return folder


def enter():
  """Goes on inside namespaces of this program's own; ends it with a plain sentence where that is impossible."""
  if INSIDE in os.environ:
    return
  reason = why_not()
  if reason is not None:
    sys.exit(f"{os.path.basename(sys.argv[0])}: {reason}")
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
  with temporary_folder() as folder:
    child = start_inside([sys.executable, *sys.argv], folder)
    try:
      status = child.wait()
    except KeyboardInterrupt:
      # The terminal told the child, too.
      status = child.wait()
    finally:
      child.kill()
      child.wait()
  sys.exit(status)


def _system_call(result):
  if result != 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Namespace:
  """A network namespace, held open by a process that sleeps in it."""

  def __init__(self, lab, name):
    self.lab, self.name = lab, name
    holder = lab.start(["sleep", "infinity"], preexec_fn=lambda: _system_call(libc.unshare(CLONE_NEWNET)))
    self.pid = holder.pid
    self.descriptor = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    self.run(["sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; ip link set lo up"])

  def _join(self):
    _system_call(libc.setns(self.descriptor, CLONE_NEWNET))

  def start(self, arguments, **options):
    """A process in this namespace, ended with the laboratory."""
    return self.lab.start(arguments, preexec_fn=self._join, **options)

  def run(self, arguments, timeout=120, ok=True):
    """Runs a command to its end and returns it, with its output as text; it must succeed unless ok is False."""
    done = subprocess.run(arguments, preexec_fn=self._join, capture_output=True, text=True, timeout=timeout)
    if ok and done.returncode != 0:
      raise Failed(f"{self.name}: {' '.join(arguments)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done

  def call(self, function, *arguments):
    """Calls a function in a thread of this namespace: sockets that it opens belong here."""
    result = {}

    def body():
      try:
        self._join()
        result["value"] = function(*arguments)
      except BaseException as error:
        result["error"] = error

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if "error" in result:
      raise result["error"]
    return result["value"]


class Link:
  """A veth pair; address[0] and address6[0] belong to the first namespace, the others to the second."""

  def __init__(self, first, second, number):
    self.first, self.second = self.ends = first, second
    self.interface = f"veth{number}"
    self.address = f"10.0.{number}.1", f"10.0.{number}.2"
    self.address6 = f"fd00:{number:x}::1", f"fd00:{number:x}::2"
    first.run(["ip", "link", "add", self.interface, "type", "veth", "peer", self.interface, "netns", str(second.pid)])
    for namespace, address, address6 in zip(self.ends, self.address, self.address6):
      namespace.run(["ip", "address", "add", address + "/24", "dev", self.interface])
      namespace.run(["ip", "address", "add", address6 + "/64", "dev", self.interface, "nodad"])
      namespace.run(["ip", "link", "set", self.interface, "up"])

  def cut(self):
    """From now on nothing arrives, in either direction, and nobody is told: it goes to where nobody is."""
    for i in (0, 1):
      for address in self.address[1 - i], self.address6[1 - i]:
        self.ends[i].run(["ip", "neighbour", "replace", address, "lladdr", "02:00:00:00:00:99", "dev", self.interface,
                          "nud", "permanent"])

  def mend(self):
    for i in (0, 1):
      for address in self.address[1 - i], self.address6[1 - i]:
        self.ends[i].run(["ip", "neighbour", "del", address, "dev", self.interface])


class Lab:
  """Namespaces, links and processes that vanish together."""

  def __init__(self):
    self.processes, self.namespaces, self.links, self.nodes = [], [], [], []
    self.folder = tempfile.mkdtemp(prefix="mycelium-lab-")

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.close()

  def start(self, arguments, **options):
    process = subprocess.Popen(arguments, **options)
    self.processes.append(process)
    return process

  def namespace(self, name):
    namespace = Namespace(self, name)
    self.namespaces.append(namespace)
    return namespace

  def link(self, first, second):
    link = Link(first, second, len(self.links) + 1)
    self.links.append(link)
    return link

  def bridge(self, *spaces):
    """A switch that connects namespaces, each through an interface "lan", with addresses 10.1.0.1 and so on."""
    switch = self.namespace("switch")
    switch.run(["ip", "link", "add", "switch", "type", "bridge"])
    switch.run(["ip", "link", "set", "switch", "up"])
    for number, space in enumerate(spaces, 1):
      switch.run(["ip", "link", "add", f"port{number}", "type", "veth", "peer", "lan", "netns", str(space.pid)])
      switch.run(["ip", "link", "set", f"port{number}", "master", "switch", "up"])
      space.run(["ip", "address", "add", f"10.1.0.{number}/24", "dev", "lan"])
      space.run(["ip", "link", "set", "lan", "up"])
    return switch

  def close(self):
    for process in self.processes:
      if process.poll() is None:
        process.kill()
    for process in self.processes:
      process.wait()
    for namespace in self.namespaces:
      os.close(namespace.descriptor)
    shutil.rmtree(self.folder, ignore_errors=True)
    self.processes, self.namespaces = [], []
