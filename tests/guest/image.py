# SPDX-License-Identifier: Apache-2.0
"""The file system of the guest: an initramfs of files of this machine.

A file has the same path inside as outside, links and folders that lead to it included, so that whatever runs here finds
its libraries there. What is made for the guest alone lies in /guest.

The archive is a cpio in its "newc" form (the kernel's Documentation/driver-api/early-userspace/buffer-format.rst). It
is not compressed: the guest would need longer to unpack it than the host needs to hand it over.
"""
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

from netlab import Skipped

# Of the standard library: what no test needs, and most of its size.
PYTHON_WITHOUT = re.compile(r"^(test|tests|site-packages|dist-packages|config-.*|idlelib|tkinter|turtledemo|lib2to3|"
                            r"ensurepip|distutils|unittest|pydoc_data)$|\.opt-\d\.pyc$|^_(test|tkinter|ctypes_test)\w*"
                            r"\.")


class Image:
  def __init__(self):
    # Real path -> None for what is there on this machine, or (mode, content) for what is not.
    self.entries = {}

  def add(self, path):
    """Adds a file, or a folder without what is in it, and all folders and links on its way. Returns its real path."""
    path = str(path)
    if path == "/":
      return path
    path = os.path.join(self.add(os.path.dirname(path)), os.path.basename(path))
    self.entries.setdefault(path)
    if os.path.islink(path):
      return self.add(os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path))))
    return path

  def put(self, path, content, permissions=0o644):
    """A file of the guest's own."""
    self.make_folder(os.path.dirname(path))
    self.entries[path] = (stat.S_IFREG | permissions, content if isinstance(content, bytes) else content.encode())

  def make_folder(self, path, permissions=0o755):
    if path != "/":
      self.make_folder(os.path.dirname(path))
      self.entries.setdefault(path, (stat.S_IFDIR | permissions, b""))

  def add_folder(self, folder, without=None):
    """All files of a folder and the folders in it, but those of a name that `without` finds."""
    for place, folders, files in os.walk(self.add(folder)):
      folders[:] = [name for name in folders if not (without and without.search(name))]
      for name in folders + files:
        if not (without and without.search(name)):
          self.add(os.path.join(place, name))

  def add_binaries(self, paths):
    """Programs or libraries, and the libraries that they are linked with."""
    if not paths:
      return
    for path in paths:
      self.add(path)
    listed = subprocess.run(["ldd", *paths], capture_output=True, text=True).stdout
    missing = re.search(r"^\s*(\S+) => not found", listed, re.MULTILINE)
    if missing:
      raise Skipped(f"a program for the guest needs {missing.group(1)}, which is not on this machine")
    for library in set(re.findall(r"(?:=> |^\s+)(/\S+) \(0x", listed, re.MULTILINE)):
      self.add(library)

  def add_programs(self, needed, wanted=()):
    """Programs by their names; those of `wanted` may be missing."""
    paths = {name: _which(name) for name in (*needed, *wanted)}
    missing = [name for name in needed if paths[name] is None]
    if missing:
      raise Skipped(f"not installed, but needed in the guest: {' '.join(missing)} (tools/deps.sh lab guest)")
    self.add_binaries([path for path in paths.values() if path])

  def add_loaded_libraries(self, names):
    """Libraries that programs load by name while they run, where this machine has them."""
    known = subprocess.run([_which("ldconfig") or "ldconfig", "-p"], capture_output=True, text=True).stdout
    # The first of a name is the one for this machine's own architecture.
    found = [re.search(rf"^\s*{re.escape(name)} \(.*\) => (\S+)$", known, re.MULTILINE) for name in names]
    self.add_binaries([match.group(1) for match in found if match])

  def add_python(self):
    """The interpreter that runs this, and its standard library. Returns the interpreter's path."""
    interpreter = os.path.realpath(sys.executable)
    library = sysconfig.get_path("stdlib")
    self.add_folder(library, PYTHON_WITHOUT)
    extensions = [path for path in self.entries if path.endswith(".so") and path.startswith(library + "/")]
    self.add_binaries([interpreter, *extensions])
    return interpreter

  def write(self, path):
    with open(path, "wb") as file:
      # Sorted, a folder comes before what is in it.
      for number, name in enumerate(sorted(self.entries)):
        file.write(_record(number + 1, name[1:], *self._read(name)))
      file.write(_record(0, "TRAILER!!!", 0, b"", 0))

  def _read(self, name):
    """Mode, content and time of an entry."""
    if self.entries[name] is not None:
      return (*self.entries[name], 0)
    status = os.lstat(name)
    if stat.S_ISLNK(status.st_mode):
      content = os.readlink(name).encode()
    else:
      content = b"" if stat.S_ISDIR(status.st_mode) else Path(name).read_bytes()
    # Python compares the time of a source with the one in its compiled form.
    return status.st_mode, content, int(status.st_mtime)


def _record(number, name, mode, content, time):
  """A member of the archive: header and name, then the content, each padded to four bytes."""
  name = name.encode() + b"\0"
  fields = number, mode, 0, 0, 1, time, len(content), 0, 0, 0, 0, len(name), 0
  return _padded(b"070701" + b"".join(b"%08x" % field for field in fields) + name) + _padded(content)


def _padded(content):
  return content + bytes(-len(content) % 4)


def _which(name):
  """Ordinary users do not have the folders of administration in their path."""
  return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin")
