"""The table of DNS providers in `docs/dns-01.md`, written from the one that the code reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_companion.decide.dns_providers import PROVIDERS, Interface

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acme_companion.decide.dns_providers import Provider

BEGIN = "<!-- The table is written by scripts/write_settings.py. -->\n"
END = "<!-- The end of the table. -->\n"


def with_table(page: str) -> str:
    """The page with the table that holds now; raises `ValueError` when the page has no place for it."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no place for the table of providers")
    return "".join((before, begin, *(f"{line}\n" for line in _table()), end, after))


def _table() -> Iterator[str]:
    yield "| `ACME_DNS_PROVIDER` | provider | needed | may be set | remarks |"
    yield "| --- | --- | --- | --- | --- |"
    for one in sorted(PROVIDERS.values(), key=lambda one: (one.interface is Interface.LEXICON, one.name)):
        needed = "<br>or ".join(" ".join(f"`{name}`" for name in way.needed) for way in one.ways)
        optional = " ".join(f"`{name}`" for name in one.optional)
        yield f"| `{one.name}` | {one.title} | {needed} | {optional} | {_remarks(one)} |"


def _remarks(provider: Provider) -> str:
    unused = ", ".join(f"`{name}`" for name in provider.unused)
    return "; ".join(filter(None, (provider.remark, f"not needed: {unused}" if unused else "")))
