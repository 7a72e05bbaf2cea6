"""A health check: `python3 -m siblings.healthy 25 465` is content when every port accepts a connection.

It says nothing about certificates: a sibling with the wrong one is healthy, and shall be found by the companion.
"""

from __future__ import annotations

import socket
import sys

for port in sys.argv[1:]:
    socket.create_connection(("127.0.0.1", int(port)), timeout=2).close()
