#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs tests with real nodes in a small virtual machine (guest.py), for what the kernel of this machine lacks.

    tests/guest/run.py --program build/mycelium [--label NAME] [--filter TEXT] [--cache FOLDER] [FOLDER...]

Inside, tests/netns/run.py runs the tests of the folders given, tests/guest/ if none is; the options that both have mean
the same. Needs no root. Where no machine can be had, all tests are skipped.
"""
import argparse
import importlib.util
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
NETNS = HERE.parent / "netns"
sys.path.insert(0, str(NETNS))

import guest  # noqa: E402
import kernel  # noqa: E402
import netlab  # noqa: E402

# Its name is this file's name, too.
_spec = importlib.util.spec_from_file_location("netns_run", NETNS / "run.py")
netns = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(netns)

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mycelium-guest"


def parse():
  parser = argparse.ArgumentParser()
  parser.add_argument("folders", nargs="*", default=[str(HERE)])
  parser.add_argument("--program", default="build/mycelium", help="the node under test")
  parser.add_argument("--label", default="", help="put in front of each test's name")
  parser.add_argument("--filter", default="", help="only tests whose name matches this regular expression")
  parser.add_argument("--jobs", type=int, default=2, help="tests at the same time")
  parser.add_argument("--seconds", type=int, default=10, help="length of a throughput run")
  parser.add_argument("--sanitized", action="store_true", help="the node is slow: ask for no steady throughput")
  parser.add_argument("--tally", help="write PASSED FAILED SKIPPED to this file instead of printing the count")
  parser.add_argument("--cache", type=Path, default=CACHE, help="folder that keeps the kernel (default: %(default)s)")
  parser.add_argument("--timeout", type=int, default=900, help="seconds that the whole machine may take")
  parser.add_argument("--accelerator", choices=["kvm", "tcg"], help="default: kvm if it works, else tcg")
  parser.add_argument("--console", type=Path, help="file for what the guest's kernel says")
  options = parser.parse_args()
  options.program = os.path.abspath(options.program)
  options.folders = [os.path.abspath(folder) for folder in options.folders]
  return options


def inner_arguments(options):
  arguments = ["--program", options.program, "--label", options.label, "--filter", options.filter]
  arguments += ["--jobs", str(options.jobs), "--seconds", str(options.seconds)]
  return arguments + (["--sanitized"] if options.sanitized else [])


def boot_and_run(options, work):
  """Builds the guest and runs it. Returns it, and the lines that it printed."""
  reason = guest.why_not()
  if reason is not None:
    raise netlab.Skipped(reason)
  options.cache.mkdir(parents=True, exist_ok=True)
  used = kernel.obtain(options.cache)
  started = time.monotonic()
  image = work / "initramfs"
  guest.build_image(image, used, options.program, options.folders, inner_arguments(options))
  print(f"guest: {used.release}, initramfs of {image.stat().st_size / 1e6:.0f} MB made in "
        f"{time.monotonic() - started:.1f} s", flush=True)
  return run_image(options, used, image, work)


def run_image(options, used, image, work):
  lines = []

  def on_line(line):
    lines.append(line)
    print(line, flush=True)

  accelerators = guest.Accelerators(options.cache)
  names = [options.accelerator] if options.accelerator else accelerators.names()
  for name in names:
    machine = guest.Guest(used, image, name, options.console or work / "console")
    lines.clear()
    started = time.monotonic()
    machine.run(options.timeout, on_line)
    if machine.boot_seconds is not None:
      print(f"guest: booted in {machine.boot_seconds:.1f} s ({name}), {time.monotonic() - started:.1f} s in all",
            flush=True)
      break
    if name != names[-1]:
      print(f"guest: does not boot with {name} ({machine.ending}), trying {names[-1]}", flush=True)
      accelerators.remember_failure(name)
  return machine, lines


def tally(options, tests, machine, lines):
  """PASSED FAILED SKIPPED: as the guest counted, or else what it told and failures for the rest."""
  if machine.result is not None and len(machine.result) == 4:
    return machine.result[1:]
  print(f"the guest gave no result: {machine.ending}\n{machine.console_tail()}", flush=True)
  matches = (re.match(r"(ok|skipped) +(\S+) ", line) for line in lines)
  told = {match.group(2): match.group(1) for match in matches if match}
  words = [told.get(netns.title(options, test), "FAILED") for test in tests]
  return words.count("ok"), words.count("FAILED"), words.count("skipped")


def main():
  options = parse()
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
  tests = netns.find_tests(options)
  if not os.access(options.program, os.X_OK):
    print(f"no program at {options.program}")
    return netns.count(options, 0, len(tests), 0)
  with tempfile.TemporaryDirectory(prefix="mycelium-guest-") as work:
    try:
      machine, lines = boot_and_run(options, Path(work))
    except netlab.Skipped as reason:
      print(f"{len(tests)} tests in a guest skipped: {reason}")
      return netns.count(options, 0, 0, len(tests))
    except KeyboardInterrupt:
      print("stopped, everything is cleaned up")
      return 130
    return netns.count(options, *tally(options, tests, machine, lines))


if __name__ == "__main__":
  sys.exit(main())
