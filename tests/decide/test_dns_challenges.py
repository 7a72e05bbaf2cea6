"""Where the TXT records of the DNS challenges stand, what is in them, and what an admin is told of dns-persist-01."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from acme_companion.decide.dns_challenges import (
    dns01_owner,
    dns_account01_owner,
    persist_fault,
    persist_record,
    txt_value,
)
from acme_companion.decide.names import Name

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT = "https://ca.example/acct/1"
NAME, WILDCARD = Name("mail.example.org"), Name("*.example.org")
OWN = f'_validation-persist.mail.example.org. IN TXT "ca.example; accounturi={ACCOUNT}"'
OWN_WILDCARD = f'_validation-persist.example.org. IN TXT "ca.example; accounturi={ACCOUNT}; policy=wildcard"'


def test_a_name_and_its_wildcard_share_their_place():
    """The label stands before the name without its `*.` (RFC 8555 section 8.4)."""
    assert (
        dns01_owner(Name("*.example.org"))
        == dns01_owner(Name("example.org"))
        == "_acme-challenge.example.org"
    )


def test_the_value_is_the_digest_of_the_key_authorization():
    """43 characters of base64url, without padding (RFC 8555 section 8.4)."""
    assert txt_value("token.thumbprint") == "61rBZ_4knHblO0MNoxFsXZ_eTFUHum0B6IVRbhvUn5I"


def test_an_account_has_a_place_of_its_own():
    """The example of draft-ietf-acme-dns-account-label section 3.1."""
    owner = dns_account01_owner(Name("www.example.org"), "https://example.com/acme/acct/ExampleAccount")
    assert owner == "_ujmmovf2vn55tgye._acme-challenge.www.example.org"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(NAME, f"ca.example; accounturi={ACCOUNT}", id="the plain record"),
        pytest.param(NAME, f"CA.example.;accounturi={ACCOUNT}", id="a domain in any case, with a final dot"),
        pytest.param(NAME, f"other.example; AccountURI={ACCOUNT}", id="a second domain of the CA, a tag in any case"),
        pytest.param(NAME, f"ca.example; accounturi={ACCOUNT}; policy=wildcard", id="more than is needed"),
        pytest.param(NAME, f"ca.example; accounturi={ACCOUNT}; new=thing", id="an unknown parameter"),
        pytest.param(WILDCARD, f"ca.example; accounturi={ACCOUNT}; policy=WildCard", id="a wildcard is allowed"),
        pytest.param(NAME, f"ca.example; accounturi={ACCOUNT}; persistUntil=1767225600", id="until this second"),
    ],
)  # fmt: skip
def test_a_record_that_a_ca_accepts_is_no_fault(name, value):
    """The issuer's domain matches in any case, the account exactly, and the record has not ended."""
    assert persist_fault(name, ["unrelated text", value], ("ca.example", "other.example"), ACCOUNT, NOW) == ""


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        pytest.param(NAME, [], f"no TXT record of _validation-persist.mail.example.org names this CA: publish {OWN}",
                     id="there is none"),
        pytest.param(NAME, [f"else.example; accounturi={ACCOUNT}"],
                     f"no TXT record of _validation-persist.mail.example.org names this CA: publish {OWN}", id="another CA's"),
        pytest.param(NAME, ["ca.example; accounturi=https://ca.example/acct/2"],
                     f"'ca.example; accounturi=https://ca.example/acct/2' is for another account: publish {OWN}",
                     id="another account's"),
        pytest.param(NAME, ["ca.example"], f"'ca.example' is for another account: publish {OWN}", id="no account at all"),
        pytest.param(NAME, [f"ca.example; accounturi={ACCOUNT}; persistUntil=1767225599"],
                     f"'ca.example; accounturi={ACCOUNT}; persistUntil=1767225599' ended (persistUntil was 2025-12-31 23:59 UTC): "
                     f"publish {OWN}", id="it ended a second ago"),
        pytest.param(NAME, [f"ca.example; accounturi={ACCOUNT}; persistUntil=soon"],
                     f"'ca.example; accounturi={ACCOUNT}; persistUntil=soon' has a persistUntil that is not a UNIX timestamp: "
                     f"publish {OWN}", id="an end that is none"),
        pytest.param(NAME, [f"ca.example; accounturi={ACCOUNT};"],
                     f"'ca.example; accounturi={ACCOUNT};' has a part that is not tag=value, or a semicolon at its end: publish {OWN}",
                     id="a semicolon at the end, which CAs refuse"),
        pytest.param(NAME, [f"ca.example; accounturi={ACCOUNT}; accounturi=x"],
                     f"'ca.example; accounturi={ACCOUNT}; accounturi=x' has 'accounturi' twice: publish {OWN}", id="two accounts"),
        pytest.param(WILDCARD, [f"ca.example; accounturi={ACCOUNT}"],
                     f"'ca.example; accounturi={ACCOUNT}' does not allow wildcards: publish {OWN_WILDCARD}",
                     id="a wildcard without the policy"),
    ],
)  # fmt: skip
def test_a_record_that_a_ca_refuses_is_explained_with_the_one_that_is_wanted(name, values, sentence):
    """Each sentence says what is wrong and ends with the exact record (FAULTS D15)."""
    assert persist_fault(name, values, ("ca.example",), ACCOUNT, NOW) == sentence


def test_the_record_of_an_account_that_is_not_there_yet():
    """Nothing is invented where the CA has not been asked yet."""
    assert persist_record(NAME, (), "") == (
        "_validation-persist.mail.example.org. IN TXT \"(the CA's domain, as its documentation has it); "
        'accounturi=(the URI of our account, which is not registered yet)"'
    )
