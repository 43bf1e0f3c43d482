#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs tests with real nodes: every function test_* of every file test_*.py in the folders given.

    tests/netns/run.py --program build/mycelium [--label NAME] [--filter TEXT] [--jobs N] FOLDER...

Each test runs in namespaces of its own (netlab.py), several at a time, as most of them wait most of the time. The last
line counts them (or goes to the file of --tally, as three numbers). With --deployed PROGRAM, tests that need a deployed
node have one; else they are skipped; --deployed-private is the same for a node of private networks.
"""
import argparse
import concurrent.futures
import importlib.util
import os
import re
import subprocess
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import netlab  # noqa: E402
from node import Node  # noqa: E402

SKIPPED_STATUS = 77
# Besides its throughput runs, of which no test makes more than these.
TEST_SECONDS_MAX = 420
THROUGHPUT_RUNS_MAX = 4


class World(netlab.Lab):
  """A laboratory with the programs under test."""

  def __init__(self, options):
    super().__init__()
    self.program, self.deployed_program = options.program, options.deployed
    self.deployed_private_program = options.deployed_private
    self.sanitized, self.seconds = options.sanitized, options.seconds

  def node(self, namespace, **options):
    return Node(self, namespace, self.program, **options)

  def deployed(self, namespace, **options):
    if not self.deployed_program:
      raise netlab.Skipped("no deployed node: MYCELIUM_REFERENCE is not set")
    return Node(self, namespace, self.deployed_program, deployed=True, **options)

  def deployed_private(self, namespace, **options):
    if not self.deployed_private_program:
      raise netlab.Skipped("no deployed node of private networks: MYCELIUM_REFERENCE_PRIVATE is not set")
    return Node(self, namespace, self.deployed_private_program, deployed=True, **options)

  def line(self, kinds):
    """A started line of nodes, each a peer of the one before it: "ood" is ours, ours, deployed."""
    spaces = [self.namespace("abcdefgh"[i]) for i in range(len(kinds))]
    links = [self.link(*pair) for pair in zip(spaces, spaces[1:])]
    nodes = []
    for i, kind in enumerate(kinds):
      make = self.deployed if kind == "d" else self.node
      nodes.append(make(spaces[i], peers=[links[i - 1].address[0]] if i > 0 else []).start())
    return nodes

  def finish(self):
    for node in self.nodes:
      node.check_end()


def parse():
  parser = argparse.ArgumentParser()
  parser.add_argument("folders", nargs="*", default=[str(HERE)])
  parser.add_argument("--program", default="build/mycelium", help="the node under test")
  parser.add_argument("--deployed", default=os.environ.get("MYCELIUM_REFERENCE") or None, help="the node to meet")
  parser.add_argument("--deployed-private", default=os.environ.get("MYCELIUM_REFERENCE_PRIVATE") or None,
                      help="the node of private networks to meet")
  parser.add_argument("--label", default="", help="put in front of each test's name")
  parser.add_argument("--filter", default="", help="only tests whose name matches this regular expression")
  parser.add_argument("--jobs", type=int, default=5, help="tests at the same time")
  parser.add_argument("--seconds", type=int, default=10, help="length of a throughput run")
  parser.add_argument("--sanitized", action="store_true", help="the node is slow: ask for no steady throughput")
  parser.add_argument("--tally", help="write PASSED FAILED SKIPPED to this file instead of printing the count")
  parser.add_argument("--one", help=argparse.SUPPRESS)
  options = parser.parse_args()
  options.program = os.path.abspath(options.program)
  options.deployed = options.deployed and os.path.abspath(options.deployed)
  options.deployed_private = options.deployed_private and os.path.abspath(options.deployed_private)
  return options


def find_tests(options):
  """Names FILE::FUNCTION, in the order of the files."""
  tests = []
  for folder in options.folders:
    for file in sorted(Path(folder).resolve().glob("test_*.py")):
      names = re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)
      tests += [f"{file}::{name}" for name in names if re.search(options.filter, f"{file.stem[5:]}/{name[5:]}")]
  return tests


def title(options, test):
  file, function = test.split("::")
  return "/".join(filter(None, [options.label, Path(file).stem[5:], function[5:]]))


def run_here(options):
  """Runs the one test that this process was started for; returns the exit status."""
  file, function = options.one.split("::")
  sys.path.append(str(Path(file).parent))
  spec = importlib.util.spec_from_file_location(Path(file).stem, file)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  with World(options) as world:
    try:
      getattr(module, function)(world)
      world.finish()
      return 0
    except netlab.Skipped as reason:
      print(reason)
      return SKIPPED_STATUS
    except Exception as error:
      print(error if isinstance(error, netlab.Failed) else traceback.format_exc())
      if isinstance(error, netlab.Failed):
        print("".join(traceback.format_tb(error.__traceback__)))
      for node in world.nodes:
        print(node.log_tail())
      return 1


def run_apart(options, test):
  """Runs one test in a process and namespaces of its own. Returns its status, output and duration."""
  started = time.monotonic()
  arguments = [sys.executable, str(HERE / "run.py"), *sys.argv[1:], "--one", test]
  bound = TEST_SECONDS_MAX + THROUGHPUT_RUNS_MAX * options.seconds
  with netlab.temporary_folder() as folder:
    child = netlab.start_inside(arguments, folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL, text=True, errors="replace")
    try:
      output, _ = child.communicate(timeout=bound)
      status = child.returncode
    except subprocess.TimeoutExpired:
      child.kill()
      output, status = child.communicate()[0] + f"\nended after {bound} s", 1
  return status, output, time.monotonic() - started


def report(options, test, status, output, seconds):
  word = {0: "ok", SKIPPED_STATUS: "skipped"}.get(status, "FAILED")
  print(f"{word:8}{title(options, test)}  {seconds:.1f} s", flush=True)
  if status == SKIPPED_STATUS:
    print(f"        {output.strip()}", flush=True)
  elif status != 0:
    print("\n".join("    | " + line for line in output.splitlines()), flush=True)
  else:
    # Figures that a test tells.
    print("".join(f"        {line}\n" for line in output.splitlines()), end="", flush=True)


def count(options, passed, failed, skipped):
  if options.tally:
    Path(options.tally).write_text(f"{passed} {failed} {skipped}\n")
  else:
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
  return 1 if failed or passed + skipped == 0 else 0


def main():
  options = parse()
  if options.one:
    return run_here(options)
  tests = find_tests(options)
  reason = netlab.why_not()
  if reason is not None:
    print(f"{len(tests)} tests with real nodes skipped: {reason}")
    return count(options, 0, 0, len(tests))
  if not os.access(options.program, os.X_OK):
    print(f"no program at {options.program}")
    return count(options, 0, len(tests), 0)
  statuses = []
  pool = concurrent.futures.ThreadPoolExecutor(options.jobs)
  try:
    for test, result in [(test, pool.submit(run_apart, options, test)) for test in tests]:
      status, output, seconds = result.result()
      report(options, test, status, output, seconds)
      statuses.append(status)
  except KeyboardInterrupt:
    pool.shutdown(cancel_futures=True)
    print("stopped, everything is cleaned up")
    return 130
  passed, skipped = statuses.count(0), statuses.count(SKIPPED_STATUS)
  return count(options, passed, len(statuses) - passed - skipped, skipped)


if __name__ == "__main__":
  sys.exit(main())
