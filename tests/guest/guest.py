# SPDX-License-Identifier: Apache-2.0
"""A small virtual machine that runs tests and ends: for what the kernel of this machine lacks.

Nothing of it is installed, it has no network and no disk, and it never outlives the process that started it. Where the
processor can (KVM), it runs at full speed. Elsewhere qemu emulates one, whose clocks count its instructions: however slow
the emulation, inside it is a processor of 1 GHz, and time in which it has nothing to do is skipped.
"""
import os
import platform
import secrets
import select
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import netlab
from image import Image

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent

MODULES = ["tun", "veth", "bridge", "sch_netem", "sch_tbf", "vsock_loopback", "tcp_diag", "udp_diag"]
PROGRAMS = ["ip", "tc", "ping", "iperf3", "unshare"]
PROGRAMS_WANTED = ["ss", "setpriv"]
# libgcc_s: for the end of threads. libcurl: for the commands of the program under test, as in src/cli/client.c.
LIBRARIES = ["libgcc_s.so.1", "libcurl-gnutls.so.4", "libcurl.so.4"]
FILES = {
  "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
  "/etc/nsswitch.conf": "hosts: files\n",
  "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
  "/etc/group": "root:x:0:\nnogroup:x:65534:\n",
}
PASSED_ON = ["ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"]

QEMU = "qemu-system-x86_64"
# Twice the archive, which is there packed and unpacked for a moment, and nodes under the address sanitizer.
MEMORY_MIB = 2048
# Until the first line of our own; where KVM works it takes about a second.
KVM_BOOT_SECONDS_MAX = 15
PROCESSOR = {
  "kvm": ["-accel", "kvm", "-cpu", "host", "-smp", "2"],
  # One instruction takes a nanosecond. With two processors, which would take turns, the kernel does not come up. Page tables of
  # five levels would be walked in software, for nothing.
  "tcg": ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-cpu", "max,la57=off", "-smp", "1"],
}
# Tests see it in the environment.
CLOCK = {"kvm": "real", "tcg": "virtual"}
# A panic ends the machine, as it may not reboot. Emulated clocks are steady enough: no watchdog over them.
COMMAND_LINE = "console=ttyS0 panic=-1 quiet loglevel=5 mitigations=off nokaslr tsc=reliable nowatchdog"


def why_not():
  """Why there can be no guest on this machine, in words for a person; None when nothing is known against it."""
  if platform.machine() != "x86_64":
    return f"the guest is a machine of the kind x86_64, this one is {platform.machine()}"
  for program, package in ((QEMU, "qemu-system-x86"), ("busybox", "busybox-static")):
    if shutil.which(program) is None:
      return f"{program} is missing: install the package {package} (tools/deps.sh guest)"
  return None


def build_image(path, kernel, program, folders, arguments):
  """Writes the initramfs: the program under test, and the tests of some folders, which start with these arguments."""
  image = Image()
  image.add_binaries(["/bin/sh"])
  image.add_programs(PROGRAMS, PROGRAMS_WANTED)
  image.add_loaded_libraries(LIBRARIES)
  interpreter = image.add_python()
  # Tests find helper programs beside the program under test.
  helpers = (Path(program).parent.parent / "tests" / "netns").glob("*")
  image.add_binaries([program, *(str(path) for path in helpers if path.is_file() and os.access(path, os.X_OK))])
  for folder in {str(TESTS / "netns"), *folders}:
    for file in Path(folder).glob("*.py"):
      image.add(file)
  # Where distributions keep the tables of netem's distributions.
  for folder in ("/usr/lib/tc", "/usr/share/tc"):
    if os.path.isdir(folder):
      image.add_folder(folder)
  _add_own(image, kernel)
  command = shlex.join([interpreter, str(TESTS / "netns" / "run.py"), *arguments, "--tally", "/guest/tally", *folders])
  exports = [f"export {name}={shlex.quote(os.environ[name])}" for name in PASSED_ON if name in os.environ]
  image.put("/guest/command", "\n".join([*exports, f"exec {command}", ""]))
  image.write(path)


def _add_own(image, kernel):
  """What does not depend on the tests."""
  image.put("/init", (HERE / "init").read_bytes(), 0o755)
  image.put("/guest/busybox", Path(shutil.which("busybox")).read_bytes(), 0o755)
  for folder in ("/proc", "/sys", "/dev", "/run", "/var", "/root", "/guest/applets"):
    image.make_folder(folder)
  # A build folder in /tmp may have brought it.
  image.entries.pop("/tmp", None)
  image.make_folder("/tmp", 0o1777)
  for path, content in FILES.items():
    image.put(path, content)
  modules = kernel.modules(MODULES)
  for name, content in modules.items():
    image.put(f"/guest/modules/{name}.ko", content)
  image.put("/guest/modules/order", "".join(f"{name}\n" for name in modules))


class Guest:
  """One run of the machine."""

  def __init__(self, kernel, image, accelerator, console):
    """console: file for what the kernel says."""
    self.kernel, self.image, self.accelerator, self.console = kernel, image, accelerator, console
    self.frame = secrets.token_hex(8)
    self.boot_seconds = None
    # What comes before the guest's first line is qemu's.
    self.complaint = ""
    # The words after "end" of its last line; None when that never came.
    self.result = None
    self.ending = None

  def run(self, seconds, on_line):
    """Runs it to its end, for `seconds` at most; on_line gets each line that the tests print."""
    command = [QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
               *PROCESSOR[self.accelerator], "-m", str(MEMORY_MIB),
               "-kernel", str(self.kernel.image), "-initrd", str(self.image),
               "-append", f"{COMMAND_LINE} frame={self.frame} guest_clock={CLOCK[self.accelerator]}",
               "-chardev", f"file,id=kernel,path={str(self.console).replace(',', ',,')}", "-serial", "chardev:kernel",
               "-serial", "stdio"]
    started = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               preexec_fn=lambda: netlab.libc.prctl(netlab.PR_SET_PDEATHSIG, signal.SIGKILL))
    try:
      self._read(process, started, seconds, on_line)
    finally:
      process.kill()
      process.wait()
      process.stdout.close()

  def _read(self, process, started, seconds, on_line):
    rest = b""
    while True:
      bound = seconds if self.boot_seconds is not None or self.accelerator != "kvm" else KVM_BOOT_SECONDS_MAX
      left = started + bound - time.monotonic()
      if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
        self.ending = f"it was ended after {bound} s"
        return
      some = os.read(process.stdout.fileno(), 65536)
      *lines, rest = (rest + some).split(b"\n")
      for line in lines if some else [*lines, rest]:
        self._take(line.decode(errors="replace").rstrip("\r"), time.monotonic() - started, on_line)
      if self.result is not None:
        self.ending = f"its tests ended, status {self.result[0]}"
        return
      if not some:
        self.ending = ", ".join(filter(None, [f"it ended by itself, status {process.wait()}", self.complaint]))
        return

  def _take(self, line, seconds, on_line):
    if not line.startswith(f"@{self.frame} "):
      if line and self.boot_seconds is None:
        self.complaint = line
      elif line:
        on_line(line)
    elif line.split()[1] == "begin":
      self.boot_seconds = seconds
    elif line.split()[1] == "end":
      self.result = [int(word) for word in line.split()[2:]]

  def console_tail(self, lines=30):
    if not os.path.exists(self.console):
      return ""
    return "\n".join(f"  kernel: {line}" for line in
                     Path(self.console).read_text(errors="replace").splitlines()[-lines:])


class Accelerators:
  """What a guest may run on: ways to try one after the other, those that failed before left out."""

  def __init__(self, cache):
    self.marker = cache / "kvm-does-not-boot"
    # Tells until when what failed once fails again.
    self.boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()

  def names(self):
    return (["kvm"] if self._kvm_may_work() else []) + ["tcg"]

  def _kvm_may_work(self):
    return os.access("/dev/kvm", os.R_OK | os.W_OK) and not (
      self.marker.exists() and self.marker.read_text().strip() == self.boot)

  def remember_failure(self, name):
    if name == "kvm":
      self.marker.write_text(self.boot + "\n")
