"""Our public address, when services are slow, wrong or hostile."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from acme_companion.decide.own_addresses import Agreed, agree, parse_answer, settled

ONE, TWO, THREE = (IPv4Address(f"1.2.3.{last}") for last in (1, 2, 3))


@pytest.mark.parametrize(
    ("answers", "remembered", "agreed"),
    [
        pytest.param([ONE, ONE], None, Agreed(ONE), id="two agree"),
        pytest.param([ONE], TWO, Agreed(ONE), id="a single answer counts more than memory"),
        pytest.param([TWO, ONE, ONE], None, Agreed(ONE), id="most win"),
        pytest.param(
            [ONE, TWO], None,
            Agreed(None, "public IPv4: services disagree (1.2.3.1 and 1.2.3.2): set it in the settings"),
            id="a draw decides nothing",
        ),
        pytest.param(
            [ONE, TWO], TWO,
            Agreed(TWO, "public IPv4: services disagree (1.2.3.1 and 1.2.3.2); 1.2.3.2 was ours before", remembered=True),
            id="memory breaks a draw",
        ),
        pytest.param(
            [ONE, TWO], THREE,
            Agreed(None, "public IPv4: services disagree (1.2.3.1 and 1.2.3.2): set it in the settings"),
            id="but not with an address that nobody told",
        ),
        pytest.param(
            [], ONE,
            Agreed(
                    ONE,
                    "public IPv4: nobody could tell (a answered 500; b did not answer in time); 1.2.3.1 was ours before",
                    remembered=True,
                ),
            id="nobody answers: memory",
        ),
        pytest.param(
            [], None,
            Agreed(None, "public IPv4: not known (a answered 500; b did not answer in time)"),
            id="nobody answers and nothing is remembered",
        ),
    ],
)  # fmt: skip
def test_agree(
    answers: list[IPv4Address], remembered: IPv4Address | None, agreed: Agreed[IPv4Address]
) -> None:
    """Most services win; without an answer an outage costs no address that was known."""
    failures = ["a answered 500", "a answered 500", "b did not answer in time"]
    assert agree("IPv4", answers, failures, remembered) == agreed


def test_no_service() -> None:
    """Without a service and without a fixed address the sentence says so."""
    none: list[IPv4Address] = []
    assert agree("IPv4", none, [], None) == Agreed(
        None, "public IPv4: not known (no service to ask is configured)"
    )


@pytest.mark.parametrize(
    ("body", "parsed"),
    [
        pytest.param(b" 1.2.3.1\r\n", ONE, id="white space around is fine"),
        pytest.param(b"2606:4700::1", "an address of the other family", id="the other family"),
        pytest.param(b"10.0.0.1", "10.0.0.1, which is not a public address", id="a private address"),
        pytest.param(b"100.64.0.1", "100.64.0.1, which is not a public address", id="carrier-grade NAT"),
        pytest.param(b"224.0.1.1", "224.0.1.1, which is not a public address", id="a multicast address"),
        pytest.param(b"", "something that is not an address", id="nothing (mailcow's empty IP)"),
        pytest.param(b"<html>\x1b[31m", "something that is not an address", id="a web page"),
        pytest.param("１.2.3.4".encode(), "something that is not an address", id="other digits"),
        pytest.param(b"1" * 257, "more than 256 bytes", id="too long"),
    ],
)
def test_parse_answer(body: bytes, parsed: IPv4Address | str) -> None:
    """Only one global address of the family that was asked for."""
    assert parse_answer(body, IPv4Address) == parsed


def test_parse_answer_ipv6() -> None:
    """The same for IPv6."""
    assert parse_answer(b"2606:4700:0::1\n", IPv6Address) == IPv6Address("2606:4700::1")
    assert parse_answer(b"fd00::1", IPv6Address) == "fd00::1, which is not a public address"


def test_settled() -> None:
    """Two that agree end the waiting."""
    assert not settled([ONE, TWO])
    assert settled([ONE, TWO, ONE])
