"""When a TXT value counts as published: a table of what authoritative servers say."""

from __future__ import annotations

import pytest

from acme_companion.decide.facts import AuthoritativeServer, Unanswered
from acme_companion.decide.propagation import (
    NOBODY_FOR,
    SILENT_ADDRESS_FOR,
    SILENT_FOR,
    Propagation,
    ServerLook,
    propagation,
)

ONE = AuthoritativeServer("ns1.example", "192.0.2.1")
ONE_V6 = AuthoritativeServer("ns1.example", "2001:db8::1")
TWO = AuthoritativeServer("ns2.example", "192.0.2.2")
MUTE = Unanswered("no answer")
SEEN = Propagation(seen=True)


def has(server, *values):
    return ServerLook(server, values)


def mute(server, seconds):
    return ServerLook(server, MUTE, seconds)


@pytest.mark.parametrize(
    ("looks", "decided"),
    [
        pytest.param([has(ONE, "v"), has(TWO, "v")], SEEN, id="all show it"),
        pytest.param([has(ONE, "v", "other"), has(TWO, "other", "v")], SEEN, id="foreign values beside it do no harm"),
        pytest.param([has(ONE, "v"), has(TWO)],
                     Propagation(seen=False, because="ns2.example (192.0.2.2) says that there is no TXT record"),
                     id="one of two lags"),
        pytest.param([has(ONE, "v"), has(TWO, "b", "a")],
                     Propagation(seen=False, because="ns2.example (192.0.2.2) says only 'a', 'b'"), id="one has old values only"),
        pytest.param([has(ONE), mute(TWO, SILENT_FOR)],
                     Propagation(seen=False, because="ns1.example (192.0.2.1) says that there is no TXT record"),
                     id="a silent one does not excuse one that lags"),
        pytest.param([has(ONE, "v"), mute(TWO, SILENT_FOR - 1)],
                     Propagation(seen=False, because="ns2.example (192.0.2.2) does not answer (no answer)"),
                     id="a silent one is waited for a while"),
        pytest.param([has(ONE, "v"), mute(TWO, SILENT_FOR)],
                     Propagation(seen=True, passed_over=("ns2.example (192.0.2.2) does not answer (no answer)",)),
                     id="a silent one is passed over in the end"),
        pytest.param([has(ONE, "v"), mute(ONE_V6, SILENT_ADDRESS_FOR)],
                     Propagation(seen=True, passed_over=("ns1.example (2001:db8::1) does not answer (no answer)",)),
                     id="another address of a server that shows it is passed over soon"),
        pytest.param([mute(ONE, NOBODY_FOR), mute(TWO, NOBODY_FOR - 1)],
                     Propagation(seen=False, because="ns1.example (192.0.2.1) does not answer (no answer); "
                                 "ns2.example (192.0.2.2) does not answer (no answer)"),
                     id="nobody answers, for a short while only"),
        pytest.param([mute(ONE, NOBODY_FOR), mute(TWO, NOBODY_FOR)],
                     Propagation(seen=False, nobody=True, because="ns1.example (192.0.2.1) does not answer (no answer); "
                                 "ns2.example (192.0.2.2) does not answer (no answer)"),
                     id="nobody answers: the resolvers have to tell"),
        pytest.param([], Propagation(seen=False, because="its zone has no server with an address", nobody=True),
                     id="a zone without servers"),
    ],
)  # fmt: skip
def test_propagation(looks, decided):
    """All authoritative servers must show the value before the CA is asked (STANDARDS H-3, FAULTS D11)."""
    assert propagation(looks, "v") == decided
