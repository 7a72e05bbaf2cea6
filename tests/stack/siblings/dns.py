"""A DNS server that answers every name with the web server's address, until a test says otherwise (port 8055)."""

from __future__ import annotations

import os

from .volume import become

become(
    *("pebble-challtestsrv", "-dnsserver", ":53", "-management", ":8055", "-doh", ""),
    *("-http01", "", "-https01", "", "-tlsalpn01", ""),
    *("-defaultIPv4", os.environ["DEFAULT_IPV4"], "-defaultIPv6", os.environ.get("DEFAULT_IPV6", "")),
)
