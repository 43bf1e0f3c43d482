# SPDX-License-Identifier: Apache-2.0
"""Links with delay, loss and a bounded rate, which tc's netem and tbf make."""


def shape(link, *settings):
  """Each end of a link sends through netem: shape(link, "delay", "20ms", "5ms", "loss", "1%")."""
  for namespace in (link.first, link.second):
    namespace.run(["tc", "qdisc", "replace", "dev", link.interface, "root", "netem", *settings])


def path(lab, first, second, *settings):
  """A path between two namespaces with netem in its middle, where packets come one by one as on a wire. At an end the kernel
  hands dozens to netem as one, which are then lost together. Without a limit in the settings nothing is lost for want of room.
  Returns their addresses."""
  switch = lab.bridge(first, second)
  limit = [] if "limit" in settings else ["limit", "10000"]
  for number, space in enumerate((first, second), 1):
    space.run(["ip", "link", "set", "lan", "gso_max_segs", "1"])
    switch.run(["tc", "qdisc", "replace", "dev", f"port{number}", "root", "netem", *limit, *settings])
  return "10.1.0.1", "10.1.0.2"
