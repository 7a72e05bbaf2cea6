"""The CA, with a listener certificate made on its start; /pebble/ca.pem is what clients of its API must trust."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from .volume import become

FOLDER = Path("/pebble")  # a volume, read-only for the companion
DAY = 86_400
SETTINGS = {
    "listenAddress": "0.0.0.0:14000",
    "managementListenAddress": "0.0.0.0:15000",
    "certificate": "/root/listener.pem",
    "privateKey": "/root/listener.key",
    "httpPort": 80,
    "tlsPort": 443,
    "ocspResponderURL": "",
    "externalAccountBindingRequired": False,
    "retryAfter": {"authz": 1, "order": 1},
    "keyAlgorithm": "ecdsa",
    "caaIdentities": ["pebble.example"],
}
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "30")
AUTHORITY = (
    *("-subj", "/CN=Test stack listener CA", "-keyout", "/root/ca.key", "-out", "/root/ca.pem"),
    *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"),
)
LISTENER = (
    *("-subj", "/CN=pebble", "-keyout", "/root/listener.key", "-out", "/root/listener.pem"),
    *("-CA", "/root/ca.pem", "-CAkey", "/root/ca.key", "-addext", "subjectAltName=DNS:pebble,DNS:localhost"),
    *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"),
)


def main() -> None:
    """Make the listener's pair, show its authority to the companion, then become Pebble."""
    # Once per container: a client that trusts the listener shall still do so after a restart.
    if not Path("/root/listener.pem").exists():
        for arguments in (AUTHORITY, LISTENER):
            subprocess.run(["openssl", "req", "-x509", *NEW_KEY, *arguments], check=True, capture_output=True)
    fresh = FOLDER / ".ca.pem.new"
    fresh.write_bytes(Path("/root/ca.pem").read_bytes())
    fresh.chmod(0o644)
    fresh.replace(FOLDER / "ca.pem")
    config = Path("/root/pebble.json")
    settings = SETTINGS | {"profiles": dict(map(profile, os.environ["PEBBLE_PROFILES"].split()))}
    config.write_text(json.dumps({"pebble": settings}), encoding="utf-8")
    become("pebble", "-config", str(config), "-dnsserver", f"{os.environ['DNS_ADDRESS']}:53")


def profile(word: str) -> tuple[str, dict[str, object]]:
    """Read `name=days`."""
    name, _, days = word.partition("=")
    return name, {"description": f"{days} days", "validityPeriod": int(days) * DAY}


main()
