# SPDX-License-Identifier: Apache-2.0
"""Starts that cannot succeed: one line for each conflict, which names the thing and the remedy; status 1."""
import os
import socket
import subprocess
import time

from netlab import Skipped, check, wait_for
from node import API, PORT, endpoint


def start_in_vain(node, wrapper=()):
  """Starts a node that must end by itself with status 1, and returns what it printed."""
  done = subprocess.run([*wrapper, *node.arguments], preexec_fn=node.namespace._join, capture_output=True, text=True,
                        timeout=60, env=dict(os.environ, HOME=node.folder))
  text = done.stdout + done.stderr
  check(done.returncode == 1, f"status {done.returncode}:\n{text}")
  check("Sanitizer" not in text and "runtime error" not in text, text)
  return text


def check_told(text, *words, lines=1):
  """Exactly one line of the output has all these words, and no more than `lines` lines are errors."""
  matching = [line for line in text.splitlines() if all(word in line for word in words)]
  check(len(matching) == 1, f"{len(matching)} lines have {words}:\n{text}")
  errors = [line for line in text.splitlines() if line.strip() and " INFO " not in line]
  check(len(errors) == lines, f"{len(errors)} lines instead of {lines}:\n{text}")
  for debug_form in "Os {", "Error:", "errno", "os error":
    check(debug_form not in text, text)


def listen(address, port):
  taken = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
  taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
  taken.bind((address, port))
  taken.listen()
  return taken


def take_name(namespace, name):
  namespace.run(["ip", "link", "add", name, "type", "veth", "peer", "other"])


def test_taken_peer_port(lab):
  node = lab.node(lab.namespace("a"))
  taken = node.namespace.call(listen, "::", PORT)
  check_told(start_in_vain(node), str(PORT), "in use", "--tcp-listen-port")
  taken.close()


def test_taken_api_port(lab):
  node = lab.node(lab.namespace("a"))
  taken = node.namespace.call(listen, *API.split(":")[:1], int(API.split(":")[1]))
  check_told(start_in_vain(node), API, "in use", "--api-addr")
  taken.close()


def test_taken_interface_name(lab):
  node = lab.node(lab.namespace("a"))
  take_name(node.namespace, node.interface)
  check_told(start_in_vain(node), f'"{node.interface}"', "--tun-name")


def test_interface_of_another_node(lab):
  """The second node on a machine, started with the options of the first."""
  space = lab.namespace("a")
  lab.node(space).start()
  second = lab.node(space)
  text = start_in_vain(second)
  check_told(text, str(PORT), "--tcp-listen-port", lines=3)
  check_told(text, API, "--api-addr", lines=3)
  check_told(text, f'"{second.interface}"', "--tun-name", lines=3)


def test_short_key_file(lab):
  node = lab.node(lab.namespace("a"))
  node.write_key(b"k" * 31)
  check_told(start_in_vain(node), node.key, "31", "32", "--force")
  with open(node.key, "rb") as file:
    check(file.read() == b"k" * 31, "the key file was changed")


def test_text_as_key_file(lab):
  node = lab.node(lab.namespace("a"))
  node.write_key(b"root:x:0:0:root:/root:/bin/bash\n" * 2)
  check_told(start_in_vain(node), node.key)


def test_all_conflicts_in_one_go(lab):
  node = lab.node(lab.namespace("a"))
  node.write_key(b"k" * 31)
  taken = [node.namespace.call(listen, "::", PORT), node.namespace.call(listen, "127.0.0.1", 8989)]
  take_name(node.namespace, node.interface)
  text = start_in_vain(node)
  for words in (node.key, "31"), ("--tcp-listen-port",), ("--api-addr",), ("--tun-name",):
    check_told(text, *words, lines=4)
  for held in taken:
    held.close()


def test_without_privileges(lab):
  node = lab.node(lab.namespace("a"))
  os.chmod(lab.folder, 0o755)
  os.chown(node.folder, 65534, 65534)
  os.chown(node.key, 65534, 65534)
  as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
  tried = subprocess.run([*as_nobody, node.program, "--version"], capture_output=True)
  if tried.returncode != 0:
    raise Skipped("an ordinary user may not run the program where it lies")
  text = start_in_vain(node, as_nobody)
  check_told(text, f'"{node.interface}"', "permission denied", "--no-tun")
  alone = [word for word in node.arguments if word not in ("--tun-name", node.interface)] + ["--no-tun"]
  node.arguments = [*as_nobody, *alone]
  node.start()


def test_bad_names_are_refused(lab):
  node = lab.node(lab.namespace("a"))
  for name in "abcdefghijklmnopqrst", "a/b", "lo":
    arguments = [name if word == node.interface else word for word in node.arguments]
    done = node.namespace.run(arguments, ok=False, timeout=60)
    check(done.returncode in (1, 2), f"--tun-name {name}: status {done.returncode}:\n{done.stdout}{done.stderr}")
    check(name in done.stderr, done.stderr)


def test_first_start_makes_a_key(lab):
  node = lab.node(lab.namespace("a"))
  os.unlink(node.key)
  node.start()
  mode = os.stat(node.key).st_mode & 0o777
  check(mode == 0o600 and os.path.getsize(node.key) == 32, f"mode {mode:o}, {os.path.getsize(node.key)} bytes")
  check("No peers" in node.log(), f"a lone node does not say that it is alone:\n{node.log()}")
  address = node.address
  node.stop()
  node.start()
  check(node.address == address, "another address after a restart")


def test_unreachable_peer_is_told_once(lab):
  space = lab.namespace("a")
  node = lab.node(space, peers=["127.0.0.1"], options=["--tcp-listen-port=9000"])
  index = node.arguments.index("--tcp-listen-port")
  del node.arguments[index:index + 2]
  node.start()
  # Two attempts and more.
  space.run(["sleep", "12"])
  told = [line for line in node.log().splitlines() if f"127.0.0.1:{PORT}" in line and "refused" in line]
  check(len(told) == 1, f"{len(told)} lines:\n{node.log()}")


def test_peer_that_is_the_node_itself(lab):
  """Over each transport it is told once, and there is no link that leads nowhere."""
  space = lab.namespace("a")
  peers = [endpoint("tcp", "127.0.0.1"), endpoint("quic", "127.0.0.1"), endpoint("quic", "::1")]
  node = lab.node(space, quic=True, peers=peers).start()
  wait_for(lambda: len(node.log_lines("leads back to this node")) == len(peers), "all are told")
  wait_for(lambda: not node.live_peers(), "no connection is left")
  time.sleep(2)
  check(len(node.log_lines("leads back to this node")) == len(peers), node.log_tail())
  check(not node.live_peers() and not node.log_lines("Connected to"), node.log_tail())


def test_client_commands(lab):
  nodes = lab.line("oo")
  peers = nodes[0].cli("peers", "list", "--json")
  check('"connectionState": "alive"' in peers.stdout and peers.stderr == "", peers.stdout + peers.stderr)
  table = nodes[1].cli("peers", "list").stdout
  check("| Protocol |" in table and "Alive" in table, table)
  routes = nodes[0].cli("routes", "selected").stdout
  check("| Subnet" in routes, routes)
  alone = lab.namespace("z").run([nodes[0].program, "--api-addr", API, "peers", "list"], ok=False)
  check(alone.returncode == 1 and API in alone.stderr and alone.stdout == "", alone.stdout + alone.stderr)
  check(len(alone.stderr.splitlines()) == 1, alone.stderr)
