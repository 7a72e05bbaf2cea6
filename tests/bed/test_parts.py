"""The real parts start, answer, and are gone afterwards."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from . import challtest, pebble
from .challtest import ChallengeTestServer
from .pebble import THREE_PROFILES, Pebble
from .process import LOOPBACK, StartFailedError, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield int(server.getsockname()[1])


def offer_first(port: int, module: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the search for free ports come up with `port` first."""
    offers = [port]
    monkeypatch.setattr(module, "free_port", lambda: offers.pop() if offers else free_port())


def test_ca_offers_what_the_companion_uses() -> None:
    """Renewal information and profiles are there: this is no old Pebble."""
    with Pebble(profiles=THREE_PROFILES) as ca:
        directory = ca.directory()
        assert "renewalInfo" in directory
        assert set(directory["meta"]["profiles"]) == {"default", "tlsserver", "shortlived"}
        assert ca.root_pem().startswith(b"-----BEGIN CERTIFICATE-----")


def test_ca_leaves_no_process_and_no_file() -> None:
    """Afterwards nothing listens and the folder is gone."""
    with Pebble() as ca:
        bundle, port = ca.ca_bundle, int(ca.management_url.rpartition(":")[2])

    assert not bundle.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, port), timeout=1)


def test_ca_that_cannot_start_says_why() -> None:
    """The error ends with what Pebble printed."""
    with (
        pytest.raises(StartFailedError, match="ValidityPeriod"),
        Pebble(profiles={"default": {"validityPeriod": "long"}}),
    ):
        pass


def test_ca_takes_another_port(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody took the port between looking and binding."""
    offer_first(taken, pebble, monkeypatch)

    with Pebble(http_port=5002, tls_port=5001) as ca:
        assert not ca.directory_url.endswith(f":{taken}/dir")


def test_dns_server_takes_another_port(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on without a port it could not have, so we must look."""
    offer_first(taken, challtest, monkeypatch)

    with ChallengeTestServer() as dns:
        assert not dns.management_url.endswith(f":{taken}")


def test_dns_server_remembers_questions() -> None:
    """A test can tell who was asked for, and what was not."""
    question = b"\0\1\1\0\0\1\0\0\0\0\0\0\1a\4test\0\0\1\0\1"
    with ChallengeTestServer() as dns, socket.socket(type=socket.SOCK_DGRAM) as asking:
        dns.add_a("a.test", "192.0.2.7")
        asking.settimeout(5)
        asking.connect((LOOPBACK, dns.dns_port))
        asking.send(question)

        assert bytes([192, 0, 2, 7]) in asking.recv(512)
        assert [seen["Question"]["Name"] for seen in dns.dns_history("a.test")] == ["a.test."]
        assert dns.dns_history("b.test") == []
