"""Another CA: Caddy's, whose serial numbers have 128 bits, and which tries one address of a name after the other.

Its certificates are good for twelve hours. /pebble/caddy.pem is what clients of its API must trust.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from .volume import become

FOLDER = Path("/pebble")  # a volume, read-only for the companion
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "365")
ROOT = (
    *("-subj", "/CN=Test stack Caddy root", "-keyout", "/root/caddy.key", "-out", "/root/caddy.pem"),
    *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"),
)
CONFIGURATION = """\
{
    admin off
    skip_install_trust
    pki {
        ca local {
            root {
                cert /root/caddy.pem
                key /root/caddy.key
            }
        }
    }
}
https://caddy {
    tls internal
    acme_server
}
"""


def main() -> None:
    """Make the root, show it to the companion, then become Caddy."""
    if not Path("/root/caddy.pem").exists():
        subprocess.run(["openssl", "req", "-x509", *NEW_KEY, *ROOT], check=True, capture_output=True)
    fresh = FOLDER / ".caddy.pem.new"
    fresh.write_bytes(Path("/root/caddy.pem").read_bytes())
    fresh.chmod(0o644)
    fresh.replace(FOLDER / "caddy.pem")
    Path("/root/Caddyfile").write_text(CONFIGURATION, encoding="utf-8")
    become("caddy", "run", "--config", "/root/Caddyfile", "--adapter", "caddyfile")


main()
