"""Under which domain a name was registered: what CAs count certificates by."""

from __future__ import annotations

import pytest

from acme_companion.decide.known_cas import is_lets_encrypt, is_public
from acme_companion.decide.names import Name
from acme_companion.decide.public_suffixes import registered_domain


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        pytest.param("a.mail.example.com", "example.com", id="below a top-level domain"),
        pytest.param("*.example.com", "example.com", id="a wildcard counts for the domain it is below"),
        pytest.param("mail.example.co.uk", "example.co.uk", id="below a public suffix of two labels"),
        pytest.param("a.x.github.io", "x.github.io", id="a company's suffix separates its customers"),
        pytest.param("mail.city.kobe.jp", "city.kobe.jp", id="an exception of the list"),
        pytest.param("mail.xn--mller-kva.xn--p1ai", "xn--mller-kva.xn--p1ai", id="an internationalised one"),
        pytest.param("mail.corp.local", "corp.local", id="an unknown top-level domain is one all the same"),
        pytest.param("co.uk", "co.uk", id="the suffix itself stands for itself"),
        pytest.param("192.0.2.1", "192.0.2.1", id="an IPv4 address is its own"),
        pytest.param("2001:db8:1:2:3::4", "2001:db8:1:2::/64", id="an IPv6 address counts for its /64"),
    ],
)
def test_registered_domain(name, domain):
    """STANDARDS 5 and I-2: the scope of a CA's limit on certificates."""
    assert registered_domain(Name(name)) == domain


@pytest.mark.parametrize(
    ("url", "public", "lets_encrypt"),
    [
        pytest.param("https://acme-v02.api.letsencrypt.org/directory", True, True, id="Let's Encrypt"),
        pytest.param("https://acme-staging-v02.api.letsencrypt.org/directory", True, True, id="its staging"),
        pytest.param("https://acme.zerossl.com/v2/DV90", True, False, id="ZeroSSL"),
        pytest.param("https://dv.acme-v02.api.pki.goog/directory", True, False, id="Google"),
        pytest.param("https://pebble:14000/dir", False, False, id="a CA of one's own"),
        pytest.param("https://notletsencrypt.org/directory", False, False, id="a look-alike"),
        pytest.param("https://[bad", False, False, id="no URL at all"),
    ],
)
def test_public_cas(url, public, lets_encrypt):
    """Only CAs known by their hosts count as public."""
    assert (is_public(url), is_lets_encrypt(url)) == (public, lets_encrypt)
