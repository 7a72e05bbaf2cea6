"""What a public CA never certifies is not asked for; a CA of one's own may certify what it likes."""

from __future__ import annotations

import pytest

from acme_companion.decide.issuance_policy import never_certified, profile_refused
from acme_companion.decide.memory import Authority, Memory
from acme_companion.decide.names import Name
from acme_companion.decide.plan import make_plan
from acme_companion.decide.settings import Ca, Settings
from acme_companion.decide.steps import Hold
from acme_companion.decide.wanted import wanted_certificates
from tests.builders import CA_URL, HOST, NOW, domains, held, naming, verdicts

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
ZEROSSL = "https://acme.zerossl.com/v2/DV90"
OUR_OWN = "https://ca.corp.local/acme/directory"


@pytest.mark.parametrize(
    ("name", "because"),
    [
        pytest.param("mail.example.com", "", id="a usual name"),
        pytest.param("*.example.co.uk", "", id="a usual wildcard"),
        pytest.param("mail.github.io", "", id="below a company's suffix"),
        pytest.param("github.io", "", id="a company's suffix itself: it may well ask for it"),
        pytest.param("mail.local", ".local is not a public", id="multicast DNS"),
        pytest.param("mail.onion", ".onion is not a public", id="onion services"),
        pytest.param("mail.internal", ".internal is not a public", id="private use"),
        pytest.param("mail.test", ".test is not a public", id="testing"),
        pytest.param("mail.example", ".example is not a public", id="documentation"),
        pytest.param("mail.invalid", ".invalid is not a public", id="never to exist"),
        pytest.param("mail.localhost", ".localhost is not a public", id="this host"),
        pytest.param("mail.home.arpa", ".arpa is not a public", id="home networks"),
        pytest.param("mail.lan", ".lan is not a public", id="a top-level domain that somebody made up"),
        pytest.param("co.uk", "co.uk is a public suffix", id="a public suffix"),
        pytest.param("*.co.uk", "co.uk is a public suffix", id="a wildcard of a public suffix"),
    ],
)
def test_host_names(name, because):
    """FAULTS N12, STANDARDS B-11: found before the CA sees it, with the reason; only where the CA is a public one."""
    assert never_certified(Name.parse(name), Ca(LETS_ENCRYPT)).startswith(because)
    assert bool(never_certified(Name.parse(name), Ca(ZEROSSL))) == bool(because)
    assert never_certified(Name.parse(name), Ca(OUR_OWN)) == ""


@pytest.mark.parametrize(
    ("address", "ca", "because"),
    [
        pytest.param(
            "9.9.9.9",
            Ca(LETS_ENCRYPT),
            "9.9.9.9 is an IP address, and only Let's Encrypt's profile shortlived certifies those: set "
            "ACME_PROFILE=shortlived, or remove it from ADDITIONAL_SAN",
            id="Let's Encrypt without a profile",
        ),
        pytest.param(
            "2620:fe::9",
            Ca(LETS_ENCRYPT, profile="tlsserver"),
            "2620:fe::9 is an IP address, and only Let's Encrypt's profile shortlived certifies those: set "
            "ACME_PROFILE=shortlived, or remove it from ADDITIONAL_SAN",
            id="Let's Encrypt with a profile that has none",
        ),
        pytest.param("9.9.9.9", Ca(LETS_ENCRYPT, profile="shortlived"), "", id="the profile that has them"),
        pytest.param("2620:fe::9", Ca(LETS_ENCRYPT, profile="shortlived"), "", id="IPv6 as well"),
        pytest.param("9.9.9.9", Ca(ZEROSSL), "", id="another public CA says itself what it certifies"),
        *(
            pytest.param(
                address,
                Ca(LETS_ENCRYPT, profile="shortlived"),
                f"{address} is not a public address, so no public CA certifies it: remove it from ADDITIONAL_SAN",
                id=what,
            )
            for address, what in [
                ("10.0.0.1", "a private address"),
                ("127.0.0.1", "loopback"),
                ("169.254.169.254", "link-local"),
                ("100.64.0.1", "shared by a provider's customers"),
                ("192.0.2.1", "documentation"),
                ("224.0.0.251", "multicast"),
                ("255.255.255.255", "broadcast"),
                ("::1", "IPv6 loopback"),
                ("fe80::1", "IPv6 link-local"),
                ("fd00::1", "IPv6 unique local"),
                ("2001:db8::1", "IPv6 documentation"),
                ("ff02::1", "IPv6 multicast"),
            ]
        ),
        pytest.param("10.0.0.1", Ca(OUR_OWN), "", id="a CA of one's own certifies private addresses"),
    ],
)
def test_addresses(address, ca, because):
    """STANDARDS I-2, FAULTS N10: special-purpose addresses are refused, and the profile must allow addresses at all."""
    assert never_certified(Name.parse_address(address), ca) == because


@pytest.mark.parametrize(
    ("profile", "offered", "because"),
    [
        pytest.param(None, ("classic",), "", id="none is set"),
        pytest.param("shortlived", ("classic", "shortlived"), "", id="offered"),
        pytest.param("shortlived", None, "", id="not asked yet: the order will tell"),
        pytest.param(
            "tlsclient",
            ("tlsserver", "classic", "shortlived"),
            "the CA does not offer the profile tlsclient (ACME_PROFILE); it offers classic, shortlived, tlsserver: set one of "
            "these, or leave it empty",
            id="gone since July 2026",
        ),
        pytest.param(
            "classic",
            (),
            "the CA does not offer the profile classic (ACME_PROFILE), nor any other: leave it empty",
            id="a CA without profiles",
        ),
    ],
)
def test_profiles(profile, offered, because):
    """STANDARDS F-1, F-2, FAULTS A26: found before an order is placed, and never another profile silently."""
    assert profile_refused(Ca(LETS_ENCRYPT, profile=profile), Authority(profiles=offered)) == because


def test_a_plan_with_a_profile_that_is_gone():
    """Nothing is ordered, what is valid stays, and the plan says which profiles there are."""
    known = Memory(authorities={CA_URL: Authority(profiles=("classic",))})
    made = Settings(naming=naming(), ca=Ca(CA_URL, profile="tlsclient"))
    wanted = wanted_certificates(made.naming, domains())

    (step,) = make_plan(made, domains(), wanted, verdicts(HOST), held(memory=known), NOW).steps

    assert isinstance(step, Hold)
    assert step.because.startswith(
        "the CA does not offer the profile tlsclient (ACME_PROFILE); it offers classic"
    )
