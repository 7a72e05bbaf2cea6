"""Which editor changes the records of a zone of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from acme_companion.act.dns.acmedns import AcmeDns
from acme_companion.act.dns.command import CommandEditor
from acme_companion.act.dns.lexicon import LexiconEditor
from acme_companion.act.dns.rfc2136 import Rfc2136
from acme_companion.act.dns.servercow import Servercow
from acme_companion.decide.dns_providers import PROVIDERS, Interface

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acme_companion.act.dns.editor import RecordEditor
    from acme_companion.decide.settings import DnsZone
    from acme_companion.ports import Clock, Log


def record_editor(zone: DnsZone, clock: Clock, log: Log, environment: Mapping[str, str]) -> RecordEditor:
    """The editor with the credentials of `zone`. `environment`: ours, of which child processes get a little."""
    provider = PROVIDERS[zone.provider]
    match provider.interface:
        case Interface.RFC_2136:
            return Rfc2136(zone.options, clock)
        case Interface.ACME_DNS:
            return AcmeDns(zone.options)
        case Interface.SERVERCOW:
            return Servercow(zone.options)
        case Interface.COMMAND:
            return CommandEditor(zone, log, environment)
        case Interface.LEXICON:
            return LexiconEditor(zone, provider, clock, environment)
        case _:
            assert_never(provider.interface)
