"""What CAs advise about renewals (RFC 9773): asked for each certificate at the CA that issued it, when it is time to ask."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from acme_companion.decide.facts import Unanswered
from acme_companion.decide.names import quoted
from acme_companion.decide.renewal import ask_after_failure, window_from

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from acme_companion.decide.memory import Held, Memory
    from acme_companion.decide.pair import Certificate
    from acme_companion.decide.settings import Settings
    from acme_companion.ports import World


async def advised(settings: Settings, world: World, held: Held) -> Memory:
    """The memory with the windows of the certificates on disk, and with nothing of those that were replaced."""
    memory, now = held.memory, world.clock.now()
    mine = dict(_of_our_cas(settings, held))
    windows = {
        one.fingerprint: memory.windows[one.fingerprint] for one in mine if one.fingerprint in memory.windows
    }
    failures = dict(memory.advice_failures)
    to_ask = [one for one in mine if _due_to_ask(memory, one, now)]
    answers = await asyncio.gather(*(world.renewal_advice(f"{mine[one]}/{one.renewal_id}") for one in to_ask))
    for one, advice in zip(to_ask, answers, strict=True):
        share = world.dice.between(0, 1)
        before = windows.get(one.fingerprint)
        if isinstance(advice, Unanswered):
            world.log.debug(f"{one.names[:1]}: {advice.why}")
            failures[one.fingerprint] = ask_after_failure(
                failures.get(one.fingerprint), now, advice.why, share
            )
            continue
        failures.pop(one.fingerprint, None)
        windows[one.fingerprint] = window_from(before, advice, now, share)
        if advice.explanation and (before is None or before.explanation != advice.explanation):
            world.log.info(
                f"{one.names[0]}: the CA explains its renewal window at {quoted(advice.explanation)}"
            )
    return replace(memory, windows=windows, advice_failures=failures)


def _of_our_cas(settings: Settings, held: Held) -> Iterator[tuple[Certificate, str]]:
    """Each certificate that a CA in use issued, with its renewalInfo URL: a CA is not asked about another one's."""
    in_use = {ca.directory_url for ca in (settings.ca, settings.fallback_ca) if ca}
    for lineage in held.lineages:
        certificate = lineage.certificate
        url = held.memory.issued.get(certificate.fingerprint, "") if certificate else ""
        known = held.memory.authorities.get(url) if url in in_use else None
        if certificate and known and known.renewal_info and certificate.renewal_id:
            yield certificate, known.renewal_info


def _due_to_ask(memory: Memory, certificate: Certificate, now: datetime) -> bool:
    """RFC 9773 section 4.3: not before the CA's own time, nor after the end."""
    window = memory.windows.get(certificate.fingerprint)
    failed = memory.advice_failures.get(certificate.fingerprint)
    asked = (window and window.ask_again > now) or (failed and failed.wait_until > now)
    return certificate.not_after > now and not asked
