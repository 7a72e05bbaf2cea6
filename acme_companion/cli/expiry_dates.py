"""`expiry-dates`: what each published port serves, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from acme_companion.cli.clock import SystemClock
from acme_companion.cli.configuration import load_settings
from acme_companion.cli.tables import as_json, table
from acme_companion.decide.facts import Endpoint, ServedCertificate, Unanswered
from acme_companion.decide.pair import certificate_of_der
from acme_companion.look.served import served

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from datetime import datetime

    from acme_companion.decide.facts import Served
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
    """Ask every published port; 1 when one serves an expired certificate or none answers."""
    settings = load_settings(arguments.env_file)
    now = SystemClock().now()
    looks = await served(_endpoints(settings, arguments.host))
    rows = [_row(endpoint, look, now) for endpoint, look in looks.items()]
    if arguments.json:
        print(as_json(rows))
    else:
        print("TLS expiry dates:")
        cells = [
            (r["service"], f"{r['host']}:{r['port']}", r["protocol"], r["until"], r["left"], r["says"])
            for r in rows
        ]
        print(table(("SERVICE", "PORT", "PROTOCOL", "VALID UNTIL", "LEFT", "CERTIFICATE"), cells))
    good = [row for row in rows if row["days_left"] is not None]
    return DONE if good and all(row["days_left"] >= 0 for row in good) else FAILED


def _endpoints(settings: Settings, host: str | None) -> Iterator[Endpoint]:
    for variable, (service, protocol) in SERVICES.items():
        port = settings.deployment.ports[variable]
        yield Endpoint(service, host or port.host, port.port, protocol, settings.naming.hostname.text)


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
            certificate = certificate_of_der(look.der)
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
