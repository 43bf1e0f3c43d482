#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the sources to the shape of the house, and prints each violation as FILE:LINE: TEXT.

    include_direction.py [ROOT]        checks the tree at ROOT (default: the tree this file is in)
    include_direction.py --self-test   checks the checker on small trees with known violations

Rules:
  * a room includes only the rooms in ALLOWED, and its own files as "room/file.h";
  * what the router includes, also through headers of other rooms, does no I/O;
  * files under src/ and sim/ have at most LINES_MAX lines, their headers a guard named after their path;
  * every source file under src/, sim/, tests/ and bench/ begins with the SPDX line (scripts: behind "#!").
"""
import re
import sys
import tempfile
from pathlib import Path

# Room: the rooms it may include besides itself. sim/ is a room of its own.
ALLOWED = {
  "base": set(),
  "crypto": {"base"},
  "wire": {"base", "crypto"},
  "router": {"base", "crypto", "wire"},
  "link": {"base", "crypto", "wire"},
  "tun": {"base", "crypto", "wire"},
  "dataplane": {"base", "crypto", "wire", "router", "link", "tun"},
  "peers": {"base", "crypto", "wire", "router"},
  "api": {"base", "crypto", "wire", "router", "dataplane", "peers"},
  "node": {"base", "crypto", "wire", "router", "link", "tun", "dataplane", "peers", "api"},
  "cli": {"base", "crypto", "wire", "peers", "node"},
  "sim": {"base", "crypto", "wire", "router", "dataplane"},
}

# Rooms that are state machines: no clock, no sockets, no files, no log, no other thread.
PURE_ROOMS = {"router"}
IMPURE_PROJECT_HEADERS = {"base/loop.h", "base/log.h", "base/ring.h"}
IMPURE_SYSTEM_HEADERS = {
  "aio.h", "dirent.h", "fcntl.h", "ifaddrs.h", "netdb.h", "poll.h", "pthread.h", "sched.h", "semaphore.h",
  "signal.h", "spawn.h", "stdio.h", "syslog.h", "termios.h", "threads.h", "time.h", "unistd.h", "uv.h", "wchar.h",
}
IMPURE_SYSTEM_FOLDERS = {"arpa", "linux", "net", "netinet", "sys", "urcu", "uv"}
PURE_EXCEPTIONS = {"sys/queue.h", "sys/types.h"}

LINES_MAX = 600
SPDX = "SPDX-License-Identifier: Apache-2.0"
C_SUFFIXES = {".c", ".h"}
SCRIPT_SUFFIXES = {".py", ".sh", ".build"}
DATA_FOLDERS = {"corpus", "vectors", "__pycache__"}

INCLUDE = re.compile(r'^\s*#\s*include\b\s*(?:(["<])([^">]+)[">])?')
DIRECTIVE = re.compile(r"^\s*#\s*(\w+)\s*(\w*)")


class Tree:
  def __init__(self, root):
    self.root = Path(root)
    self.violations = []
    self.lines = {}

  def report(self, path, line, text):
    self.violations.append((path.relative_to(self.root).as_posix(), line, text))

  def read(self, path):
    if path not in self.lines:
      self.lines[path] = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return self.lines[path]

  def files(self, folder):
    for path in sorted((self.root / folder).rglob("*")):
      inside = path.relative_to(self.root).parts[:-1]
      if path.is_file() and not DATA_FOLDERS.intersection(inside):
        yield path

  def check(self):
    for folder in ("src", "sim"):
      for path in self.files(folder):
        if path.suffix in C_SUFFIXES:
          self.check_length(path)
          self.check_includes(path)
        if path.suffix == ".h":
          self.check_guard(path)
    for folder in ("src", "sim", "tests", "bench"):
      for path in self.files(folder):
        self.check_spdx(path)
    return sorted(self.violations)

  # ---- one rule each -------------------------------------------------------------------------------------------

  def check_length(self, path):
    count = len(self.read(path))
    if count > LINES_MAX:
      self.report(path, count, f"{count} lines, at most {LINES_MAX}")

  def check_spdx(self, path):
    comment = spdx_comment(path, self.read(path))
    if comment is None:
      return
    lines = self.read(path)
    at = 1 if lines and lines[0].startswith("#!") else 0
    if len(lines) <= at or lines[at] != f"{comment} {SPDX}":
      self.report(path, at + 1, f'"{comment} {SPDX}" expected')

  def check_guard(self, path):
    guard = guard_name(path.relative_to(self.root))
    directives = []
    for number, line in enumerate(self.read(path), 1):
      match = DIRECTIVE.match(line)
      if match:
        directives.append((number, match.group(1), match.group(2)))
    expected = [("ifndef", guard), ("define", guard)]
    for i, (name, value) in enumerate(expected):
      if len(directives) <= i or directives[i][1:] != (name, value):
        self.report(path, directives[i][0] if len(directives) > i else 1, f'"#{name} {value}" expected')
        return
    if directives[-1][1] != "endif":
      self.report(path, directives[-1][0], '"#endif" of the guard expected')

  def check_includes(self, path):
    room = room_of(path.relative_to(self.root))
    if room not in ALLOWED:
      self.report(path, 1, f'"{room}" is no room: add it to ALLOWED in tests/include_direction.py')
      return
    for number, quote, target in self.includes(path):
      problem = include_problem(room, quote, target)
      if problem is None and room in PURE_ROOMS:
        problem = self.impurity(room, target, {path})
      if problem is not None:
        self.report(path, number, problem)

  # ---- helpers -------------------------------------------------------------------------------------------------

  def includes(self, path):
    for number, line in enumerate(self.read(path), 1):
      match = INCLUDE.match(line)
      if match:
        yield number, match.group(1), match.group(2)

  def impurity(self, room, target, seen):
    """Why a pure room must not include this header, or None. Follows headers of the project."""
    if target in IMPURE_PROJECT_HEADERS or is_impure_system_header(target):
      return f"{room} does no I/O and must not include {target}"
    header = self.root / ("" if target.startswith("sim/") else "src") / target
    if header in seen or not header.is_file():
      return None
    seen.add(header)
    for _, _, inner in self.includes(header):
      reason = self.impurity(room, inner, seen) if inner else None
      if reason is not None:
        return reason if " through " in reason else f"{reason} (through {target})"
    return None


def room_of(relative):
  return "sim" if relative.parts[0] == "sim" else relative.parts[1]


def guard_name(relative):
  inside = relative.parts[1:] if relative.parts[0] == "src" else relative.parts
  return "MYCELIUM_" + re.sub(r"\W", "_", "_".join(inside)).upper()


def spdx_comment(path, lines):
  """How this file writes a comment, or None when it is no source file."""
  if path.suffix in C_SUFFIXES:
    return "//"
  if path.suffix in SCRIPT_SUFFIXES or (path.suffix == "" and lines and lines[0].startswith("#!")):
    return "#"
  return None


def is_impure_system_header(target):
  if target in PURE_EXCEPTIONS:
    return False
  folder, slash, _ = target.partition("/")
  return target in IMPURE_SYSTEM_HEADERS or (slash != "" and folder in IMPURE_SYSTEM_FOLDERS)


def include_problem(room, quote, target):
  """What is wrong with the include line itself, or None."""
  if target is None:
    return "an include names its file"
  other, slash, _ = target.partition("/")
  if quote == "<":
    return f'write "{target}" in quotes' if slash and other in ALLOWED else None
  if not slash or other == "..":
    return f'write "room/file.h" instead of "{target}"'
  if other not in ALLOWED:
    return f'"{other}" is no room of this tree'
  if other != room and other not in ALLOWED[room]:
    return f"{room} must not include {other} ({target})"
  return None


# ---- self-test -------------------------------------------------------------------------------------------------------

def header(guard, body=""):
  return f"// {SPDX}\n#ifndef {guard}\n#define {guard}\n{body}#endif\n"


GOOD_TREE = {
  "src/meson.build": f"# {SPDX}\n",
  "src/base/ip6.h": header("MYCELIUM_BASE_IP6_H", "#include <string.h>\n"),
  "src/base/log.h": header("MYCELIUM_BASE_LOG_H", "#include <stdio.h>\n"),
  "src/base/problem.h": header("MYCELIUM_BASE_PROBLEM_H", "#include <stdio.h>\n"),
  "src/crypto/keys.h": header("MYCELIUM_CRYPTO_KEYS_H", '#include "base/ip6.h"\n'),
  "src/router/router.h": header("MYCELIUM_ROUTER_ROUTER_H", '#include "crypto/keys.h"\n'),
  "src/router/router.c": f'// {SPDX}\n#include "router/router.h"\n#include <sys/types.h>\n',
  "src/dataplane/lane.c": f'// {SPDX}\n#include <sys/socket.h>\n#include "router/router.h"\n#include "tun/tun.h"\n',
  "src/tun/tun.h": header("MYCELIUM_TUN_TUN_H", '#include <linux/if_tun.h>\n#include "base/log.h"\n'),
  "sim/net/world.h": header("MYCELIUM_SIM_NET_WORLD_H", '#include "router/router.h"\n'),
  "sim/main.c": f'// {SPDX}\n#include "sim/net/world.h"\n',
  "tests/run.sh": f"#!/bin/sh\n# {SPDX}\n",
  "tests/fuzz/corpus/frame/0.h": "raw bytes",
  "bench/table.py": f"# {SPDX}\n",
  "bench/readme.md": "no source\n",
}

# File, content, the line of the one violation, a part of its text.
BAD_FILES = [
  ("src/base/up.c", f'// {SPDX}\n\n#include "crypto/keys.h"\n', 3, "base must not include crypto"),
  ("src/wire/up.c", f'// {SPDX}\n#  include "router/router.h"\n', 2, "wire must not include router"),
  ("src/tun/side.c", f'// {SPDX}\n#include "router/router.h"\n', 2, "tun must not include router"),
  ("src/link/side.c", f'// {SPDX}\n#include "dataplane/lane.h"\n', 2, "link must not include dataplane"),
  ("src/peers/side.c", f'// {SPDX}\n#include "dataplane/lane.h"\n', 2, "peers must not include dataplane"),
  ("src/api/up.c", f'// {SPDX}\n#include "node/node.h"\n', 2, "api must not include node"),
  ("src/node/up.c", f'// {SPDX}\n#include "cli/command.h"\n', 2, "node must not include cli"),
  ("src/cli/main.c", f'// {SPDX}\n#include "router/router.h"\n', 2, "cli must not include router"),
  ("sim/io.c", f'// {SPDX}\n#include "link/link.h"\n', 2, "sim must not include link"),
  ("src/base/angle.c", f"// {SPDX}\n#include <wire/tlv.h>\n", 2, "in quotes"),
  ("src/base/bare.c", f'// {SPDX}\n#include "ip6.h"\n', 2, 'instead of "ip6.h"'),
  ("src/base/dots.c", f'// {SPDX}\n#include "../wire/tlv.h"\n', 2, 'instead of "../wire/tlv.h"'),
  ("src/base/macro.c", f"// {SPDX}\n#include HEADER\n", 2, "names its file"),
  ("src/base/stranger.c", f'// {SPDX}\n#include "garage/car.h"\n', 2, "is no room"),
  ("src/garage/car.c", f"// {SPDX}\n", 1, "is no room"),
  ("src/router/log.c", f'// {SPDX}\n#include "base/log.h"\n', 2, "must not include base/log.h"),
  ("src/router/ring.c", f'// {SPDX}\n#include "base/ring.h"\n', 2, "must not include base/ring.h"),
  ("src/router/clock.c", f"// {SPDX}\n#include <time.h>\n", 2, "must not include time.h"),
  ("src/router/print.c", f"// {SPDX}\n#include <stdio.h>\n", 2, "must not include stdio.h"),
  ("src/router/net.c", f"// {SPDX}\n#include <netinet/tcp.h>\n", 2, "must not include netinet/tcp.h"),
  ("src/router/deep.c", f'// {SPDX}\n#include "base/problem.h"\n', 2, "stdio.h (through base/problem.h)"),
  ("src/base/guard.h", header("MYCELIUM_GUARD_H"), 2, "#ifndef MYCELIUM_BASE_GUARD_H"),
  ("src/base/once.h", f"// {SPDX}\n#pragma once\n", 2, "#ifndef MYCELIUM_BASE_ONCE_H"),
  ("src/base/none.h", f"// {SPDX}\n", 1, "#ifndef MYCELIUM_BASE_NONE_H"),
  ("src/base/other.h", header("MYCELIUM_BASE_OTHER_H").replace("#define MY", "#define OUR"), 3, "#define MYCELIUM_"),
  ("sim/guard.h", header("MYCELIUM_GUARD_H"), 2, "#ifndef MYCELIUM_SIM_GUARD_H"),
  ("src/base/long.c", f"// {SPDX}\n" + "\n" * LINES_MAX, LINES_MAX + 1, "601 lines"),
  ("sim/long.c", f"// {SPDX}\n" + "\n" * LINES_MAX, LINES_MAX + 1, "601 lines"),
  ("src/base/license.c", "int x;\n", 1, f"// {SPDX}"),
  ("src/base/style.c", f"/* {SPDX} */\n", 1, f"// {SPDX}"),
  ("src/base/meson.build", "base_sources = files()\n", 1, f"# {SPDX}"),
  ("tests/license.c", "", 1, f"// {SPDX}"),
  ("tests/netns/license.sh", "#!/bin/sh\nexit 0\n", 2, f"# {SPDX}"),
  ("tests/netns/license", "#!/bin/sh\nexit 0\n", 2, f"# {SPDX}"),
  ("bench/license.py", "import sys\n", 1, f"# {SPDX}"),
]


def write_tree(root, files):
  for name, content in files.items():
    path = Path(root) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def check_files(files):
  with tempfile.TemporaryDirectory() as root:
    write_tree(root, files)
    return Tree(root).check()


def self_test():
  failures = [f"the good tree: {found}" for found in check_files(GOOD_TREE)]
  full = f"// {SPDX}\n" + "\n" * (LINES_MAX - 1)
  failures += [f"a file of {LINES_MAX} lines: {found}" for found in check_files({**GOOD_TREE, "src/base/full.c": full})]
  for name, content, line, text in BAD_FILES:
    found = check_files({**GOOD_TREE, name: content})
    if len(found) != 1 or found[0][:2] != (name, line) or text not in found[0][2]:
      failures.append(f"{name}:{line}: {text!r} expected, found {found}")
  for failure in failures:
    print(failure)
  print(f"{len(BAD_FILES) + 2} trees checked, {len(failures)} failures")
  return 1 if failures else 0


def main(arguments):
  if arguments == ["--self-test"]:
    return self_test()
  if len(arguments) > 1 or arguments[:1] and arguments[0].startswith("-"):
    print(__doc__, file=sys.stderr)
    return 2
  violations = Tree(arguments[0] if arguments else Path(__file__).resolve().parent.parent).check()
  for path, line, text in violations:
    print(f"{path}:{line}: {text}")
  return 1 if violations else 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
