"""The mail server: 25 and 587 with STARTTLS, 465 with TLS from the start, a certificate per SNI name."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .volume import VOLUME, become, certificates, hostname, wait_for_pair

SNI_MAP = Path("/etc/postfix/sni.map")
SETTINGS = {
    "compatibility_level": "3.10",
    "maillog_file": "/dev/stdout",
    "inet_interfaces": "all",
    "mydestination": "",
    "smtpd_relay_restrictions": "reject",
    "smtpd_tls_security_level": "may",
    "smtpd_tls_chain_files": f"{VOLUME}/key.pem, {VOLUME}/cert.pem",
    "smtpd_tls_cert_file": "",  # Debian sets a pair of its own
    "smtpd_tls_key_file": "",
    "tls_server_sni_maps": f"hash:{SNI_MAP}",
}


def main() -> None:
    """Write configuration and SNI map from what is in the volume now, then become Postfix."""
    wait_for_pair()
    lines = [f"{name} {found.key} {found.chain}\n" for found in certificates() for name in found.names]
    SNI_MAP.write_text("".join(lines), encoding="utf-8")
    configure("-e", *(f"{name} = {value}" for name, value in SETTINGS.items()), f"myhostname = {hostname()}")
    configure("-F", "*/*/chroot = n")
    for port, setting in ((587, "smtpd_tls_security_level=encrypt"), (465, "smtpd_tls_wrappermode=yes")):
        configure("-M", f"{port}/inet={port} inet n - n - - smtpd")
        configure("-P", f"{port}/inet/{setting}")
    # -F: the files' contents go into the map, which is why a renewed pair needs a new start.
    subprocess.run(["postmap", "-F", f"hash:{SNI_MAP}"], check=True)
    become("postfix", "start-fg")


def configure(*arguments: str) -> None:
    """Change main.cf or master.cf."""
    subprocess.run(["postconf", *arguments], check=True)


main()
