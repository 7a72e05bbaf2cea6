"""Counting what the ledger does not know of, because it was lost, or is older: certificates tell when they were issued."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.ledger import Ledger
from acme_companion.decide.limits.buckets import of_domain, of_names, registered_domains
from acme_companion.decide.limits.table import limits_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from acme_companion.decide.limits.table import Limits
    from acme_companion.decide.memory import Held, Memory
    from acme_companion.decide.pair import Certificate

_BACKDATED = timedelta(hours=1)
"""CAs let a certificate begin an hour before it was made."""


def found_again(held: Held, directory_url: str, now: datetime) -> Memory:
    """The memory with what its certificates took of the limits of the CA at `directory_url`, as far as nobody knows where they came from.

    Adopted ones did so as well: the CA has the same limits for whoever ordered them.
    """
    memory, limits = held.memory, limits_of(directory_url)
    if limits is None:
        return memory
    present = {
        one.certificate.fingerprint: one.certificate
        for one in (*held.lineages, *held.archived)
        if one.ours and one.certificate and not one.certificate.self_signed
    }
    unknown = [one for one in present.values() if not memory.issued.get(one.fingerprint)]
    known = memory.ledgers.get(directory_url, Ledger())
    ledger = recounted(limits, known, unknown, now)
    return memory if ledger is known else replace(memory, ledgers={**memory.ledgers, directory_url: ledger})


def recounted(limits: Limits, ledger: Ledger, certificates: Iterable[Certificate], now: datetime) -> Ledger:
    """The ledger in which at least these `certificates` were counted; the same one when they were."""
    least: dict[str, datetime] = {}
    for one in sorted(certificates, key=lambda one: one.not_before):
        at = min(one.not_before + _BACKDATED, now)
        domains = ((of_domain(domain), limits.domain) for domain in registered_domains(one.names))
        for bucket, rate in ((of_names(one.names), limits.same_names), *domains):
            least[bucket] = min(max(least.get(bucket, at), at) + rate.refill, at + rate.period)
    more = {
        bucket: moment
        for bucket, moment in least.items()
        if moment > max(now, ledger.full_at.get(bucket, now))
    }
    return replace(ledger, full_at={**ledger.full_at, **more}) if more else ledger
