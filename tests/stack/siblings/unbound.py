"""The resolver, as in mailcow at the end of the subnet. It asks the stack's own name servers, as the internet is not to be had."""

from __future__ import annotations

import os
from pathlib import Path

from .volume import become

# Nothing is cached or shuffled: a test that changes a record wants it seen. Zones can be sent elsewhere while it runs:
# unbound-control forward_add example.org. ADDRESS
CONFIGURATION = """\
server:
    interface: 0.0.0.0
    access-control: 0.0.0.0/0 allow
    do-ip6: no
    do-daemonize: no
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    logfile: ""
    module-config: "iterator"
    cache-max-ttl: 0
    cache-max-negative-ttl: 0
    harden-below-nxdomain: no
    qname-minimisation: no
    rrset-roundrobin: no
    infra-host-ttl: 1
    infra-keep-probing: yes
remote-control:
    control-enable: yes
    control-interface: /run/unbound.ctl
    control-use-cert: no
forward-zone:
    name: "."
    forward-addr: {everything}
forward-zone:
    name: "{zone}"
    forward-addr: {dynamic}
"""


def main() -> None:
    """Write the configuration, then become unbound."""
    text = CONFIGURATION.format(
        everything=os.environ["EVERYTHING"], zone=os.environ["ZONE"], dynamic=os.environ["BIND"]
    )
    Path("/etc/unbound/unbound.conf").write_text(text, encoding="utf-8")
    become("unbound", "-d", "-p")


main()
