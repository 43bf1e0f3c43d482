#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line from outside: run.py PATH_OF_MYCELIUM [-v]

Part 1 replays recorded exchanges (tests/vectors/cli-traces.json, explained in its first entry) that this version should
answer alike: help frames, usage errors, inspect. Part 2 checks what this program does in its own way: key files,
configuration, tables against a stub of the REST API, exit statuses.
"""
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRACES = HERE.parent / "vectors" / "cli-traces.json"
PROGRAM = ""
PRIVATE_PROGRAM = ""  # the same by its other name
LAST_LINE = "\nFor more information, try '--help'.\n"

# Private key, public key, address.
VECTORS = [
  ("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
   "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", "520:c662:fd00:9e92:5d99:34ed:ab8:82ab"),
  (bytes(range(32)).hex(),
   "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f", "430:9364:d8d8:84a9:dd60:de78:c767:d361"),
  ("01" * 32,
   "a4e09292b651c278b9772c569f5fa9bb13d906b46ab68c9df9dc2b4409f8a209", "414:efbc:51e5:8f3f:549:e713:e46b:c2eb"),
]
KEY_ONLY = ("bb39b4a3a4efd70f3e05e37887677e02efbda14681d0acd3882bc0f754792c32",
            "57f:ad8b:cfa2:e46a:adb7:fe0d:4878:1f71")

# Options and commands that the recorded exchanges have and this version does not: exchanges that name them are left out,
# and help pages are compared without them.
LATER_COMMANDS = {"message", "proxy", "stats", "add", "remove"}
LATER_OPTIONS = {
  "--jsonrpc-addr", "--metrics-api-address", "--update-workers", "--topic-config", "--cdn-cache", "--enable-dns",
}
# Recorded usage errors that are none here: peers may have host names, and the configuration file may have the other half
# of a private network.
NO_USAGE_ERRORS = (["--peers", "tcp://h:5"], ["--network-name", "abc"], ["--network-key-file", "x"])
# Options that only this version has.
OWN_OPTIONS = {"--lanes"}
# Options whose default only our help shows.
OWN_DEFAULTS = {"--tun-name"}


def identity_lines(public_key, address):
  return f"Public key: {public_key}\nAddress: {address}\n"


def identity_json(public_key, address):
  return f'{{\n  "publicKey": "{public_key}",\n  "address": "{address}"\n}}\n'


class Case(unittest.TestCase):
  """A scratch directory that is also the home, and the program run in it."""

  def setUp(self):
    self.dir = Path(tempfile.mkdtemp(prefix="mycelium-cli-"))
    self.addCleanup(shutil.rmtree, self.dir)
    self.home = self.dir / "home"
    self.home.mkdir()
    self.env = {"HOME": str(self.home), "PATH": os.environ.get("PATH", ""), "NO_COLOR": "1",
                "http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
    for name in os.environ:
      if name.endswith("SAN_OPTIONS"):
        self.env[name] = os.environ[name]

  def run_program(self, *argv, program=None, stdout=subprocess.PIPE):
    return subprocess.run([program or PROGRAM, *map(str, argv)], env=self.env, cwd=self.dir, stdin=subprocess.DEVNULL,
                          stdout=stdout, stderr=subprocess.PIPE, timeout=60, text=True)

  def check(self, argv, status, stdout="", stderr=None, program=None):
    """Runs, compares status and standard output, and standard error when given. Returns the result."""
    result = self.run_program(*argv, program=program)
    told = f"{argv}\nstdout: {result.stdout}\nstderr: {result.stderr}"
    self.assertEqual(result.returncode, status, told)
    if stdout is not None:
      self.assertEqual(result.stdout, stdout, told)
    if stderr is not None:
      self.assertEqual(result.stderr, stderr, told)
    return result

  def check_error(self, argv, *parts):
    """Fails with status 1 and exactly one line "error: ..." that contains the parts."""
    result = self.check(argv, 1)
    self.assertRegex(result.stderr, r"\Aerror: [^\n]+\n\Z")
    for part in parts:
      self.assertIn(str(part), result.stderr)
    return result

  def write(self, name, content):
    path = self.dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# ---- part 1: recorded exchanges ----

def forget_descriptions(page):
  """A help page with each free text as <TEXT>, without examples, and without what one side does not have."""
  page = page.split("\nExamples:\n")[0]
  head, *sections = re.split(r"^(?=Usage:|Commands:$|Arguments:$|Options:$)", page, flags=re.M)
  kept = ["<TEXT>\n" if head.strip() else ""]
  for section in sections:
    title, *lines = section.rstrip("\n").split("\n")
    if title.startswith("Usage:"):
      kept.append(title)
    elif title == "Options:":
      kept += [title, *option_heads("\n".join(lines))]
    else:
      words = [line.split()[0] for line in lines if re.match(r"  \S", line)]
      kept += [title, *(word for word in words if word not in LATER_COMMANDS)]
  return "\n".join(kept)


def option_heads(text):
  """The heads of the options in their order, with their defaults. -k and -c may stand among the others."""
  heads = []
  for block in re.split(r"^(?=  (?:-\w, |    )--)", text, flags=re.M):
    match = re.match(r"  (?:-\w, |    )(--[\w-]+)( <\w+>(?:\.\.\.)?)?", block)
    if match is None or match[1] in LATER_OPTIONS | OWN_OPTIONS:
      continue
    default = re.search(r"^ {10}\[default: (.*)\]$", block, flags=re.M)
    heads.append(match[0] + (f" = {default[1]}" if default and match[1] not in OWN_DEFAULTS else ""))
  is_top = any("--silent" in head for head in heads)
  return heads if is_top else sorted(heads)


def later(argv):
  return bool((LATER_COMMANDS | LATER_OPTIONS) & set(argv))


class Recorded(Case):
  @classmethod
  def setUpClass(cls):
    cls.entries = [entry for entry in json.loads(TRACES.read_text()) if not later(entry.get("argv", []))]

  def entries_named(self, *names, at_least):
    entries = [entry for entry in self.entries if entry["name"] in names]
    self.assertGreaterEqual(len(entries), at_least)
    return entries

  def recorded(self, text):
    return text.replace("mycelium-private", "mycelium")

  def test_help_pages(self):
    for entry in self.entries_named("help", "help-short", "help-word", "no-subcommand", at_least=10):
      with self.subTest(argv=entry["argv"]):
        result = self.run_program(*entry["argv"])
        self.assertEqual(result.returncode, entry["exit"])
        for ours, theirs in ((result.stdout, entry["stdout"]), (result.stderr, entry["stderr"])):
          self.assertEqual(forget_descriptions(ours), forget_descriptions(self.recorded(theirs)))
          self.assertEqual(ours.endswith("\n") and not ours.endswith("\n\n"), theirs.endswith("\n"))

  def test_long_help_separates_options(self):
    options = self.run_program("--help").stdout.split("Options:\n")[1].split("\nExamples:")[0]
    for block in options.rstrip("\n").split("\n\n"):
      self.assertRegex(block, r"\A  (-\w, |    )--[\w-]+[^\n]*(\n {10}[^\n]*)+\Z")
    self.assertNotIn("\n\n", self.run_program("-h").stdout.split("Options:\n")[1])

  def test_version(self):
    for entry in self.entries_named("version", at_least=2):
      result = self.check(entry["argv"], 0, stdout=None, stderr="")
      self.assertRegex(result.stdout, r"\Amycelium \d+\.\d+\.\d+\n\Z")

  def test_private_name(self):
    """The same program called mycelium-private, which is the name in the recorded exchanges."""
    version = self.run_program("--version", program=PRIVATE_PROGRAM)
    self.assertEqual(version.stdout, self.run_program("--version").stdout.replace("mycelium ", "mycelium-private "))
    for argv in (["--help"], ["peers"], ["--foo"], ["peers", "list", "x"], ["-t", "1", "-t", "2"]):
      with self.subTest(argv=argv):
        entry = next(entry for entry in self.entries if entry.get("argv") == argv)
        result = self.run_program(*argv, program=PRIVATE_PROGRAM)
        self.assertEqual(result.returncode, entry["exit"])
        self.assertEqual(forget_descriptions(result.stdout), forget_descriptions(entry["stdout"]))
        self.assertEqual(forget_descriptions(result.stderr), forget_descriptions(entry["stderr"]))
    self.check(["inspect", VECTORS[0][1]], 0, identity_lines(*VECTORS[0][1:]), "", program=PRIVATE_PROGRAM)

  def test_usage_errors(self):
    for entry in self.entries_named("usage", "version-in-sub", at_least=35):
      if entry["argv"] in NO_USAGE_ERRORS:
        continue
      with self.subTest(argv=entry["argv"]):
        result = self.run_program(*entry["argv"])
        self.assertEqual(result.returncode, entry["exit"])
        if entry["exit"] != 2:
          continue
        self.assertEqual(result.stdout, "")
        ours = result.stderr
        if "'--peers " in ours:
          # A tip of our own may follow what a peer lacks.
          ours = re.sub(r"\n  tip: [^\n]+\n", "", ours)
        self.assertEqual(ours, self.recorded(entry["stderr"]))

  def place(self, argv):
    """The key files that the recorded exchanges use."""
    (self.dir / "A").mkdir(exist_ok=True)
    self.write("A/key.bin", bytes.fromhex(VECTORS[2][0]))
    self.write("k2", bytes.fromhex(VECTORS[0][0]))
    self.write("k33", bytes.fromhex(VECTORS[0][0]) + b"x")
    self.write("k31", bytes.fromhex(VECTORS[0][0])[:31])
    self.write("k0", b"")
    return [word.replace("<TMP>", str(self.dir)) for word in argv]

  def test_inspect(self):
    stricter = 0
    entries = self.entries_named("inspect", "inspect-json", "inspect-key", "inspect-key-after", "inspect-key-json",
                                 "inspect-key-no-file", "inspect-no-file", "inspect-short", "inspect-empty",
                                 "inspect-33", "inspect-dir", at_least=15)
    for entry in entries:
      with self.subTest(argv=entry["argv"]):
        result = self.run_program(*self.place(entry["argv"]))
        if entry["exit"] == 0 and result.returncode == 1 and len(entry["argv"][-1]) > 64:
          stricter += 1  # exactly 64 digits here
        elif entry["exit"] == 0:
          self.assertEqual((result.returncode, result.stdout), (0, entry["stdout"]))
        else:
          self.assertEqual((result.returncode, result.stdout), (entry["exit"], ""))
          self.assertRegex(result.stderr, r"\Aerror: [^\n]+\n\Z")
    self.assertEqual(stricter, 1)

  def test_unreachable(self):
    for entry in self.entries_named("unreachable", at_least=5):
      with self.subTest(argv=entry["argv"]):
        address = f"127.0.0.1:{free_port()}"
        argv = [address if word == "127.0.0.1:26999" else word for word in self.place(entry["argv"])]
        self.check(argv, entry["exit"], "", f"error: No node answers on {address}. Is it running? (--api-addr)\n")


# ---- part 2: keys ----

class Keys(Case):
  def test_vectors(self):
    for secret, public_key, address in VECTORS:
      path = self.write("key", bytes.fromhex(secret))
      path.chmod(0o600)
      self.check(["-k", path, "inspect"], 0, identity_lines(public_key, address), f"Key file {path}\n")
      self.check(["inspect", "-k", path, "--json"], 0, identity_json(public_key, address))
      self.check(["--silent", "-k", path, "inspect"], 0, identity_lines(public_key, address), "")
      self.check(["inspect", public_key], 0, identity_lines(public_key, address), "")
      self.check(["inspect", public_key.upper(), "--json"], 0, identity_json(public_key, address), "")
    self.check(["inspect", KEY_ONLY[0]], 0, identity_lines(*KEY_ONLY), "")

  def test_key_argument_needs_64_digits(self):
    key = VECTORS[0][1]
    for wrong in (key[:62], key[:63], key + "0", key + "00", "", "0x" + key, key[:63] + "g", key[:63] + "\u00e9"):
      self.check_error(["inspect", wrong], "64 hex digits")

  def test_key_argument_reads_no_file(self):
    path = self.write("short", b"x" * 31)
    self.check(["-k", path, "inspect", VECTORS[0][1]], 0, identity_lines(*VECTORS[0][1:]), "")

  def test_inspect_creates_nothing(self):
    self.check_error(["inspect"], self.home / ".local/share/mycelium/priv_key.bin", "generate-keys")
    self.assertEqual(list(self.home.iterdir()), [])

  def test_bad_key_files(self):
    self.check_error(["-k", self.write("k31", b"\1" * 31), "inspect"], "k31", "31 bytes", "32 are needed")
    self.check_error(["-k", self.dir, "inspect"], self.dir, "directory")
    self.check_error(["-k", self.write("text", "root:x:0:0:root:/root:/bin/bash\n" * 2), "inspect"], "text")
    longer = self.write("k33", bytes.fromhex(VECTORS[0][0]) + b"\1")
    longer.chmod(0o600)
    result = self.check(["-k", longer, "inspect"], 0, identity_lines(*VECTORS[0][1:]))
    self.assertIn("warning: ", result.stderr)

  def test_generate(self):
    path = self.home / ".local/share/mycelium/priv_key.bin"
    result = self.check(["generate-keys"], 0, stdout=None, stderr="")
    shown = result.stdout
    self.assertRegex(shown, r"\APublic key: [0-9a-f]{64}\nAddress: [45][0-9a-f]{2}:[0-9a-f:]+\n\Z")
    self.assertEqual(path.stat().st_size, 32)
    self.assertEqual(path.stat().st_mode & 0o777, 0o600)
    self.assertEqual(path.parent.stat().st_mode & 0o777, 0o700)
    self.check(["inspect"], 0, shown, f"Key file {path}\n")

    content = path.read_bytes()
    result = self.check(["generate-keys"], 0, "")
    self.assertRegex(result.stderr, r"\A[^\n]+--force[^\n]+\n\Z")
    self.assertEqual(path.read_bytes(), content)

    result = self.check(["generate-keys", "--force"], 0, stdout=None, stderr="")
    self.assertNotEqual(path.read_bytes(), content)
    self.assertNotEqual(result.stdout, shown)
    self.check(["inspect"], 0, result.stdout)
    self.assertEqual([entry.name for entry in path.parent.iterdir()], ["priv_key.bin"])

  def test_generate_with_a_short_file(self):
    path = self.write("short", b"\1" * 31)
    self.check_error(["-k", path, "generate-keys"], path, "31 bytes")
    self.assertEqual(path.read_bytes(), b"\1" * 31)
    self.check(["-k", path, "generate-keys", "--force"], 0, stdout=None, stderr="")
    self.assertEqual(path.stat().st_size, 32)

  def test_generate_elsewhere(self):
    self.check_error(["-k", self.dir / "no/such/key", "generate-keys"], self.dir / "no/such/key")
    self.env["XDG_DATA_HOME"] = str(self.dir / "data")
    self.check(["generate-keys"], 0, stdout=None)
    self.assertEqual((self.dir / "data/mycelium/priv_key.bin").stat().st_size, 32)

  def test_output_that_cannot_be_written(self):
    with open("/dev/full", "w") as full:
      result = self.run_program("inspect", VECTORS[0][1], stdout=full)
    self.assertEqual(result.returncode, 1)
    self.assertRegex(result.stderr, r"\Aerror: [^\n]+\n\Z")


# ---- part 2: a stub of the REST API ----

class Stub(http.server.BaseHTTPRequestHandler):
  answers = {}  # path: (status, body)
  requests = []

  def do_GET(self):
    Stub.requests.append(self.path)
    status, body = Stub.answers.get(self.path, (404, ""))
    body = body.encode()
    self.send_response(status)
    self.send_header("Content-Type", "application/json")
    self.send_header("Content-Length", str(len(body)))
    self.end_headers()
    self.wfile.write(body)

  def log_message(self, *args):
    pass


PEERS = [
  {"endpoint": {"proto": "tcp", "addr": {"socket": "192.0.2.6:9651"}}, "type": "static", "connectionState": "alive",
   "txBytes": 464531564, "rxBytes": 64645089, "discovered": 3725, "lastConnected": 3720},
  {"endpoint": {"proto": "quic", "addr": {"socket": "[2001:db8::2]:9651"}}, "type": "static",
   "connectionState": "dead", "txBytes": 0, "rxBytes": 0, "discovered": 59, "lastConnected": None},
  {"endpoint": {"proto": "tcp", "addr": {"socket": "[fe80::1%2]:9651"}}, "type": "linkLocalDiscovery",
   "connectionState": "connecting", "txBytes": 1024, "rxBytes": 1023, "discovered": 60, "lastConnected": 7},
]
PEERS_TABLE = """\
+----------+--------------------+--------------------+------------+-----------+------------+------------+-----------------+
| Protocol | Socket             | Type               | Connection | Rx total  | Tx total   | Discovered | Last connection |
+----------+--------------------+--------------------+------------+-----------+------------+------------+-----------------+
| Tcp      | 192.0.2.6:9651     | Static             | Alive      | 61.65 MiB | 443.01 MiB | 1h 2m 5s   | 1h 2m 0s        |
+----------+--------------------+--------------------+------------+-----------+------------+------------+-----------------+
| Quic     | [2001:db8::2]:9651 | Static             | Dead       | 0.00 B    | 0.00 B     | 59s        | Never connected |
+----------+--------------------+--------------------+------------+-----------+------------+------------+-----------------+
| Tcp      | [fe80::1%2]:9651   | LinkLocalDiscovery | Connecting | 1023.00 B | 1.00 KiB   | 1m 0s      | 7s              |
+----------+--------------------+--------------------+------------+-----------+------------+------------+-----------------+
"""
EMPTY_PEERS_TABLE = """\
+----------+--------+------+------------+----------+----------+------------+-----------------+
| Protocol | Socket | Type | Connection | Rx total | Tx total | Discovered | Last connection |
+----------+--------+------+------------+----------+----------+------------+-----------------+
"""
ROUTES = [
  {"subnet": "469:1348:ab0c:a1d8::/64", "nextHop": "TCP 203.0.113.2:60128 <-> 198.51.100.27:9651", "metric": 13,
   "seqno": 1},
  {"subnet": "54f:b680:ba6e:7ced::/64", "nextHop": "QUIC -> [2001:db8::2]:9651", "metric": "infinite", "seqno": 0},
]
ROUTES_TABLE = """\
+-------------------------+----------------------------------------------+----------+--------+
| Subnet                  | Next Hop                                     | Metric   | Seq No |
+-------------------------+----------------------------------------------+----------+--------+
| 469:1348:ab0c:a1d8::/64 | TCP 203.0.113.2:60128 <-> 198.51.100.27:9651 | 13       | 1      |
+-------------------------+----------------------------------------------+----------+--------+
| 54f:b680:ba6e:7ced::/64 | QUIC -> [2001:db8::2]:9651                   | infinite | 0      |
+-------------------------+----------------------------------------------+----------+--------+
"""
EMPTY_ROUTES_TABLE = """\
+--------+----------+--------+--------+
| Subnet | Next Hop | Metric | Seq No |
+--------+----------+--------+--------+
"""
QUERIES_TABLE = """\
+-------------------------+------------------+
| Subnet                  | Query expiration |
+-------------------------+------------------+
| 503:5478:df06:d79a::/64 | 12               |
+-------------------------+------------------+
"""
OTHER_PEERS = [
  {"endpoint": {"proto": "vsock", "addr": {"vsock": {"cid": 2, "port": 9651}}}, "type": "inbound",
   "connectionState": "alive", "txBytes": 1048576, "rxBytes": 1536, "discovered": 5184000, "lastConnected": 93600},
  {"endpoint": {"proto": "vsock", "addr": {"vsock": {"cid": 4294967295, "port": 4294967295}}}, "type": "static",
   "connectionState": "dead", "txBytes": 0, "rxBytes": 0, "discovered": 0, "lastConnected": None},
  {"endpoint": {"proto": "tls", "addr": {"socket": "[::ffff:192.0.2.6]:9651"}}, "type": "static",
   "connectionState": "alive", "txBytes": 0, "rxBytes": 0, "discovered": 0, "lastConnected": 0},
  {"endpoint": {"proto": "quic", "addr": {"socket": "host.example:9651"}}, "type": "static",
   "connectionState": "connecting", "txBytes": 0, "rxBytes": 0, "discovered": 0, "lastConnected": None},
]
OTHER_PEERS_TABLE = """\
+----------+-------------------------+---------+------------+----------+----------+--------------+-----------------+
| Protocol | Socket                  | Type    | Connection | Rx total | Tx total | Discovered   | Last connection |
+----------+-------------------------+---------+------------+----------+----------+--------------+-----------------+
| Vsock    | 2:9651                  | Inbound | Alive      | 1.50 KiB | 1.00 MiB | 60d 0h 0m 0s | 1d 2h 0m 0s     |
+----------+-------------------------+---------+------------+----------+----------+--------------+-----------------+
| Vsock    | 4294967295:4294967295   | Static  | Dead       | 0.00 B   | 0.00 B   | 0s           | Never connected |
+----------+-------------------------+---------+------------+----------+----------+--------------+-----------------+
| Tls      | [::ffff:192.0.2.6]:9651 | Static  | Alive      | 0.00 B   | 0.00 B   | 0s           | 0s              |
+----------+-------------------------+---------+------------+----------+----------+--------------+-----------------+
| Quic     | host.example:9651       | Static  | Connecting | 0.00 B   | 0.00 B   | 0s           | Never connected |
+----------+-------------------------+---------+------------+----------+----------+--------------+-----------------+
"""
QUERIES = [{"subnet": "503:5478:df06:d79a::/64", "expiration": "12"}]


def compact(value):
  return json.dumps(value, separators=(",", ":"))


def free_port():
  with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    return probe.getsockname()[1]


class Client(Case):
  def setUp(self):
    super().setUp()
    Stub.answers, Stub.requests = {}, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    self.addCleanup(server.server_close)
    self.addCleanup(server.shutdown)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    self.address = f"127.0.0.1:{server.server_port}"

  def ask(self, path, answer, argv, stdout, status=200):
    Stub.answers = {path: (status, answer)}
    self.check(["--api-addr", self.address, *argv], 0, stdout, "")
    self.assertEqual(Stub.requests[-1], path)

  def test_peers(self):
    path = "/api/v1/admin/peers"
    self.ask(path, compact(PEERS), ["peers", "list"], PEERS_TABLE)
    self.ask(path, compact(PEERS), ["peers", "list", "--json"], json.dumps(PEERS, indent=2) + "\n")
    self.ask(path, "[]", ["peers", "list"], EMPTY_PEERS_TABLE)
    self.ask(path, "[]", ["peers", "list", "--json"], "[]\n")
    self.ask(path, compact(OTHER_PEERS), ["peers", "list"], OTHER_PEERS_TABLE)
    self.ask(path, compact(OTHER_PEERS), ["peers", "list", "--json"], json.dumps(OTHER_PEERS, indent=2) + "\n")

  def test_routes(self):
    for name in ("selected", "fallback"):
      path = f"/api/v1/admin/routes/{name}"
      self.ask(path, compact(ROUTES), ["routes", name], ROUTES_TABLE)
      self.ask(path, compact(ROUTES), ["routes", name, "--json"], compact(ROUTES) + "\n")
      self.ask(path, "[]", ["routes", name], EMPTY_ROUTES_TABLE)
      self.ask(path, "[]", ["routes", name, "--json"], "[]\n")
    path = "/api/v1/admin/routes/queried"
    self.ask(path, compact(QUERIES), ["routes", "queried"], QUERIES_TABLE)
    self.ask(path, compact(QUERIES), ["routes", "queried", "--json"], compact(QUERIES) + "\n")

  def test_configuration_is_not_read(self):
    path = "/api/v1/admin/peers"
    broken = self.write("broken.toml", "api_addr = [")
    self.write("home/.config/mycelium/mycelium.toml", "nonsense")
    self.ask(path, "[]", ["-c", broken, "peers", "list", "--json"], "[]\n")
    self.assertFalse((self.home / ".local").exists())

  def test_foreign_answers(self):
    foreign = f"error: {self.address} is not the REST API of a node (--api-addr)\n"
    for argv, path in ((["peers", "list"], "peers"), (["routes", "selected"], "routes/selected"),
                       (["routes", "queried"], "routes/queried")):
      for status, body in ((200, "<html>"), (200, ""), (200, "{}"), (200, "[1]"), (200, '[{"subnet":5}]'),
                           (404, ""), (405, "Used HTTP Method is not allowed. POST is required\n")):
        with self.subTest(argv=argv, body=body):
          Stub.answers = {f"/api/v1/admin/{path}": (status, body)}
          self.check(["--api-addr", self.address, *argv], 1, "", foreign)
    Stub.answers = {"/api/v1/admin/peers": (500, "no\nmemory")}
    self.check(["--api-addr", self.address, "peers", "list", "--json"], 1, "",
               f"error: {self.address} refused with HTTP status 500: no memory\n")

  def test_not_http(self):
    with socket.create_server(("127.0.0.1", 0)) as server:
      address = f"127.0.0.1:{server.getsockname()[1]}"

      def answer():
        connection, _ = server.accept()
        connection.recv(1000)
        connection.sendall(b"SSH-2.0-x\r\n")
        connection.close()
      thread = threading.Thread(target=answer, daemon=True)
      thread.start()
      self.check(["--api-addr", address, "peers", "list"], 1, "",
                 f"error: {address} is not the REST API of a node (--api-addr)\n")
      thread.join(10)

  def test_nobody_there(self):
    address = f"[::1]:{free_port()}"
    self.check(["--api-addr", address, "routes", "selected"], 1, "",
               f"error: No node answers on {address}. Is it running? (--api-addr)\n")


# ---- part 2: the node, as far as the command line is concerned ----

class Node(Case):
  def test_command_line_before_configuration(self):
    broken = self.write("broken.toml", "peers = [")
    self.check(["-c", broken, "--foo"], 2)
    self.check(["-c", broken, "--help"], 0, stdout=None)

  def test_bad_configuration(self):
    self.check_error(["-c", self.dir / "none.toml"], self.dir / "none.toml")
    self.check_error(["-c", self.dir], self.dir, "directory")
    for text, line, part in (("peers=[\n", 1, ""), ("\ntcp_listen_port = 'x'", 2, "tcp_listen_port"),
                             ("peers = ['x']", 1, "missing leading protocol identifier"),
                             ("peers = 5", 1, "must be a list of strings"), ("no_tun = 1\nno_tun = 1", 2, "twice"),
                             ("network_name = 'a'", 1, "network_name: \"a\": network names have 2 to 64 bytes"),
                             ("peer_discovery_interfaces = ['a/b']", 1, "interface names contain neither")):
      path = self.write("c.toml", text)
      self.check_error(["-c", path], f"{path}:{line}: ", part)
    self.write("home/.config/mycelium/mycelium.toml", "tcp_listen_port = 70000")
    self.check_error([], "mycelium.toml:1: tcp_listen_port: 70000 is not in 0..=65535")

  def test_half_a_private_network(self):
    """Never starts, and above all not in the public network."""
    halves = (("--network-name", "abc", "network_name = 'abc'"), ("--network-key-file", "x", "network_key_file = 'x'"))
    for program in (PROGRAM, PRIVATE_PROGRAM):
      for option, value, line in halves:
        path = self.write("half.toml", "no_tun = true\n" + line)
        for argv, name in (([option, value], option), (["-c", path], line.split()[0]),
                           (["-c", path, option, value], option)):
          with self.subTest(program=program, argv=argv):
            result = self.check(["-k", self.dir / "key", "--silent", *argv], 1, program=program)
            self.assertEqual(result.stderr, "error: A private network needs both --network-name and --network-key-file "
                                            "(or network_name and network_key_file in the file); only "
                                            f"{name} is given.\n")
    self.assertFalse((self.dir / "key").exists())

  def test_bad_network_options(self):
    self.check(["--network-name", "a", "--network-key-file", "x"], 2, "",
               "error: invalid value 'a' for '--network-name <NETWORK_NAME>': network names have 2 to 64 bytes, this "
               f"one has 1\n{LAST_LINE}")
    self.check(["--peer-discovery-interface", "a b"], 2, "",
               "error: invalid value 'a b' for '--peer-discovery-interface <PEER_DISCOVERY_INTERFACES>': interface "
               f"names contain neither '/' nor ':' nor blanks\n{LAST_LINE}")

  def start(self, *argv):
    errors = open(self.dir / "stderr", "w+")
    self.addCleanup(errors.close)
    process = subprocess.Popen([PROGRAM, *map(str, argv)], env=self.env, cwd=self.dir, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=errors)
    self.addCleanup(process.stdout.close)

    def end():
      if process.poll() is None:
        process.kill()
      process.wait()
    self.addCleanup(end)
    return process

  def told(self):
    return (self.dir / "stderr").read_text()

  def wait_for(self, process, pattern):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
      if re.search(pattern, self.told()):
        return
      time.sleep(0.05)
    self.fail(f"status {process.poll()}, no {pattern!r} in:\n{self.told()}")

  def test_signals_and_streams(self):
    port, api = free_port(), free_port()
    path = self.write("c.toml", f"peer = []\nenable_dns = true\ntcp_listen_port = {port}\n"
                                f"api_addr = '127.0.0.1:{api}'\nno_tun = true\n"
                                "disable_quic = true\ndisable_peer_discovery = true\n"
                                "peer_discovery_interfaces = ['lo']\n")
    for number in (signal.SIGINT, signal.SIGTERM):
      process = self.start("-k", self.dir / "key", "-c", path)
      self.wait_for(process, f"tcp_listen_port {port} from ")
      self.wait_for(process, str(port) + r"(?! from )")
      time.sleep(0.5)  # until its signals are caught
      process.send_signal(number)
      stdout, _ = process.communicate(timeout=30)
      self.assertEqual(process.returncode, 0, self.told())
      self.assertEqual(stdout, b"")
      told = self.told()
      self.assertIn(f"Configuration read from {path}", told)
      self.assertIn(f'{path}:1: unknown key "peer", did you mean "peers"?', told)
      self.assertIn(f"{path}:2: enable_dns: not available in this version, ignored", told)
      self.assertIn("--disable-peer-discovery is set, ignoring --peer-discovery-interface values", told)
      self.assertNotIn("\x1b", told)


def main():
  global PROGRAM, PRIVATE_PROGRAM
  if len(sys.argv) < 2:
    sys.exit(__doc__.split("\n")[0])
  with tempfile.TemporaryDirectory(prefix="mycelium-program-") as folder:
    # Usage lines show the name as which the program is called.
    PROGRAM = str(Path(folder) / "mycelium")
    PRIVATE_PROGRAM = str(Path(folder) / "mycelium-private")
    for name in (PROGRAM, PRIVATE_PROGRAM):
      os.symlink(Path(sys.argv[1]).resolve(), name)
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])


if __name__ == "__main__":
  main()
