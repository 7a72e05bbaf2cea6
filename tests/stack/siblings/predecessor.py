"""Stands in for mailcow's own acme container, which cannot be had here: the same ACME client (acme-tiny), keys and layout.

`python3 -m siblings.predecessor mail.example.org a.example.org …` issues one certificate for these names, as the server's own
when the first is MAILCOW_HOSTNAME. What is there already is used and kept as mailcow's container would: keys, account, backups.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

VOLUME = Path("/var/lib/acme")
OWN = VOLUME / "acme"


def main(*names: str) -> None:
    """Issue a certificate for `names` and put it where consumers look."""
    OWN.mkdir(exist_ok=True)
    make_key(OWN / "account.pem", "-traditional")  # PKCS #1; and the other one PKCS #8
    make_key(OWN / "key.pem")
    folder = VOLUME / names[0]
    if folder.is_dir():
        kept = VOLUME / "backups" / folder.name / time.strftime("%Y-%m-%d_%H_%M_%S")
        shutil.copytree(folder, kept)
    folder.mkdir(exist_ok=True)
    shutil.copy2(OWN / "key.pem", folder / "key.pem")
    ordered = [names[0], *sorted(names[1:])]
    alternatives = ",".join(f"DNS:{name}" for name in ordered)
    request = (
        "-new",
        "-key",
        str(folder / "key.pem"),
        "-subj",
        "/",
        "-addext",
        f"subjectAltName={alternatives}",
    )
    run("openssl", "req", *request, "-out", str(folder / "acme.csr"))
    client = (
        "--account-key",
        str(OWN / "account.pem"),
        "--csr",
        str(folder / "acme.csr"),
        "--acme-dir",
        "/var/www/acme/",
    )
    where = ("--disable-check", "--directory-url", os.environ["DIRECTORY_URL"])
    (folder / "cert.pem").write_bytes(run("acme-tiny", *client, *where))
    (folder / "domains").write_text(" ".join(ordered), encoding="ascii")
    if names[0] == os.environ["MAILCOW_HOSTNAME"]:
        for file in ("cert.pem", "key.pem"):
            shutil.copy2(folder / file, VOLUME / file)


def make_key(path: Path, *form: str) -> None:
    """Make an RSA key of 4096 bits, unless there is one."""
    if not path.exists():
        run("openssl", "genrsa", *form, "-out", str(path), "4096")
        path.chmod(0o600)


def run(*command: str) -> bytes:
    """Give what a command printed; end with what it said when it fails."""
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


main(*sys.argv[1:])
