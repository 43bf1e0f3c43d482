# SPDX-License-Identifier: Apache-2.0
"""What one host sends arrives at the other as it was sent, through interfaces that cut and join packets."""
import random
import socket
import threading

from netlab import check
from traffic import ping, wait_reachable

PORT = 7001


def test_stream_of_small_and_large_writes(lab):
  """Segments of one byte and of full size, and all between: the kernel takes whatever is joined of them."""
  sender, receiver = lab.line("oo")
  chance = random.Random(1)
  writes = [chance.randbytes(chance.choice((1, 2, 7, 40, 500, 1328, 5000, 60000))) for _ in range(2000)]
  listening = receiver.namespace.call(socket.socket, socket.AF_INET6, socket.SOCK_STREAM)
  listening.bind((receiver.address, PORT))
  listening.listen()
  connection = sender.namespace.call(socket.create_connection, (receiver.address, PORT), 30)
  connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
  accepted = listening.accept()[0]
  accepted.settimeout(30)

  def send():
    for content in writes:
      connection.sendall(content)
    connection.shutdown(socket.SHUT_WR)

  thread = threading.Thread(target=send)
  thread.start()
  received = bytearray()
  while chunk := accepted.recv(1 << 20):
    received += chunk
  thread.join()
  check(bytes(received) == b"".join(writes), f"{len(received)} bytes came, not those that were sent")


def test_datagrams_keep_their_sizes(lab):
  sender, receiver = lab.line("oo")
  # Packets that find their key may overtake those that waited for it; that is not the subject.
  wait_reachable(sender.namespace, receiver.address)
  chance = random.Random(2)
  inbox = receiver.namespace.call(socket.socket, socket.AF_INET6, socket.SOCK_DGRAM)
  inbox.bind((receiver.address, PORT))
  inbox.settimeout(30)
  outbox = sender.namespace.call(socket.socket, socket.AF_INET6, socket.SOCK_DGRAM)
  outbox.connect((receiver.address, PORT))
  sizes = [0, 1, 1, 1, 100, 200, 50, 1352, 1352, 1352, 7]
  for _ in range(100):
    burst = [chance.randbytes(size) for size in chance.sample(sizes, len(sizes))]
    for content in burst:
      outbox.send(content)
    check([inbox.recv(65536) for _ in burst] == burst, "datagrams came otherwise than they were sent")


def test_interface_with_a_larger_mtu(lab):
  """Somebody raises it: what is too large for the overlay is lost, whatever the kernel makes of it, and nothing else."""
  sender, receiver = lab.line("oo")
  for node in sender, receiver:
    node.namespace.run(["ip", "link", "set", node.interface, "mtu", "30000"])
  listening = receiver.namespace.call(socket.socket, socket.AF_INET6, socket.SOCK_STREAM)
  listening.bind((receiver.address, PORT))
  listening.listen()
  connection = sender.namespace.call(socket.create_connection, (receiver.address, PORT), 30)
  connection.setblocking(False)
  sent = 0
  try:
    for _ in range(40):
      sent += connection.send(bytes(1 << 20))
  except BlockingIOError:
    pass
  outbox = sender.namespace.call(socket.socket, socket.AF_INET6, socket.SOCK_DGRAM)
  for size in 1352, 1353, 29952, 29953, 65487:
    outbox.sendto(bytes(size), (receiver.address, PORT))
  result = ping(sender.namespace, receiver.address, count=5)
  check(result.received == 5, result.text)
  # TCP is told a segment size that fits, whatever the interface takes.
  accepted = listening.accept()[0]
  accepted.settimeout(30)
  received = 0
  while received < sent:
    received += len(accepted.recv(1 << 20))
