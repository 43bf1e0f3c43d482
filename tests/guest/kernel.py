# SPDX-License-Identifier: Apache-2.0
"""The kernel of the guest: Debian's package, unpacked into a cache and never installed.

An installed kernel would build an initramfs and touch the boot loader of this machine; `apt-get download` checks the
same signatures and does neither. The package for clouds has all that tests need and is a third as large as the other.
"""
import gzip
import lzma
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from netlab import Skipped

METAPACKAGE = "linux-image-cloud-amd64"


class Kernel:
  def __init__(self, folder):
    """folder: an unpacked package."""
    self.image = next(folder.glob("boot/vmlinuz-*"))
    self.release = self.image.name.removeprefix("vmlinuz-")
    # Since /lib is merged into /usr, packages may name either.
    roots = folder / "lib/modules", folder / "usr/lib/modules"
    self.folder = next(root / self.release for root in roots if root.exists())
    self.files = {_name(path): path for path in self.folder.rglob("*.ko*")}
    self.builtin = {_name(Path(line)) for line in (self.folder / "modules.builtin").read_text().split()}

  def modules(self, names):
    """The modules of these names and all that they need, in the order to load them: {name: bytes}."""
    loaded = {}
    for name in names:
      self._add(loaded, name)
    return loaded

  def _add(self, loaded, name):
    if name in loaded or name in self.builtin:
      return
    if name not in self.files:
      raise Skipped(f"the kernel {self.release} has no module {name}")
    content = _read(self.files[name])
    # The package comes without the index that depmod makes of this field.
    needed = re.search(rb"\0depends=([^\0]*)\0", content)
    for other in needed.group(1).decode().split(",") if needed and needed.group(1) else []:
      self._add(loaded, other.replace("-", "_"))
    loaded[name] = content


def obtain(cache):
  """The newest kernel that apt knows, or the one in the cache when there is none to be had."""
  folder = cache / "kernel"
  try:
    package, version = _candidate()
    kept = folder / f"{package}_{version.replace(':', '%3a')}"
    if not kept.exists():
      _download(f"{package}={version}", kept)
    return Kernel(kept)
  except Skipped:
    kept = sorted(folder.glob("linux-image-*"), key=lambda path: path.stat().st_mtime)
    if not kept:
      raise
    return Kernel(kept[-1])


def _candidate():
  """Name and version of the package that the metapackage stands for."""
  try:
    shown = subprocess.run(["apt-cache", "show", "--no-all-versions", METAPACKAGE], capture_output=True, text=True)
  except FileNotFoundError:
    raise Skipped("no kernel for the guest: it comes as a package of Debian, and there is no apt here") from None
  found = re.search(r"^Depends: (linux-image-\S+) \(= (\S+)\)", shown.stdout, re.MULTILINE)
  if not found:
    raise Skipped(f"no kernel for the guest: apt knows no package {METAPACKAGE} (apt-get update?)")
  return found.groups()


def _download(package, ret_folder):
  ret_folder.parent.mkdir(parents=True, exist_ok=True)
  with tempfile.TemporaryDirectory(dir=ret_folder.parent, prefix="new-") as work:
    done = subprocess.run(["apt-get", "download", "-q", package], cwd=work, capture_output=True, text=True)
    files = list(Path(work).glob("*.deb"))
    if done.returncode != 0 or not files:
      reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
      raise Skipped(f"no kernel for the guest: apt-get download {package}: {reason} (apt-get update?)")
    unpacked = Path(work) / "unpacked"
    subprocess.run(["dpkg-deb", "-x", files[0], unpacked], check=True)
    for old in ret_folder.parent.glob("linux-image-*"):
      shutil.rmtree(old, ignore_errors=True)
    try:
      unpacked.rename(ret_folder)
    except OSError:
      # Somebody else did the same at the same time.
      if not ret_folder.exists():
        raise


def _name(path):
  return path.name.split(".ko")[0].replace("-", "_")


def _read(path):
  content = path.read_bytes()
  if path.suffix == ".xz":
    return lzma.decompress(content)
  if path.suffix == ".gz":
    return gzip.decompress(content)
  if path.suffix == ".zst":
    return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout
  return content
