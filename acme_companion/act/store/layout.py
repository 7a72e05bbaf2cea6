"""Where things lie on the volume (the layout that mailcow's siblings read), and which names can be a certificate's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acme_companion.act.store import files
from acme_companion.decide.names import quoted
from acme_companion.decide.problems import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from acme_companion.decide.names import Name

CERTIFICATE, KEY, DOMAINS, CSR = "cert.pem", "key.pem", "domains", "acme.csr"
BACKUPS, ACME, OWN, REFUSED = "backups", "acme", ".companion", "refused"
DHPARAMS, FORCE_RENEW = "dhparams.pem", "force_renew"
ORDERS = "orders"
ACCOUNTS, ACCOUNT_DIRECTORY, NEXT = "accounts", "account.directory", ".next.pem"
ACCOUNT, STATE, INTENT, PROBE = "account.pem", "state.json", "intent.json", "probe"
LEFTOVERS = "dns-records.json"

MODES = {KEY: files.PRIVATE, CERTIFICATE: files.PUBLIC, DOMAINS: files.PUBLIC, CSR: files.PUBLIC}

_OUR_FILES = {*MODES, DHPARAMS, ACCOUNT, ACCOUNT_DIRECTORY, f"account{NEXT}", STATE, INTENT, PROBE, LEFTOVERS}
_RESERVED = {CERTIFICATE, KEY, DOMAINS, DHPARAMS, BACKUPS, ACME, FORCE_RENEW}
_GENERATION = re.compile(r"\d{4}(?:-\d\d){2}(?:_\d\d){3}\Z")


def lineage(root: Path, directory: str) -> Path:
    """The path of a lineage's directory; raises `Damaged` for a name that cannot be one."""
    if not may_be_lineage(directory) or "/" in directory or "\0" in directory:
        raise Damaged(f"{root}: {quoted(directory)} cannot be the directory of a certificate")
    return root / directory


def may_be_lineage(directory: str) -> bool:
    """Whether a name in the volume's root can be a certificate's directory."""
    return bool(directory) and not directory.startswith(".") and directory not in _RESERVED


def domains(names: Iterable[Name]) -> bytes:
    """The content of `domains`: what siblings map to the pair, each entry as it stands there.

    A wildcard has two entries: nginx and Dovecot match `*.example.org`, Postfix's tls_server_sni_maps `.example.org`.
    """
    entries = ((name.text, f".{name.host}") if name.is_wildcard else (name.text,) for name in names)
    return " ".join(text for entry in entries for text in entry).encode()


def is_generation(name: str) -> bool:
    """Whether a name below `backups/<directory>/` is a generation that can be brought back."""
    return bool(_GENERATION.match(name))


def is_left_over_file(name: str) -> bool:
    """Whether a name is that of one of our files, half made (see `files.fresh_beside`), which only a crash leaves."""
    return _of_fresh(name) in _OUR_FILES


def is_left_over_generation(name: str) -> bool:
    """Whether a name is that of a generation, half made or half removed."""
    return is_generation(_of_fresh(name)[:19])


def _of_fresh(name: str) -> str:
    return name[1:-4] if name.startswith(".") and name.endswith(".new") else ""
