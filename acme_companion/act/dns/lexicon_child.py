"""The process in which dns-lexicon works: `python -m acme_companion.act.dns.lexicon_child`.

A process of its own, as its providers wait without a limit, keep what they print and log to themselves least of all, and
cost memory that no cycle without DNS-01 needs. It reads one JSON document from its standard input (`Work`), and writes
one line of JSON to its standard output for each change, in their order: `null` when it is done, else a `Fault`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, TypedDict

from acme_companion.act.dns.lexicon_faults import Fault, fault_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lexicon.client import _ClientOperations as Operations

_TXT = "TXT"


class Change(TypedDict):
    """One value to publish or to take away; `zone` and `name` as in `TxtRecord`."""

    add: bool
    zone: str
    name: str
    value: str


class Work(TypedDict):
    """Changes for one account at a provider. `library`: lexicon's name of it; `ttl` in seconds; `secrets`: what no fault may tell."""

    library: str
    options: dict[str, str]
    secrets: list[str]
    ttl: int
    changes: list[Change]


def main() -> None:
    """Do what the standard input asks for. What providers print goes to the standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        work: Work = json.load(sys.stdin.buffer)
        for fault in _faults(work):
            print(json.dumps(fault), file=answers, flush=True)


def _faults(work: Work) -> Iterator[Fault | None]:
    logging.disable(logging.CRITICAL)  # some modules log whole requests, credentials and all
    accounts = _Accounts(work)
    with contextlib.closing(accounts):
        for change in work["changes"]:
            try:
                _carry_out(accounts.at(change["zone"]), change)
            except Exception as problem:  # noqa: BLE001 - whatever a provider's module raises
                yield fault_of(problem, work["secrets"])
            else:
                yield None


class _Accounts:
    """One signed-in client for each zone, opened when it is first needed; one that failed is not tried again."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._open = contextlib.ExitStack()
        self._by_zone: dict[str, Operations | Exception] = {}

    def at(self, zone: str) -> Operations:
        if zone not in self._by_zone:
            try:
                self._by_zone[zone] = self._open.enter_context(_client(self._work, zone))
            except Exception as problem:  # noqa: BLE001 - told for every change of this zone
                self._by_zone[zone] = problem
        found = self._by_zone[zone]
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._open.close()


def _client(work: Work, zone: str) -> Any:
    import tldextract  # noqa: PLC0415 - an extra

    # Lexicon would guess the zone by a list that it fetches from the network; we know it.
    tldextract.TLDExtract = _GivenZone  # type: ignore[assignment,misc]
    tldextract.extract = _GivenZone()  # type: ignore[assignment]
    from lexicon.client import Client  # noqa: PLC0415 - after that
    from lexicon.config import ConfigResolver  # noqa: PLC0415

    library = work["library"]
    options = {"provider_name": library, "domain": zone, "ttl": work["ttl"], library: work["options"]}
    return Client(ConfigResolver().with_dict(options))  # type: ignore[no-untyped-call]  # theirs is untyped


class _GivenZone:
    """Stands in for tldextract: every name that is asked about is a zone."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __call__(self, zone: str) -> _GivenZone:
        self.domain, _, self.suffix = zone.partition(".")
        return self


def _carry_out(account: Operations, change: Change) -> None:
    # Some providers read a full name as one below the zone, and none a relative one as anything else.
    name = change["name"].removesuffix(f".{change['zone']}")
    is_there = change["value"] in _values(account, name)
    # Some providers replace, or take away, more than they are told to when the value is not as they expect it.
    if is_there == change["add"]:
        return
    if change["add"]:
        done = account.create_record(_TXT, name, change["value"])
    else:
        done = account.delete_record(None, _TXT, name, change["value"])
    if done is False:
        raise RuntimeError("the provider did not do it, and gave no reason")


def _values(account: Operations, name: str) -> list[str]:
    try:
        records = account.list_records(_TXT, name)
    except Exception as problem:
        if getattr(getattr(problem, "response", None), "status_code", None) == 404:
            return []
        raise
    contents = [record["content"] for record in records]
    flat = [text for one in contents for text in (one if isinstance(one, list) else [one])]
    return [str(text).strip('"') for text in flat]


if __name__ == "__main__":
    main()
