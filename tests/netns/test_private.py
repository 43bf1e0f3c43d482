# SPDX-License-Identifier: Apache-2.0
"""Private networks: who has the name and the key is connected, and everybody else is told why not, once."""
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading

from netlab import Skipped, check, wait_for
from node import NETWORK, PORT, endpoint
from test_start import check_told, start_in_vain
from traffic import check_carries, wait_reachable

OTHER_KEY = NETWORK[0], bytes(32)
OTHER_NAME = "elsewhere", NETWORK[1]
# Two attempts and more.
ATTEMPTS_SECONDS = "13"


def make_pair(lab, dialled, dialler, protocol="tcp", over6=False):
  """Two nodes, not started, each with the network that is given, or None for the public one."""
  a, b = lab.namespace("a"), lab.namespace("b")
  link = lab.link(a, b)
  address = (link.address6 if over6 else link.address)[0]
  return lab.node(a, network=dialled), lab.node(b, network=dialler, peers=[endpoint(protocol, address)])


def check_link(lab, protocol, over6):
  nodes = make_pair(lab, NETWORK, NETWORK, protocol, over6)
  for node in nodes:
    node.start()
  wait_reachable(nodes[1].namespace, nodes[0].address)
  for node, shown in zip(nodes, ("tls", protocol)):
    peers = node.live_peers()
    check([peer["endpoint"]["proto"] for peer in peers] == [shown], f"{node.name}: {peers}")
    hop = node.selected_route(nodes[0] if node is nodes[1] else nodes[1])["nextHop"]
    check(hop.startswith("TLS "), f"{node.name} is connected in plain: {hop}")
  check_carries(nodes, lab)
  for node in nodes:
    node.kill()
    node.start()
    wait_reachable(nodes[1].namespace, nodes[0].address, seconds=30)


def test_link_over_ip4(lab):
  check_link(lab, "tcp", over6=False)


def test_link_over_ip6(lab):
  check_link(lab, "tls", over6=True)


def test_nothing_readable_on_the_wire(lab):
  """Between two nodes of a network not even the frames of routing can be seen: a stranger sees TLS records."""
  nodes = make_pair(lab, NETWORK, NETWORK)
  wire = nodes[0].namespace.call(socket.socket, socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
  wire.settimeout(0.1)
  for node in nodes:
    node.start()
  wait_reachable(nodes[1].namespace, nodes[0].address)
  packets = []
  try:
    while True:
      packet, address = wire.recvfrom(65536)
      packets += [packet] if address[0].startswith("veth") else []
  except TimeoutError:
    pass
  with_port = [p for p in packets if len(p) > 40 and PORT.to_bytes(2, "big") in (p[20:22], p[22:24])]
  check(len(with_port) > 10, f"only {len(with_port)} packets were seen")
  subnets = [node.api("admin")["nodeSubnet"].split("/")[0] for node in nodes]
  keys = [socket.inet_pton(socket.AF_INET6, subnet)[:8] for subnet in subnets]
  check(not any(key in packet for key in keys for packet in with_port), "a subnet is seen in plain")


def check_refused(lab, dialled, dialler, told_to_dialler, told_to_dialled):
  """They do not connect, and both say why, once."""
  nodes = make_pair(lab, dialled, dialler)
  for node in nodes:
    node.start()
  nodes[1].namespace.run(["sleep", ATTEMPTS_SECONDS])
  for node, words in zip(nodes, (told_to_dialled, told_to_dialler)):
    check(not node.live_peers(), f"{node.name} is connected")
    about = [re.sub(r"^\S+ +", "", line) for line in node.log().splitlines() if re.search(r"10\.0\.1\.[12]", line)]
    check(len(about) <= 2, f"{node.name}: {len(about)} lines about the other one:\n{node.log()}")
    check(any(re.search(words, line) for line in about), f"{node.name}: no line with /{words}/:\n{node.log()}")
    check(not re.search("errno|GNUTLS|alert [0-9]", node.log()), node.log())
    print(f"{node.name}: {about[-1]}")


def test_wrong_key(lab):
  check_refused(lab, NETWORK, OTHER_KEY, "network key differs", "network key differs")


def test_wrong_name(lab):
  check_refused(lab, NETWORK, OTHER_NAME, "network name differs", "network name differs")


def test_public_node_dials_private_one(lab):
  check_refused(lab, NETWORK, None, "closed|reset|private", "public")


def test_private_node_dials_public_one(lab):
  check_refused(lab, None, NETWORK, "public", "TLS|private")


def test_certificate_does_not_help(lab):
  """A server that has a certificate instead of the key is no member of the network."""
  if shutil.which("openssl") is None:
    raise Skipped("openssl is missing")
  nodes = make_pair(lab, NETWORK, NETWORK)
  certificate = os.path.join(lab.folder, "certificate.pem")
  subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                  "-subj", "/CN=mycelium", "-days", "2", "-keyout", certificate, "-out", certificate + ".crt"],
                 check=True, capture_output=True)
  context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
  context.load_cert_chain(certificate + ".crt", certificate)
  listening = nodes[0].namespace.call(socket.socket, socket.AF_INET6)
  listening.bind(("::", PORT))
  listening.listen()
  refused = []

  def serve():
    while True:
      try:
        accepted = listening.accept()[0]
        accepted.settimeout(10)
        context.wrap_socket(accepted, server_side=True).recv(1)
      except (OSError, ssl.SSLError) as error:
        refused.append(error)

  threading.Thread(target=serve, daemon=True).start()
  dialler = nodes[1].start()
  wait_for(lambda: refused, "the handshake comes to an end", seconds=30)
  dialler.namespace.run(["sleep", "7"])
  check(not dialler.live_peers(), "a certificate was taken for the key")
  check(len(dialler.log_lines("10.0.1.1")) == 1, dialler.log())


def test_half_a_configuration_is_refused(lab):
  """Whoever wanted a private network must not find itself in the public one."""
  space = lab.namespace("a")
  node = lab.node(space, network=NETWORK)
  where = node.arguments.index("--network-name")
  whole = node.arguments
  for without in where, where + 2:
    node.arguments = whole[:without] + whole[without + 2:]
    done = space.run(node.arguments, ok=False, timeout=30)
    check(done.returncode in (1, 2), f"status {done.returncode}:\n{done.stdout}{done.stderr}")
    check(all(word in done.stderr for word in ("--network-name", "--network-key-file")), done.stderr)
  for key, value in ("network_name", NETWORK[0]), ("network_key_file", node.network_key):
    path = os.path.join(node.folder, "half.toml")
    with open(path, "w") as file:
      file.write(f'peers = []\n{key} = "{value}"\n')
    node.arguments = whole[:where] + ["--config-file", path]
    text = start_in_vain(node)
    check("network_name" in text and "network_key_file" in text, text)
  # The other half from the command line makes it whole.
  with open(path, "w") as file:
    file.write(f'peers = []\nnetwork_name = "{NETWORK[0]}"\nnetwork_key_file = "{node.network_key}"\n')
  node.arguments = whole[:where] + ["--config-file", path]
  node.start()


def test_bad_network_keys_are_refused(lab):
  node = lab.node(lab.namespace("a"), network=NETWORK)
  node.write_key(bytes(31), node.network_key)
  check_told(start_in_vain(node), node.network_key, "31", "32")
  os.unlink(node.network_key)
  check_told(start_in_vain(node), node.network_key)
  os.mkdir(node.network_key)
  check_told(start_in_vain(node), node.network_key)
  os.rmdir(node.network_key)
  # What is behind the key does not matter: files of the deployed node may be longer.
  node.write_key(NETWORK[1] + b"\n", node.network_key)
  node.start()


def test_bad_network_names_are_refused(lab):
  for name in "x", "y" * 65, "":
    node = lab.node(lab.namespace("a"), network=(name, NETWORK[1]))
    done = node.namespace.run(node.arguments, ok=False, timeout=30)
    check(done.returncode in (1, 2) and "--network-name" in done.stderr, f"{name}: {done.returncode} {done.stderr}")
  for name in "xy", "ÿ" * 32:
    node = lab.node(lab.namespace("a"), network=(name, NETWORK[1])).start()
    node.stop()


def check_never_dialled(lab, protocol, words, **options):
  """The endpoint is kept and shown as dead; one line says why, and it is not tried again and again."""
  a, b = lab.namespace("a"), lab.namespace("b")
  link = lab.link(a, b)
  node = lab.node(b, peers=[endpoint(protocol, link.address[0])], **options).start()
  b.run(["sleep", "7"])
  peers = node.api("admin/peers")
  check([peer["connectionState"] for peer in peers] == ["dead"], f"{peers}")
  lines = node.log_lines(link.address[0])
  check(len(lines) == 1 and all(word in lines[0] for word in words), f"not one line with {words}:\n{node.log()}")
  print(re.sub(r"^\S+ +", "", lines[0]))


def test_tls_peer_of_a_public_node(lab):
  check_never_dialled(lab, "tls", ["--network-name", "--network-key-file"], quic=True)


def test_quic_peer_of_a_private_node(lab):
  check_never_dialled(lab, "quic", ["private network"], quic=True, network=NETWORK)


def test_quic_peer_with_quic_disabled(lab):
  check_never_dialled(lab, "quic", ["--disable-quic"])


def test_private_node_listens_on_no_quic_port(lab):
  """The key does not guard QUIC: even if it was not switched off, the port is closed."""
  node = lab.node(lab.namespace("a"), network=NETWORK, quic=True).start()
  sockets = node.namespace.run(["ss", "-Hlun"]).stdout
  check(f":{PORT} " not in sockets, sockets)
