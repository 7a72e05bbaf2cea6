"""Keys, the account at the CA's own site, and where account keys lie."""

from __future__ import annotations

import pytest

from acme_companion.decide.problems import SettingsWrong
from acme_companion.decide.settings import ExternalAccount, KeyType, Secret
from acme_companion.decide.settings.env_file import parse
from acme_companion.decide.settings.read import read

HOST = {"MAILCOW_HOSTNAME": "mail.example.org"}
KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


def complaints(**environment: str) -> tuple[str, ...]:
    with pytest.raises(SettingsWrong) as wrong:
        read({**HOST, **environment})
    return wrong.value.complaints


def test_kinds_of_keys() -> None:
    """Certificates and accounts have kinds of their own."""
    ca = read({**HOST, "ACME_KEY_TYPE": "ec384", "ACME_ACCOUNT_KEY_TYPE": "RSA4096"}).ca

    assert (ca.key_type, ca.account_key_type) == (KeyType.EC384, KeyType.RSA4096)


def test_old_name_of_the_key_type() -> None:
    """A key without its prefix is not read, and its user is led to the right one."""
    known = read(HOST, parse("KEY_TYPE=ec256\nprofile=shortlived\n", "mail.conf"))

    assert known.ca.key_type is KeyType.RSA2048
    assert known.warnings == (
        "mail.conf:1: KEY_TYPE is unknown and has no effect: did you mean ACME_KEY_TYPE?",
        "mail.conf:2: profile is unknown and has no effect: did you mean ACME_PROFILE?",
    )


@pytest.mark.parametrize(
    ("given", "known"),
    [
        pytest.param(KEY, KEY, id="as the CA's site shows it"),
        pytest.param("YWJjZGVmZ2hpamtsbW5vcA==", "YWJjZGVmZ2hpamtsbW5vcA", id="padded"),
        pytest.param("++++////abcdefgh", "----____abcdefgh", id="plain base64"),
        pytest.param(f" {KEY} ", KEY, id="with blanks around it"),
    ],
)
def test_external_account(given: str, known: str) -> None:
    """The HMAC key comes in more than one spelling, and is a secret from then on (STANDARDS H-6)."""
    found = read({**HOST, "ACME_EAB_KID": "kid-1", "ACME_EAB_HMAC_KEY": given}).ca.external_account

    assert found == ExternalAccount("kid-1", Secret(known))
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        pytest.param(
            {"ACME_EAB_KID": "a"},
            "environment: ACME_EAB_KID: is set, but ACME_EAB_HMAC_KEY is not: set both, or neither",
            id="half of it",
        ),
        pytest.param(
            {"ACME_EAB_HMAC_KEY": KEY},
            "environment: ACME_EAB_HMAC_KEY: is set, but ACME_EAB_KID is not: set both, or neither",
            id="the other half",
        ),
        pytest.param(
            {"ACME_EAB_KID": "a", "ACME_EAB_HMAC_KEY": f"{KEY}!"},
            "environment: ACME_EAB_HMAC_KEY: is not a key in base64url: copy it whole from the CA's site "
            "(the value is not shown here)",
            id="something that is no key, and is not shown",
        ),
        pytest.param(
            {"ACME_EAB_KID": "a b", "ACME_EAB_HMAC_KEY": KEY},
            "environment: ACME_EAB_KID: 'a b' is not a key id: it contains a blank or a character that is not ASCII",
            id="a key id with a blank",
        ),
        pytest.param(
            {"PRIVATE_VOLUME": "/var/lib/acme"},
            "environment: PRIVATE_VOLUME: is in VOLUME, which siblings see: mount another volume elsewhere",
            id="a private volume that is not private",
        ),
        pytest.param(
            {"PRIVATE_VOLUME": "/v/private", "VOLUME": "/v/"},
            "environment: PRIVATE_VOLUME: is in VOLUME, which siblings see: mount another volume elsewhere",
            id="one below the shared one",
        ),
    ],
)
def test_complaints(environment: dict[str, str], complaint: str) -> None:
    assert complaints(**environment) == (complaint,)


@pytest.mark.parametrize(
    ("environment", "is_mounted", "known"),
    [
        pytest.param({}, False, ("", False), id="nothing is mounted: the shared volume, as with mailcow"),
        pytest.param({}, True, ("/var/lib/acme-private", False), id="mounted: used, and nothing moves"),
        pytest.param({"PRIVATE_VOLUME": "/p"}, True, ("/p", False), id="another place"),
        pytest.param({"MOVE_ACCOUNT_KEY": "y"}, True, ("/var/lib/acme-private", True), id="move there"),
        pytest.param({"MOVE_ACCOUNT_KEY": "y"}, False, ("", False), id="nowhere to move to: only said"),
    ],
)
def test_private_volume(environment: dict[str, str], is_mounted: bool, known: tuple[str, bool]) -> None:
    found = read({**HOST, **environment}, private_volume_exists=is_mounted)

    assert (found.private_volume, found.move_account_key) == known
    assert bool(found.warnings) is (environment == {"MOVE_ACCOUNT_KEY": "y"} and not is_mounted)
