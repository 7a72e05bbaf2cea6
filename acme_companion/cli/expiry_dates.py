"""`expiry-dates`: what each published port serves, and until when."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from acme_companion.act.siblings import open_siblings
from acme_companion.act.siblings.own_container import own_container_id
from acme_companion.cli.clock import SystemClock
from acme_companion.cli.configuration import load_settings
from acme_companion.cli.tables import as_json, table
from acme_companion.decide.deployment import handling
from acme_companion.decide.deployment.handling import position
from acme_companion.decide.facts import Endpoint, ServedCertificate, Unanswered
from acme_companion.decide.pair import NotAPair, certificate_of_der
from acme_companion.decide.problems import Problem
from acme_companion.decide.settings import HostPort
from acme_companion.look.served import served
from acme_companion.tell.log import LOGGER

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from acme_companion.decide.facts import Served, Sibling
    from acme_companion.decide.settings import Settings

DONE, FAILED = 0, 1

SERVICES = {  # by variable: who answers there, and how TLS begins
    "SMTP_PORT": ("Postfix", "smtp"),
    "SMTPS_PORT": ("Postfix", "tls"),
    "SUBMISSION_PORT": ("Postfix", "smtp"),
    "IMAP_PORT": ("Dovecot", "imap"),
    "IMAPS_PORT": ("Dovecot", "tls"),
    "POP_PORT": ("Dovecot", "pop3"),
    "POPS_PORT": ("Dovecot", "tls"),
    "SIEVE_PORT": ("Dovecot", "sieve"),
    "HTTPS_PORT": ("Nginx", "tls"),
}


async def expiry_dates_command(arguments: argparse.Namespace) -> int:
    """Ask every published port; 1 when one serves an expired certificate or none answers.

    From inside a container a published port can be out of reach (bound to the host's loopback, no way back through the
    router), so there the containers of services that did not answer are asked themselves.
    """
    settings = load_settings(arguments.env_file)
    rows = await _ask(_published(settings, arguments.host), "published port")
    silent = _silent_services(rows)
    note, direct = "", list[dict[str, Any]]()
    if silent and not arguments.host and (own := own_container_id()):
        note, direct = await _ask_containers(settings, own, silent, rows)
    if arguments.json:
        print(as_json([*rows, *direct]))
    else:
        print("TLS expiry dates:")
        _print(rows)
    if note:
        print(note, file=sys.stderr if arguments.json else sys.stdout)
    if direct and not arguments.json:
        _print(direct)
    good = [row for row in (*rows, *direct) if row["days_left"] is not None]
    return DONE if good and all(row["days_left"] >= 0 for row in good) else FAILED


def _print(rows: list[dict[str, Any]]) -> None:
    cells = [
        (r["service"], str(HostPort(r["host"], r["port"])), r["protocol"], r["until"], r["left"], r["says"])
        for r in rows
    ]
    print(table(("SERVICE", "PORT", "PROTOCOL", "VALID UNTIL", "LEFT", "CERTIFICATE"), cells))


async def _ask(endpoints: Iterable[Endpoint], asked: str) -> list[dict[str, Any]]:
    looks = await served(endpoints)
    now = SystemClock().now()
    return [{**_row(endpoint, look, now), "asked": asked} for endpoint, look in looks.items()]


def _published(settings: Settings, host: str | None) -> Iterator[Endpoint]:
    for variable, (service, protocol) in SERVICES.items():
        port = settings.deployment.ports[variable]
        yield Endpoint(service, host or port.host, port.port, protocol, settings.naming.hostname.text)


def _silent_services(rows: list[dict[str, Any]]) -> list[str]:
    """The services of which no published port answered, in the order of `SERVICES`."""
    answered = {row["service"] for row in rows if row["days_left"] is not None}
    return [service for service in dict.fromkeys(row["service"] for row in rows) if service not in answered]


async def _ask_containers(
    settings: Settings, own_container: str, silent: list[str], rows: list[dict[str, Any]]
) -> tuple[str, list[dict[str, Any]]]:
    """Ask the siblings that are, or may be, `silent` services at their own addresses; what was done, and the rows."""
    note = f"From inside this container no published port of {', '.join(silent)} answered"
    try:
        siblings = await open_siblings(settings.deployment, SystemClock(), LOGGER, own_container).list()
    except Problem as problem:
        return f"{note}, and the containers could not be looked for: {problem}", []
    answered = {row["service"].lower() for row in rows} - {service.lower() for service in silent}
    asked = [one for one in siblings if not any(service in one.service for service in answered)]
    direct = await _ask(_own_endpoints(settings, asked), "container")
    if not direct:
        return f"{note}, and no container was found that serves them; run this on the host", []
    return f"{note} (try it on the host); the containers themselves serve:", direct


def _own_endpoints(settings: Settings, siblings: Iterable[Sibling]) -> Iterator[Endpoint]:
    for sibling in sorted(siblings, key=position):
        how = handling(sibling, settings.deployment.https_port)
        for port in how.ports if how else ():
            for address in sibling.addresses[:1]:
                yield Endpoint(
                    sibling.service, address, port.number, port.protocol, settings.naming.hostname.text
                )


def _row(endpoint: Endpoint, look: Served, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {
        "service": endpoint.service,
        "host": endpoint.host,
        "port": endpoint.port,
        "protocol": endpoint.protocol,
        "days_left": None,
        "not_after": None,
        "fingerprint": None,
        "until": "",
        "left": "",
    }
    match look:
        case Unanswered(why):
            return {**row, "says": why}
        case ServedCertificate():
            try:
                certificate = certificate_of_der(look.der)
            except NotAPair as problem:
                return {**row, "says": str(problem)}
    days = (certificate.not_after - now).days
    return {
        **row,
        "days_left": days,
        "not_after": certificate.not_after.isoformat(),
        "fingerprint": certificate.fingerprint,
        "until": f"{certificate.not_after:%Y-%m-%d %H:%M} UTC",
        "left": f"{days} days" if days >= 0 else "EXPIRED",
        "says": ", ".join(name.text for name in certificate.names[:3]) or certificate.issuer,
    }
