"""Values with sane defaults, so that a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from acme_companion.decide.facts import MailDomains
from acme_companion.decide.memory import Failures, Held, HeldLineage, Memory
from acme_companion.decide.names import Name
from acme_companion.decide.pair import Certificate
from acme_companion.decide.plan import make_plan
from acme_companion.decide.settings import Ca, Naming, Settings
from acme_companion.decide.verdicts import Readiness, Verdict
from acme_companion.decide.wanted import keep_held, wanted_certificates

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CA_URL = "https://ca.example/directory"
DAY = timedelta(days=1)
HOST = "mail.example.org"


def names(text: str) -> tuple[Name, ...]:
    """`mail.example.org imap.example.com` as names."""
    return tuple(Name.parse(word) for word in text.split())


def naming(
    hostname: str = "mail.example.org", additional: str = "", prefixes: str = "", **more: object
) -> Naming:
    return Naming(Name.parse(hostname), names(additional), tuple(prefixes.split()), **more)  # type: ignore[arg-type]


def settings(made: Naming | None = None, **more: object) -> Settings:
    return Settings(naming=made or naming(), ca=Ca(CA_URL), **more)  # type: ignore[arg-type]


def domains(text: str = "", mta_sts: str = "", **more: object) -> MailDomains:
    return MailDomains(names(text), names(mta_sts), **more)  # type: ignore[arg-type]


def certificate(text: str, *, age_days: float = 10, life_days: float = 90, **more: object) -> Certificate:
    """A certificate for the names in `text`; its fingerprint is made from them, so that it is stable and unique."""
    start = NOW - age_days * DAY
    made = {
        "fingerprint": f"fingerprint of {text}",
        "spki": "the key",
        "issuer": "CN=Test CA",
        "self_signed": False,
        "renewal_id": "aki.serial",
        **more,
    }
    return Certificate(names(text), start, start + life_days * DAY, **made)  # type: ignore[arg-type]


def lineage(text: str, **more: object) -> HeldLineage:
    """A lineage of ours whose directory is that of its first name."""
    return HeldLineage(names(text)[0].directory, certificate(text, **more))  # type: ignore[arg-type]


def held(*lineages: HeldLineage, memory: Memory | None = None, **more: object) -> Held:
    """What the volume holds; every lineage was issued by `CA_URL` unless `memory` says otherwise."""
    issued = {one.certificate.fingerprint: CA_URL for one in lineages if one.certificate}
    return Held(lineages=lineages, memory=memory or Memory(issued=issued), **more)  # type: ignore[arg-type]


def verdicts(ready: str = "", not_ready: str = "", unknown: str = "") -> dict[Name, Verdict]:
    return {
        **{name: Verdict(Readiness.READY, "fine") for name in names(ready)},
        **{name: Verdict(Readiness.NOT_READY, "points elsewhere") for name in names(not_ready)},
        **{name: Verdict(Readiness.UNKNOWN, "no answer") for name in names(unknown)},
    }


def plan(
    made: Naming | None = None,
    found: MailDomains | None = None,
    seen: dict[Name, Verdict] | None = None,
    has: Held | None = None,
    *,
    force: bool = False,
) -> tuple[Any, ...]:
    """The steps for naming `made`, mail domains `found`, verdicts `seen` and a volume that `has` something."""
    made, found, has = made or naming(), found or domains(), has or held()
    wanted = wanted_certificates(made, found)
    if found.unanswered:
        wanted = keep_held(wanted, has.lineages)
    return make_plan(settings(made), found, wanted, seen or verdicts(HOST), has, NOW, force=force).steps


def failures(*, days: float = 1.0, count: int = 2, asked: bool = False) -> Failures:
    return Failures(count, NOW, NOW + days * DAY, "the CA is down", asked_by_ca=asked)
