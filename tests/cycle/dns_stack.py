"""An installation whose names lie in zones of a real BIND, which the CA asks as well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from acme_companion.decide.settings.dns_file import parse_dns_file
from acme_companion.decide.settings.read import read
from tests.bed.process import LOOPBACK
from tests.cycle.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from acme_companion.decide.settings import Settings
    from tests.bed.bind import Bind

ZONE, LATE, BROKEN = "zone.example", "late.example", "broken.example"
"""`LATE` has a secondary that never hears of news by itself; `BROKEN` takes no update of ours."""


@dataclass
class DnsStack(Stack):
    """`base` is below ZONE. Everything is validated by dns-01 with signed updates unless a test says otherwise.

    `dns_file`: what dns-01.conf holds.
    """

    bind: Bind = field(kw_only=True)
    dns_file: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.environment |= {
            "CHECK_DNS_PORT": str(self.bind.port),
            "ACME_DNS_CHALLENGE": "y",
            "ACME_DNS_PROVIDER": "dns_nsupdate",
            "ACME_DNS_TIMEOUT": "30",
            "NSUPDATE_SERVER": LOOPBACK,
            "NSUPDATE_SERVER_PORT": str(self.bind.port),
            "NSUPDATE_KEY": self.bind.key_file,
        }

    def settings(self, environment: Mapping[str, str]) -> Settings:
        return read(environment, None, parse_dns_file(self.dns_file.encode(), "dns-01.conf"))

    def over_http(self, *names: str) -> None:
        """Give these names an address: that of our own web server, and of everything else here."""
        for name in names:
            self.bind.add(ZONE, f"{name}.", "A", LOOPBACK)

    def txt(self, *names: str) -> set[str]:
        """Every value that is published for these names now."""
        return {value for name in names for value in self.bind.txt(f"_acme-challenge.{name}")}

    def leaked(self) -> list[str]:
        text = "\n".join([*self.said, *(line for _, line in self.log.said)])
        return [*super().leaked(), *(["the TSIG key"] if self.bind.secret in text else [])]

    def ordered(self) -> list[list[str]]:
        """The names of every order that the CA understood."""
        return [sorted(one["value"] for one in order["identifiers"]) for order in self.orders()]


def domains_of(stack: Stack, directories: Iterable[str]) -> dict[str, str]:
    """The file that Postfix, Dovecot and nginx read, of each certificate."""
    return {one: (stack.volume / one / "domains").read_text() for one in directories}
