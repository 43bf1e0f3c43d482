# SPDX-License-Identifier: Apache-2.0
"""Links with delay, loss and a bounded rate, which tc's netem and tbf make."""


def shape(link, *settings):
  """Each end of a link sends through netem: shape(link, "delay", "20ms", "5ms", "loss", "1%")."""
  for namespace in (link.first, link.second):
    namespace.run(["tc", "qdisc", "replace", "dev", link.interface, "root", "netem", *settings])
