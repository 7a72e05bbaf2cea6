"""Account keys on the volumes: one for each CA directory, whatever happens to settings, volumes and processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from acme_companion.act.store.accounts import AccountKeys
from acme_companion.decide.accounts import key_name
from acme_companion.decide.problems import Damaged
from acme_companion.decide.settings import KeyType
from tests.act.store_parts import (
    DIRECTORY_URL,
    HOST,
    KEY,
    NOW,
    Lines,
    inside,
    pem_of,
    secrets_others_can_read,
    seen_by_siblings,
    volume,
)

if TYPE_CHECKING:
    from pathlib import Path

OTHER_CA = "https://other.example/acme"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "volume" / "acme").mkdir(parents=True)
    return tmp_path / "volume"


@pytest.fixture
def private(tmp_path: Path) -> Path:
    (tmp_path / "private").mkdir()
    return tmp_path / "private"


def keys(root: Path, private: Path | None = None, directory_url: str = DIRECTORY_URL) -> AccountKeys:
    return AccountKeys(root, private, directory_url, KeyType.EC256)


def adopt(root: Path) -> bytes:
    """The account key of mailcow's container."""
    (root / "acme" / "account.pem").write_bytes(pem_of(KEY))
    return pem_of(KEY)


def test_back_and_forth(root: Path) -> None:
    """FAULTS A40: DIRECTORY_URL changes and changes back; each CA has its key, and account.pem stays who it was."""
    first = keys(root).key(DIRECTORY_URL)
    other = keys(root, directory_url=OTHER_CA).key(OTHER_CA)
    staging = keys(root, directory_url=STAGING).key(STAGING)

    assert len({first, other, staging}) == 3
    assert keys(root).key(DIRECTORY_URL) == first == (root / "acme/account.pem").read_bytes()
    assert keys(root, directory_url=OTHER_CA).key(OTHER_CA) == other
    assert keys(root).key(STAGING) == staging
    assert inside(root / "acme/accounts") == sorted(map(key_name, (OTHER_CA, STAGING)))
    assert secrets_others_can_read(root) == []
    assert oct((root / "acme/accounts").stat().st_mode) == "0o40700"


def test_adopted_key_is_for_the_ca_in_the_settings(root: Path) -> None:
    """The first CA that is used with it, noted beside it; other CAs never see it."""
    adopted = adopt(root)

    assert keys(root).key(OTHER_CA) != adopted
    assert keys(root).key(DIRECTORY_URL) == adopted
    assert (root / "acme/account.directory").read_text() == f"{DIRECTORY_URL}\n"
    assert keys(root, directory_url=OTHER_CA).key(DIRECTORY_URL) == adopted
    assert seen_by_siblings(root) == {}


def test_staging_never_takes_the_adopted_key(root: Path) -> None:
    """Who tries our container with LE_STAGING=y first does not lose the account for later."""
    adopted = adopt(root)
    assert keys(root, directory_url=STAGING).key(STAGING) != adopted
    assert keys(root).key(DIRECTORY_URL) == adopted


def test_a_fresh_volume_with_staging(root: Path) -> None:
    """`account.pem` is where an admin looks for the real account: it is not made for a rehearsal."""
    keys(root, directory_url=STAGING).key(STAGING)
    assert inside(root / "acme") == ["accounts"]

    assert keys(root).key(DIRECTORY_URL) == (root / "acme/account.pem").read_bytes()


def test_account_pem_was_moved_away(root: Path) -> None:
    """Somebody wants another account: the next key takes the free place, for whichever CA is set now."""
    keys(root).key(DIRECTORY_URL)
    (root / "acme/account.pem").unlink()

    assert keys(root).key(OTHER_CA) != keys(root, directory_url=OTHER_CA).key(DIRECTORY_URL)
    made = keys(root).key(DIRECTORY_URL)
    assert keys(root).look(DIRECTORY_URL) == made


def test_kinds(root: Path) -> None:
    """RSA for who needs it (acme-tiny), EC else; an existing key stays what it is."""
    rsa_key = load_pem_private_key(
        AccountKeys(root, None, DIRECTORY_URL, KeyType.RSA2048).key(DIRECTORY_URL), None
    )
    assert isinstance(rsa_key, rsa.RSAPrivateKey)
    assert rsa_key.key_size == 2048

    assert load_pem_private_key(keys(root).key(DIRECTORY_URL), None).public_key() == rsa_key.public_key()
    assert isinstance(load_pem_private_key(keys(root).key(OTHER_CA), None), ec.EllipticCurvePrivateKey)


# ---- the private volume ------------------------------------------------------------------------------------


def test_new_keys_are_made_in_the_private_volume(root: Path, private: Path) -> None:
    """FAULTS O12: no sibling sees them."""
    made = keys(root, private).key(DIRECTORY_URL)

    assert inside(root / "acme") == []
    assert (private / "accounts" / key_name(DIRECTORY_URL)).read_bytes() == made
    assert oct((private / "accounts").stat().st_mode) == "0o40700"
    assert secrets_others_can_read(private) == []


def test_adopted_key_stays_where_its_admin_looks_for_it(root: Path, private: Path) -> None:
    """`generate_caa_record.py --account-key …/acme/account.pem` is in mailcow's documentation."""
    adopted = adopt(root)

    assert keys(root, private).key(DIRECTORY_URL) == adopted
    assert inside(private) == []
    assert keys(root, private).key(OTHER_CA) == (private / "accounts" / key_name(OTHER_CA)).read_bytes()


def test_moved_when_the_admin_says_so(root: Path, private: Path) -> None:
    """Once: copied, synced, removed; then nothing is left to do."""
    adopted, other = adopt(root), keys(root).key(OTHER_CA)
    keys(root).key(DIRECTORY_URL)
    (root / "backups/acme/2026-11-20_12_00_00").mkdir(parents=True)
    (root / "backups/acme/2026-11-20_12_00_00/account.key").write_bytes(adopted)
    log = Lines()
    for _ in range(2):
        with volume(root, private=private, move=True, log=log).lock():
            pass
    assert inside(root / "acme") == ["accounts"]
    assert inside(root / "acme/accounts") == []
    assert [keys(root, private).key(url) for url in (DIRECTORY_URL, OTHER_CA)] == [adopted, other]
    target = private / "accounts" / key_name(DIRECTORY_URL)
    assert log.lines[0] == f"{root}/acme/account.pem: moved to {target}, where no sibling sees it"
    assert "account.key: is a copy of an account key that siblings see" in log.lines[1]
    assert sum("moved to" in line for line in log.lines) == 2
    assert secrets_others_can_read(private) == []


def test_move_goes_on_after_a_kill(root: Path, private: Path) -> None:
    """Both are there: the copy was synced, and the original is removed now."""
    adopted = adopt(root)
    (private / "accounts").mkdir()
    (private / "accounts" / key_name(DIRECTORY_URL)).write_bytes(adopted)

    assert len(list(keys(root, private).move())) == 1
    assert inside(root / "acme") == []
    assert keys(root, private).key(DIRECTORY_URL) == adopted


def test_two_keys_for_one_ca_are_not_merged(root: Path, private: Path) -> None:
    """Mailcow's container ran again and made another one: the private one stays in force, and none is lost."""
    mine = keys(root, private).key(DIRECTORY_URL)
    adopted = adopt(root)

    assert [line.split(":")[1] for line in keys(root, private).move()] == [
        f" is not moved, as {private}/accounts/{key_name(DIRECTORY_URL)} is another key for the same CA"
    ]
    assert keys(root, private).key(DIRECTORY_URL) == mine
    assert (root / "acme/account.pem").read_bytes() == adopted


def test_private_volume_that_is_not_there(root: Path, tmp_path: Path) -> None:
    """Said with its setting; a key that lies elsewhere still works, and a move waits."""
    gone = tmp_path / "gone"
    with pytest.raises(
        Damaged, match=r"gone: is not a directory: mount the private volume there \(PRIVATE_VOLUME\)"
    ):
        keys(root, gone).key(DIRECTORY_URL)
    adopted, log = adopt(root), Lines()
    with volume(root, private=gone, move=True, log=log).lock():
        pass

    assert keys(root, gone).key(DIRECTORY_URL) == adopted
    assert "account keys stay where they are" in log.lines[0]


# ---- another key for an account ----------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [True, False], ids=["the CA said yes", "the CA said no"])
@pytest.mark.parametrize("where", ["account.pem", "accounts/"])
def test_change_of_a_key(root: Path, where: str, changed: bool) -> None:
    """Both keys are on the disk until the CA has decided."""
    url = DIRECTORY_URL if where == "account.pem" else OTHER_CA
    store = keys(root)
    before, following = store.key(url), store.begin_change(url)

    assert (store.key(url), store.next_key(url)) == (before, following)
    assert store.begin_change(url) == following != before
    assert secrets_others_can_read(root) == []
    store.end_change(url, changed=changed)
    assert (store.key(url), store.next_key(url)) == (following if changed else before, None)


def test_a_key_under_change_is_not_moved(root: Path, private: Path) -> None:
    """Nobody knows yet which of the two the CA knows."""
    adopt(root)
    keys(root).begin_change(DIRECTORY_URL)

    assert [line.split(": ")[1] for line in keys(root, private).move()] == [
        "stays for now, as a change of this key is under way"
    ]


def test_no_key_to_change(root: Path) -> None:
    with pytest.raises(Damaged, match=f"there is no account key for {OTHER_CA}"):
        keys(root).end_change(OTHER_CA, changed=True)


# ---- odd things --------------------------------------------------------------------------------------------


def test_link_in_the_place_of_a_key(root: Path, private: Path) -> None:
    """A sibling that was broken into cannot have us read or write elsewhere (FAULTS O12)."""
    (root / "acme/account.pem").symlink_to("/etc/passwd")
    with pytest.raises(Damaged, match=r"account\.pem: is a symbolic link"):
        keys(root).key(DIRECTORY_URL)
    with pytest.raises(Damaged, match=r"account\.pem: is a symbolic link"):
        list(keys(root, private).move())


def test_left_over_halves_are_swept(root: Path, private: Path) -> None:
    for directory in (root / "acme/accounts", private / "accounts"):
        directory.mkdir()
        (directory / f".{key_name(OTHER_CA)}.new").write_bytes(b"half a key")
    with volume(root, private=private).lock():
        pass

    assert [inside(one) for one in (root / "acme/accounts", private / "accounts")] == [[], []]


def test_readable_keys_become_private(root: Path, private: Path) -> None:
    store = volume(root, private=private)
    with store.lock():
        store.account_key(DIRECTORY_URL)
        (private / "accounts" / key_name(DIRECTORY_URL)).chmod(0o644)
        said = store.bootstrap(HOST, NOW)

    assert "had mode 0644, now only its owner can read this private key" in said[0]
    assert secrets_others_can_read(private) == []


def test_a_damaged_key_of_another_ca_stops_nothing(root: Path) -> None:
    """An old key of the staging directory must not cost the certificates of the CA in use."""
    store = volume(root)
    with store.lock():
        store.account_key(STAGING)
        (root / "acme/accounts" / key_name(STAGING)).write_bytes(b"damaged")
        assert store.certificate_key()
        assert store.account_key(DIRECTORY_URL)
