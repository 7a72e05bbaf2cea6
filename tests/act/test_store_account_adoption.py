"""The account key that mailcow's container made, and the one that it must be able to read: `acme/account.pem`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from acme_companion.act.store import files
from acme_companion.act.store.accounts import AccountKeys
from acme_companion.decide.accounts import key_name
from acme_companion.decide.known_cas import LETS_ENCRYPT, LETS_ENCRYPT_STAGING
from acme_companion.decide.problems import Damaged
from acme_companion.decide.settings import KeyType
from tests.act.store_parts import DIRECTORY_URL, HOST, KEY, OTHER_KEY, inside, issued, pem_of, put

if TYPE_CHECKING:
    from pathlib import Path

OTHER_CA = "https://other.example/acme"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "volume" / "acme").mkdir(parents=True)
    return tmp_path / "volume"


@pytest.fixture
def private(tmp_path: Path) -> Path:
    (tmp_path / "private").mkdir()
    return tmp_path / "private"


def keys(root: Path, private: Path | None = None, directory_url: str = DIRECTORY_URL) -> AccountKeys:
    return AccountKeys(root, private, directory_url, None)


def adopt(root: Path, *, issuer: str, organization: str, layout: str = "a lineage") -> bytes:
    """A volume of mailcow's container: its account key, and a certificate for the key that all certificates share."""
    (root / "acme/account.pem").write_bytes(pem_of(KEY))
    (root / "acme/key.pem").write_bytes(pem_of(OTHER_KEY))
    pair = issued(HOST.text, key=OTHER_KEY, issuer=issuer, organization=organization)
    if layout == "a lineage":
        put(root / HOST.text, pair, HOST.text)
    else:
        put(root, pair)
    return pem_of(KEY)


# ---- which kind --------------------------------------------------------------------------------------------


def kind_of(pem: bytes) -> str:
    key = load_pem_private_key(pem, None)
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return f"{type(key).__name__.removesuffix('PrivateKey').strip('_')} {key.key_size}"


def test_account_pem_is_of_a_kind_that_mailcows_container_reads(root: Path) -> None:
    """acme-tiny, which is in there, knows only RSA: whoever goes back must find the account."""
    store = keys(root)

    assert kind_of(store.key(DIRECTORY_URL)) == "RSA 2048"
    assert kind_of(store.begin_change(DIRECTORY_URL)) == "RSA 2048"
    store.end_change(DIRECTORY_URL, changed=True)
    assert kind_of(store.key(DIRECTORY_URL)) == "RSA 2048"


def test_other_account_keys_are_small_and_quick(root: Path, private: Path) -> None:
    """Nobody but us reads them."""
    for store, url in ((keys(root), OTHER_CA), (keys(root, private), DIRECTORY_URL)):
        assert kind_of(store.key(url)).endswith(" 256")
        assert kind_of(store.begin_change(url)).endswith(" 256")


def test_a_kind_that_is_set_is_for_every_place(root: Path) -> None:
    store = AccountKeys(root, None, DIRECTORY_URL, KeyType.EC384)
    assert [kind_of(store.key(url)).split()[1] for url in (DIRECTORY_URL, OTHER_CA)] == ["384", "384"]


# ---- whose -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["a lineage", "before SNI"])
def test_another_ca_does_not_take_the_account_of_lets_encrypt(root: Path, layout: str) -> None:
    """Who switches to us and to another CA in one step keeps the account that CAA records may name, for the way back."""
    adopted = adopt(root, issuer="R13", organization="Let's Encrypt", layout=layout)
    elsewhere = keys(root, directory_url=OTHER_CA)

    assert elsewhere.look(OTHER_CA) is None
    assert elsewhere.key(OTHER_CA) != adopted
    assert (root / "acme/account.directory").read_text() == f"{LETS_ENCRYPT}\n"
    put(root / HOST.text, issued(HOST.text, key=OTHER_KEY), HOST.text)
    assert keys(root, directory_url=LETS_ENCRYPT).key(LETS_ENCRYPT) == adopted
    assert elsewhere.key(OTHER_CA) == (root / "acme/accounts" / key_name(OTHER_CA)).read_bytes()


@pytest.mark.parametrize(
    ("issuer", "organization"),
    [
        pytest.param("R13", "(STAGING) Let's Encrypt", id="tried with LE_STAGING"),
        pytest.param("Own CA", "Let's Encryption", id="another CA"),
        pytest.param("O=Let's Encrypt", "Own", id="a CA that calls itself so elsewhere"),
    ],
)
def test_a_key_of_another_ca_goes_on_there(root: Path, issuer: str, organization: str) -> None:
    """With DIRECTORY_URL mailcow's container used one account key as well: its CA is the one that is set."""
    adopted = adopt(root, issuer=issuer, organization=organization)
    assert keys(root).key(DIRECTORY_URL) == adopted
    assert (root / "acme/account.directory").read_text() == f"{DIRECTORY_URL}\n"


def test_a_pair_of_the_admin_says_nothing_about_the_account(root: Path) -> None:
    """It has another key than the one that mailcow's container uses for all of its own."""
    adopted = adopt(root, issuer="Own CA", organization="Own")
    put(root, issued(HOST.text, key=KEY, issuer="R13", organization="Let's Encrypt"))
    assert keys(root).key(DIRECTORY_URL) == adopted


def test_staging_leaves_the_account_of_lets_encrypt(root: Path, private: Path) -> None:
    """What is moved by the admin's wish is called by the CA that it is for."""
    adopted = adopt(root, issuer="R13", organization="Let's Encrypt")
    trying = keys(root, private, LETS_ENCRYPT_STAGING)
    assert trying.key(LETS_ENCRYPT_STAGING) != adopted
    [said] = trying.move()

    assert said == (
        f"{root}/acme/account.pem: moved to {private}/accounts/{key_name(LETS_ENCRYPT)}, where no sibling sees it"
    )
    assert keys(root, private, LETS_ENCRYPT).key(LETS_ENCRYPT) == adopted


# ---- moving ------------------------------------------------------------------------------------------------


def test_a_private_volume_that_leads_to_the_shared_one(root: Path, private: Path) -> None:
    """Who has one folder at both places must not lose the key over it: there is nowhere to move to."""
    made = keys(root).key(OTHER_CA)
    (root / "acme/accounts").rename(private / "accounts")
    (root / "acme/accounts").symlink_to(private / "accounts")
    store = keys(root, private)
    said = list(store.move())

    assert (inside(private / "accounts"), store.look(OTHER_CA)) == ([key_name(OTHER_CA)], made)
    assert said == [
        f"{root}/acme/accounts/{key_name(OTHER_CA)}: is not moved, as {private}/accounts is the same folder: "
        "mount a volume of its own at PRIVATE_VOLUME"
    ]


def test_nothing_is_moved_to_where_it_would_be_lost(root: Path, private: Path) -> None:
    """A directory of the container is no volume: the account would be gone with the next `docker compose up`."""
    made = keys(root).key(OTHER_CA)
    why = f"no volume is mounted at {private}, it lies inside the container"
    store = AccountKeys(
        root, private, DIRECTORY_URL, None, lambda path: why if path.is_relative_to(private) else ""
    )

    assert list(store.move()) == [
        f"{root}/acme/accounts/{key_name(OTHER_CA)}: is not moved, as {why}: mount a volume there (PRIVATE_VOLUME)"
    ]
    assert (root / "acme/accounts" / key_name(OTHER_CA)).read_bytes() == made


def test_only_a_file_itself_is_made_private(root: Path) -> None:
    """A sibling that puts a link in the place of a key has no other file's mode changed (FAULTS O12)."""
    other = root.with_name("other")
    other.write_bytes(b"")
    other.chmod(0o644)
    (root / "acme/key.pem").symlink_to(other)
    with pytest.raises(Damaged, match=r"key\.pem: cannot be made private"):
        files.make_private(root / "acme/key.pem")

    assert oct(other.stat().st_mode) == "0o100644"
