"""Which CAs there are besides the first: where to rehearse, and who helps out."""

from __future__ import annotations

import pytest

from acme_companion.decide.known_cas import LETS_ENCRYPT, LETS_ENCRYPT_STAGING
from acme_companion.decide.settings import Ca, ExternalAccount, Secret
from acme_companion.decide.settings.read import read

OWN, OTHER = "https://ca.example/directory", "https://other.example/directory"
KEY = "AAECAwQFBgcICQoLDA0ODw"


def settings(**given):
    return read({"MAILCOW_HOSTNAME": "mail.example.org", **given})


@pytest.mark.parametrize(
    ("given", "url"),
    [
        pytest.param({}, LETS_ENCRYPT_STAGING, id="Let's Encrypt's staging is known"),
        pytest.param(
            {"DIRECTORY_URL": LETS_ENCRYPT}, LETS_ENCRYPT_STAGING, id="also when it is written down"
        ),
        pytest.param({"ACME_REHEARSAL": "n"}, None, id="switched off"),
        pytest.param({"DIRECTORY_URL": OWN}, None, id="of another CA no staging is known"),
        pytest.param(
            {"DIRECTORY_URL": OWN, "ACME_STAGING_DIRECTORY_URL": OTHER}, OTHER, id="but one can be set"
        ),
        pytest.param({"LE_STAGING": "y"}, None, id="who tries already need not rehearse"),
        pytest.param(
            {"LE_STAGING": "y", "ACME_STAGING_DIRECTORY_URL": OTHER}, None, id="not at another staging either"
        ),
        pytest.param(
            {"ACME_STAGING_DIRECTORY_URL": LETS_ENCRYPT}, None, id="the same directory is no rehearsal"
        ),
        pytest.param(
            {"ACME_STAGING_DIRECTORY_URL": OTHER, "ACME_REHEARSAL": "n"}, None, id="set and switched off"
        ),
    ],
)
def test_where_to_rehearse(given, url):
    """At the CA's staging directory, known or set, unless it is switched off or pointless."""
    found = settings(**given).rehearsal_ca

    assert (found.directory_url if found else None) == url


def test_what_a_rehearsal_takes_over():
    """The same profile, key and contact, as the same is to be tried; not the account at the CA's own site, and not its time."""
    given = {"ACME_PROFILE": "tlsserver", "ACME_EAB_KID": "kid", "ACME_EAB_HMAC_KEY": KEY}
    found = settings(**given, ACME_ACCOUNT_EMAIL="admin@example.org", ISSUE_TIMEOUT="600")

    assert found.rehearsal_ca == Ca(
        LETS_ENCRYPT_STAGING, contact="admin@example.org", profile="tlsserver", timeout=120
    )


def test_the_fallback():
    """A second CA with an account of its own; profiles and chains are the first one's."""
    found = settings(
        ACME_PROFILE="tlsserver",
        ACME_FALLBACK_DIRECTORY_URL=OTHER,
        ACME_FALLBACK_EAB_KID="kid",
        ACME_FALLBACK_EAB_HMAC_KEY=KEY,
    )

    assert (found.fallback_ca, found.warnings) == (
        Ca(OTHER, external_account=ExternalAccount("kid", Secret(KEY))),
        (),
    )


@pytest.mark.parametrize(
    ("given", "warning"),
    [
        pytest.param(
            {"ACME_FALLBACK_DIRECTORY_URL": LETS_ENCRYPT},
            "ACME_FALLBACK_DIRECTORY_URL: has no effect, as it is the CA that is asked first",
            id="no fallback to oneself",
        ),
        pytest.param(
            {"ACME_FALLBACK_EAB_KID": "kid", "ACME_FALLBACK_EAB_HMAC_KEY": KEY},
            "ACME_FALLBACK_EAB_KID: has no effect, as ACME_FALLBACK_DIRECTORY_URL is not set",
            id="an account without its CA",
        ),
        pytest.param(
            {"ACME_REHEARSAL": "n", "ACME_STAGING_DIRECTORY_URL": OTHER},
            "ACME_STAGING_DIRECTORY_URL: has no effect, as ACME_REHEARSAL is no",
            id="a stage without a rehearsal",
        ),
    ],
)
def test_without_effect(given, warning):
    """What is set and does nothing is said."""
    found = settings(**given)

    assert (found.fallback_ca, found.warnings) == (None, (f"environment: {warning}",))
