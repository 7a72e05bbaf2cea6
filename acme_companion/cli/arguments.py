"""The command line's grammar."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from acme_companion import __version__

if TYPE_CHECKING:
    from typing import TypeAlias

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no other name

REASONS = {
    "unspecified": 0,
    "keyCompromise": 1,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
}
"""Why a certificate is revoked (RFC 5280 section 5.3.1); the others are for CAs."""
ALONE = "needs the volume to itself"


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    made = argparse.ArgumentParser(
        prog="acme-companion",
        description="Keeps the TLS certificates of a mail stack right: checks names, issues, deploys, verifies.",
        epilog="Exit codes: 0 done or nothing to do; 1 something failed (the last good certificate still stands); 2 usage or settings.",
    )
    made.add_argument("--version", action="version", version=f"acme-companion {__version__}")
    made.add_argument(
        "--env-file",
        metavar="FILE",
        help="mailcow-style settings; default: /etc/acme-companion/mail.conf or ./mail.conf if there. The environment wins",
    )
    made.add_argument("--verbose", action="store_true", help="log details as well")
    commands = made.add_subparsers(dest="command", metavar="COMMAND", required=True)

    _add(commands, "run", "cycle for ever; SIGHUP or the file force_renew start a cycle now")
    once = _with_json(_add(commands, "once", f"one cycle, then exit; {ALONE}"))
    once.add_argument("--force", action="store_true", help="renew every certificate, due or not")
    _with_json(_add(commands, "check", "look at every name and say what is in the way; orders nothing"))
    _with_json(_add(commands, "plan", "what a cycle would do, and why; orders nothing"))
    _with_json(_add(commands, "status", "certificates, next renewals, and what each endpoint serves"))
    dates = _with_json(_add(commands, "expiry-dates", "what each published port serves, and until when"))
    dates.add_argument(
        "--host", help="ask this host or address; default: the hostname, or where the port is bound"
    )
    caa = _with_json(_add(commands, "caa", "the CAA records that bind your domains to your ACME account"))
    caa.add_argument(
        "--account-key",
        metavar="FILE",
        help="account key to look up, - for standard input; default: the volume's",
    )
    _with_directory_url(caa)
    caa.add_argument(
        "--domain",
        action="append",
        default=[],
        help="print the record for this domain only (may be repeated)",
    )
    caa.add_argument("--quiet", action="store_true", help="nothing but the records")
    _account(commands)
    _revoke(commands)
    _add(commands, "health", "whether the loop of `run` is alive: for a container's health check")
    return made


def _account(commands: Commands) -> None:
    account = _add(
        commands, "account", "our account at the CA: show it, have one, change its key, give it up"
    )
    deeds = account.add_subparsers(dest="deed", metavar="COMMAND", required=True)
    for deed, what in (
        ("show", "its URL, status, contact and key, and the CAA records that let nobody else issue"),
        ("register", f"have one now, and not only with the first order; {ALONE}"),
        ("rotate-key", f"change its key; its URL stays; {ALONE}"),
        ("deactivate", f"give it up for good; {ALONE}"),
    ):
        made = _with_json(_add(deeds, deed, what, of="Our account at the CA: "))
        _with_directory_url(made)
        if deed == "deactivate":
            made.add_argument("--yes", action="store_true", help="yes, for good; nothing is done without it")


def _revoke(commands: Commands) -> None:
    revoke = _with_json(_add(commands, "revoke", f"have the CA revoke a certificate; {ALONE}"))
    which = revoke.add_mutually_exclusive_group(required=True)
    which.add_argument("lineage", nargs="?", metavar="DIRECTORY", help="its directory in the volume")
    which.add_argument("--certificate", metavar="FILE", help="a certificate in PEM, wherever it lies")
    revoke.add_argument(
        "--reason",
        choices=tuple(REASONS),
        default="unspecified",
        metavar="REASON",
        help=f"one of {', '.join(REASONS)}; keyCompromise: the next cycle makes another private key; default: %(default)s",
    )
    revoke.add_argument(
        "--by-certificate-key",
        action="store_true",
        help="sign with the certificate's own key: needs no account, and is how a CA is shown a compromise",
    )
    _with_directory_url(revoke, "the one it came from")


def _add(commands: Commands, name: str, what: str, of: str = "") -> argparse.ArgumentParser:
    """A command whose own help says the same as the list of all, after `of`."""
    return commands.add_parser(
        name, help=what, description=f"{of or what[0].upper()}{what if of else what[1:]}."
    )


def _with_directory_url(command: argparse.ArgumentParser, default: str = "the one in the settings") -> None:
    command.add_argument("--directory-url", metavar="URL", help=f"the CA's directory; default: {default}")


def _with_json(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("--json", action="store_true", help="print JSON for machines")
    return command
