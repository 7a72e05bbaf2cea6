"""Which names the settings ask for: wildcards where DNS validates them, and addresses."""

from __future__ import annotations

import pytest

from acme_companion.decide.names import Name
from acme_companion.decide.settings import Challenges, ChallengeType, DnsZone
from acme_companion.decide.settings.naming import naming
from acme_companion.decide.settings.source import Source

EVERYTHING = Challenges((DnsZone(),))
ONE_ZONE = Challenges((DnsZone(Name("example.org"), ChallengeType.DNS_PERSIST_01),))


@pytest.mark.parametrize(
    ("challenges", "additional", "accepted"),
    [
        pytest.param(EVERYTHING, "*.example.org", "*.example.org", id="DNS for every name"),
        pytest.param(ONE_ZONE, "*.example.org", "*.example.org", id="the zone that DNS validates"),
        pytest.param(ONE_ZONE, "*.sub.example.org", "*.sub.example.org", id="a name below that zone"),
        pytest.param(ONE_ZONE, "*.example.com,a.example.com", "a.example.com", id="another zone, over HTTP"),
        pytest.param(Challenges(), "*.example.org", "", id="HTTP for every name"),
        pytest.param(EVERYTHING, "9.9.9.9,[2620:FE::9]", "9.9.9.9 2620:fe::9", id="addresses"),
        pytest.param(Challenges(), "127.1,fe80::1%eth0", "", id="what only looks like an address"),
    ],
)
def test_additional_names(challenges, additional, accepted):
    """A wildcard is wanted where its zone is validated through DNS; elsewhere it is left out, and said."""
    source = Source({"MAILCOW_HOSTNAME": "mail.example.org", "ADDITIONAL_SAN": additional}, None)

    found = naming(source, challenges, skip_acme=False)

    assert " ".join(name.text for name in found.additional) == accepted
    assert len(source.warnings) == additional.count(",") + 1 - len(found.additional)


def test_an_address_is_never_validated_through_dns():
    """RFC 8738 section 7: there is no DNS challenge for an IP address."""
    assert EVERYTHING.type_for(Name.parse_address("9.9.9.9")) is ChallengeType.HTTP_01
    assert EVERYTHING.type_for(Name("mail.example.org")) is ChallengeType.DNS_01


@pytest.mark.parametrize("name", ["MAILCOW_HOSTNAME", "MAIL_DOMAINS"])
def test_addresses_elsewhere(name):
    """FAULTS N10: neither the server's name nor a mail domain can be an address, and that is said."""
    source = Source({"MAILCOW_HOSTNAME": "mail.example.org", name: "192.0.2.1"}, None)

    naming(source, Challenges(), skip_acme=False)

    assert source.complaints == [f"environment: {name}: '192.0.2.1' is an IP address, not a host name"]
