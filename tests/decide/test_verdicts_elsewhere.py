"""Verdicts on names that are validated through DNS, on names that are addresses, and on names with addresses elsewhere, too."""

import pytest

from acme_companion.decide.facts import (
    Addresses,
    CaaLook,
    NameFacts,
    ProbeReached,
)
from acme_companion.decide.names import Name
from acme_companion.decide.settings import ChallengeType
from acme_companion.decide.verdicts import Verdict, judge
from tests.decide.verdict_facts import (
    BACK,
    CHECKS,
    LE,
    NO_CAA,
    NOBODY,
    NOT_READY,
    OTHERS,
    OWN,
    READY,
    SILENT,
    SKIP,
    UNKNOWN,
    at,
    seen,
)


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        pytest.param(
            NameFacts(Name.parse("*.example.org"), Addresses(), CaaLook()), Verdict(READY, NO_CAA), id="a wildcard"
        ),
        pytest.param(
            seen(at("9.9.9.9"), SILENT, OTHERS),
            Verdict(
                NOT_READY,
                "CAA at example.org has 0 issue 'digicert.com', which does not allow letsencrypt.org for the account "
                'https://acme.example/1 by dns-01: publish example.org CAA 0 issue "letsencrypt.org" beside it, or remove it',
            ),
            id="CAA for others",
        ),
    ],
)  # fmt: skip
def test_validated_through_dns(facts: NameFacts, verdict: Verdict) -> None:
    """With DNS-01 only CAA counts, for DNS-01."""
    assert judge(facts, OWN, CHECKS, LE, ChallengeType.DNS_01) == verdict


@pytest.mark.parametrize(
    ("address", "probe", "own", "checks", "verdict"),
    [
        pytest.param(
            "1.2.3.4", ProbeReached("1.2.3.4"), OWN, CHECKS, Verdict(READY, f"1.2.3.4 is ours; {BACK}"), id="ours"
        ),
        pytest.param(
            "9.9.9.9", None, OWN, CHECKS,
            Verdict(
                NOT_READY,
                "9.9.9.9 is not this host's public address 1.2.3.4: remove it from ADDITIONAL_SAN, or write 1.2.3.4",
            ),
            id="somebody else's",
        ),
        pytest.param(
            "9.9.9.9", ProbeReached("9.9.9.9"), NOBODY, CHECKS,
            Verdict(READY, "9.9.9.9 leads to us; the probe file came back over 9.9.9.9"),
            id="ours is not known, but the probe reached us",
        ),
        pytest.param(
            "10.0.0.1", None, OWN, CHECKS,
            Verdict(
                UNKNOWN,
                "10.0.0.1 cannot be compared, because it is not public or the public address of this host is not known: set "
                "PUBLIC_IPV4, or set SKIP_IP_CHECK=y",
            ),
            id="a private one, for a CA of one's own, without a probe",
        ),
        pytest.param(
            "fd00::1", ProbeReached("fd00::1"), OWN, SKIP,
            Verdict(READY, "fd00::1, not compared with ours; the probe file came back over fd00::1"),
            id="not compared",
        ),
    ],
)  # fmt: skip
def test_a_name_that_is_an_address(address, probe, own, checks, verdict) -> None:
    """STANDARDS I-1: neither DNS nor CAA say anything about an IP address; it must be ours."""
    name = Name.parse_address(address)

    assert judge(NameFacts(name, at(address), CaaLook(), probe), own, checks, LE) == verdict


def test_ours_beside_a_private_one() -> None:
    """That is no split horizon: this resolver sees what a CA sees, which takes the public one (FAULTS D06, D07)."""
    verdict = judge(seen(at("10.0.0.5", "1.2.3.4")), OWN, CHECKS, LE)

    assert verdict == Verdict(
        READY,
        f"{NO_CAA}; A 1.2.3.4 is ours, but a CA takes any of them and may fail at 10.0.0.5: remove what does not lead to this "
        f"host; {BACK}",
    )
