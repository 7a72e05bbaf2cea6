"""Whether the lasting record of dns-persist-01 is there, as far as we know what has to stand in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.decide.dns_challenges import persist_fault, persist_owner
from acme_companion.decide.facts import Unanswered
from acme_companion.decide.verdicts.verdict import Verdict, not_ready, ready, unknown

if TYPE_CHECKING:
    from datetime import datetime

    from acme_companion.decide.facts import NameFacts
    from acme_companion.decide.memory import Authority


def judge_lasting_record(facts: NameFacts, authority: Authority, now: datetime | None) -> Verdict:
    """By the CA's identities and our account there; without either the first order finds out, and validates nothing."""
    owner, values = persist_owner(facts.name), facts.validation_records
    if not authority.account_uri or not authority.caa_identities:
        return ready(
            f"what {owner} has to hold is told when the CA is asked for the first time, which registers our account"
        )
    if values is None or isinstance(values, Unanswered):
        why = values.why if values else "it was not asked for"
        return unknown(f"whether {owner} holds the record of dns-persist-01 is not known: {why}")
    fault = persist_fault(facts.name, values, authority.caa_identities, authority.account_uri, now)
    return not_ready(fault) if fault else ready(f"{owner} lets our account validate it")
