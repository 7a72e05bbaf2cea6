"""`status`: what the volume holds, when it is renewed and why, and what each endpoint serves."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from acme_companion.cli.configuration import load_settings
from acme_companion.cli.tables import as_json, table
from acme_companion.cli.wiring import open_world
from acme_companion.decide.alarm import Alarm, alarm_of
from acme_companion.decide.deployment import expected, judge
from acme_companion.decide.plan import reason_to_issue_nothing
from acme_companion.decide.problems import Problem
from acme_companion.decide.renewal import due
from acme_companion.decide.settings import HostPort
from acme_companion.tell.log import LOGGER, start_log

if TYPE_CHECKING:
    import argparse

    from acme_companion.decide.deployment import Verification
    from acme_companion.decide.memory import Held, HeldLineage
    from acme_companion.decide.pair import Certificate
    from acme_companion.decide.settings import Settings
    from acme_companion.ports import World

DONE, FAILED = 0, 1


async def status_command(arguments: argparse.Namespace) -> int:
    """1 when something is damaged, expired, or served otherwise than the volume holds it."""
    settings = load_settings(arguments.env_file)
    start_log(settings.time_zone, verbose=arguments.verbose, stream=sys.stderr)
    async with open_world(settings, LOGGER) as world:
        held = world.store.read()
        now = world.clock.now()
        seen, why_not = await _served(settings, world, held)
    server = _server(held, now)
    idle = reason_to_issue_nothing(settings, held)
    lineages = [_lineage(lineage, held, now, idle) for lineage in held.lineages]
    data: dict[str, Any] = {
        "server_pair": server,
        "issues_nothing": idle,
        "lineages": lineages,
        "endpoints": [result.as_data() for result in seen.results],
        "not_verified": [*seen.unanswered, *seen.unseen, *([why_not] if why_not else [])],
        "undeployed": list(held.memory.undeployed),
        "stopped_accounts": {
            url: one.stopped.because for url, one in held.memory.authorities.items() if one.stopped
        },
        "limited": {
            url: f"nothing is ordered before {one.closed_until:%d %b %H:%M} UTC: {one.closed_because}"
            for url, one in held.memory.ledgers.items()
            if one.closed_until and one.closed_until > now
        },
        "last_success": held.memory.last_success.isoformat() if held.memory.last_success else None,
    }
    if arguments.json:
        print(as_json(data))
    else:
        _print(data)
    whole = all(one["days_left"] is not None and one["days_left"] >= 0 for one in (server, *lineages))
    return DONE if whole and not seen.stale else FAILED


async def _served(settings: Settings, world: World, held: Held) -> tuple[Verification, str]:
    try:
        siblings = await world.siblings.list()
    except Problem as problem:
        return judge((), {}), str(problem)
    certificates = [lineage.certificate for lineage in held.lineages if lineage.certificate]
    wanted = expected(
        siblings, settings.naming.hostname, held.server, certificates, settings.deployment.https_port
    )
    return judge(wanted, await world.served(e for one in wanted for e in one.by_endpoint)), ""


def _server(held: Held, now: datetime) -> dict[str, Any]:
    if held.server is None:
        return {"days_left": None, "says": held.server_damage or "there is none yet"}
    origin = "ours" if held.server_is_ours else "not issued by us: it belongs to you and stays"
    return {
        "days_left": (held.server.not_after - now).days,
        "alarm": alarm_of(held.server, now).value,
        "not_after": held.server.not_after.isoformat(),
        "fingerprint": held.server.fingerprint,
        "self_signed": held.server.self_signed,
        "says": "self-signed, until the first certificate is issued" if held.server.self_signed else origin,
    }


def _lineage(lineage: HeldLineage, held: Held, now: datetime, idle: str) -> dict[str, Any]:
    base = {"lineage": lineage.directory, "generations": list(lineage.generations)}
    certificate = lineage.certificate
    if certificate is None:
        return {**base, "days_left": None, "names": [], "next_renewal": None, "says": lineage.damage}
    at, says = _next_renewal(lineage, certificate, held, idle)
    return {
        **base,
        "days_left": (certificate.not_after - now).days,
        "names": [name.text for name in certificate.names],
        "alarm": alarm_of(certificate, now).value,
        "issued_by": held.memory.issued.get(certificate.fingerprint, ""),
        "not_after": certificate.not_after.isoformat(),
        "fingerprint": certificate.fingerprint,
        "tlsa_3_1_1": certificate.spki,
        "next_renewal": at,
        "says": says,
    }


def _next_renewal(
    lineage: HeldLineage, certificate: Certificate, held: Held, idle: str
) -> tuple[str | None, str]:
    """When (RFC 3339), and why, or why never: nothing is promised for what is not ours to renew."""
    if not lineage.ours:
        return None, "never: not issued by us, it belongs to you and stays"
    if idle:
        return None, "never, as nothing is issued"
    when = due(certificate, held.memory.windows.get(certificate.fingerprint))
    failed = held.memory.lineage_failures.get(lineage.directory)
    waits = f"; waits until {failed.wait_until:%d %b %H:%M} UTC: {failed.because}" if failed else ""
    return when.at.isoformat(), f"{when.at:%Y-%m-%d %H:%M} UTC: {when.because}{waits}"


def _print(data: dict[str, Any]) -> None:
    server = data["server_pair"]
    print(f"cert.pem/key.pem: {_left(server)}, {server['says']}")
    if data["issues_nothing"]:
        print(f"nothing is issued: {data['issues_nothing'].removeprefix('nothing is ordered: ')}")
    last = data["last_success"]
    print(
        f"last success: {datetime.fromisoformat(last):%Y-%m-%d %H:%M} UTC"
        if last
        else "last success: none yet"
    )
    for url, line in data["limited"].items():
        print(f"{url}: {line}")
    if data["lineages"]:
        rows = [
            (one["lineage"], str(len(one["names"])), _left(one), str(len(one["generations"])), one["says"])
            for one in data["lineages"]
        ]
        print(table(("LINEAGE", "NAMES", "LEFT", "GENERATIONS", "NEXT RENEWAL"), rows))
    if data["endpoints"]:
        cells = [
            (
                e["service"],
                f"{HostPort(e['host'], e['port'])}/{e['protocol']}",
                e["sni"],
                "as it should" if e["ok"] else "ANOTHER CERTIFICATE",
            )
            for e in data["endpoints"]
        ]
        print(table(("SERVICE", "ENDPOINT", "NAME", "SERVES"), cells))
    for url, because in data["stopped_accounts"].items():
        print(f"nothing is ordered from {url}: {because}")
    if data["undeployed"]:
        print(f"not yet seen to be served: {', '.join(data['undeployed'])}")
    for line in data["not_verified"]:
        print(f"not verified: {line}")


def _left(one: dict[str, Any]) -> str:
    days = one["days_left"]
    if days is None or days < 0:
        return "none" if days is None else "EXPIRED"
    alarm = Alarm(one["alarm"])
    return f"{days} days left" + (f" ({alarm.value})" if alarm is not Alarm.NONE else "")
