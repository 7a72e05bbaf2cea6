"""What siblings find on their first start, and after an accident."""

from __future__ import annotations

import base64
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.issuers.self_signed import self_signed
from acme_companion.act.store.dhparams import FFDHE2048
from acme_companion.decide.memory import Memory
from acme_companion.decide.names import Name
from acme_companion.decide.pair import Pair
from tests.act.store_parts import (
    HOST,
    KEY,
    NOW,
    OTHER_KEY,
    inside,
    issued,
    left_over,
    pair_in,
    pem_of,
    put,
    secrets_others_can_read,
    volume,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from acme_companion.act.store import Volume


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "volume"


@pytest.fixture
def store(root: Path) -> Iterator[Volume]:
    one = volume(root)
    with one.lock():
        yield one


def without_dhparams(made: tuple[str, ...]) -> list[str]:
    return [one for one in made if "dhparams" not in one]


def test_first_start(store: Volume, root: Path) -> None:
    """A fresh volume gets a self-signed pair with the shared key, and DH parameters; a second start makes nothing."""
    made = store.bootstrap(HOST, NOW)
    held = store.read()

    assert made == (
        f"{root}/dhparams.pem: made (ffdhe2048 of RFC 7919)",
        f"{root}/cert.pem, key.pem: a self-signed pair for mail.example.org, until a CA issues one (there was no pair)",
    )
    assert held.server is not None
    assert (held.server.names, held.server.self_signed, held.server_is_ours) == ((HOST,), True, True)
    assert (root / "key.pem").read_bytes() == store.certificate_key()
    assert store.bootstrap(HOST, NOW) == ()
    assert secrets_others_can_read(root) == left_over(root) == []


def test_the_stopgap_is_ours_without_memory_and_with_another_key(store: Volume, root: Path) -> None:
    """The stopgap is known by our key when the memory is lost, and by the memory when the key was moved away."""
    store.bootstrap(HOST, NOW)
    state = (root / ".companion" / "state.json").rename(root / "state")
    assert store.read().server_is_ours
    state.rename(root / ".companion" / "state.json")
    (root / "acme" / "key.pem").unlink()
    assert store.read().server_is_ours


def test_the_example_pair_is_replaced(store: Volume, root: Path) -> None:
    """The pair whose private key is on every installation does not stay."""
    example = self_signed(HOST, pem_of(OTHER_KEY), NOW)
    put(root, example)
    put(root.with_name("example"), example)
    made = store.bootstrap(HOST, NOW)

    assert without_dhparams(made) == [
        f"{root}/cert.pem, key.pem: a self-signed pair for mail.example.org, until a CA issues one "
        "(there was the example pair, whose private key is on every installation)"
    ]
    assert (root / "key.pem").read_bytes() == store.certificate_key()
    assert not (root / "backups").exists()


def test_the_example_pair_gives_way_to_a_real_one(store: Volume, root: Path) -> None:
    """A real pair that we hold is better than a fresh self-signed one."""
    example, real = self_signed(HOST, pem_of(OTHER_KEY), NOW), issued(HOST.text)
    put(root, example)
    put(root.with_name("example"), example)
    put(root / HOST.text, real, HOST.text)
    store.bootstrap(HOST, NOW)

    assert pair_in(root) == real


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(issued(HOST.text), id="a valid one"),
        pytest.param(issued(HOST.text, begin=NOW - timedelta(days=100)), id="an expired one"),
        pytest.param(issued("other.example"), id="one for another host"),
        pytest.param(
            self_signed(HOST, pem_of(OTHER_KEY), NOW - timedelta(days=400)), id="the admin's own, expired"
        ),
    ],
)
def test_a_whole_pair_stays(store: Volume, root: Path, pair: Pair) -> None:
    """Whatever whole pair is there stays: an expired real one is still better than a self-signed one."""
    put(root, pair)
    put(root / HOST.text, issued(HOST.text), HOST.text)

    assert without_dhparams(store.bootstrap(HOST, NOW)) == []
    assert pair_in(root) == pair


@pytest.mark.parametrize(
    ("hostname", "now"),
    [
        pytest.param(HOST, NOW + timedelta(days=245), id="less than a third of its life is left"),
        pytest.param(HOST, NOW + timedelta(days=800), id="it expired"),
        pytest.param(Name("new.example.org"), NOW, id="the host has another name"),
    ],
)
def test_our_stopgap_is_renewed(store: Volume, root: Path, hostname: Name, now: datetime) -> None:
    """Our own self-signed pair never expires under a stack that uses no CA; its key stays."""
    store.bootstrap(HOST, NOW)
    key = (root / "key.pem").read_bytes()
    (made,) = store.bootstrap(hostname, now)
    server = store.read().server

    assert made.endswith("(our self-signed pair was for another host name or near its end)")
    assert server is not None
    assert (server.names, server.not_after - now) == ((hostname,), timedelta(days=365, hours=-1))
    assert (root / "key.pem").read_bytes() == key


VALID, OLDER = issued(HOST.text), issued(HOST.text)
EXPIRED = issued(HOST.text, begin=NOW - timedelta(days=100))
MISMATCH = Pair(pem_of(OTHER_KEY), issued(HOST.text).chain_pem)


@pytest.mark.parametrize(
    ("lineage", "generations", "expected", "source"),
    [
        pytest.param(VALID, [OLDER], VALID, "mail.example.org", id="the lineage's own first"),
        pytest.param(
            MISMATCH,
            [OLDER, VALID],
            VALID,
            "backups/mail.example.org/2026-01-02_00_00_00",
            id="then the newest",
        ),
        pytest.param(
            EXPIRED, [OLDER], OLDER, "backups/mail.example.org/2026-01-01_00_00_00", id="valid before expired"
        ),
        pytest.param(EXPIRED, [], EXPIRED, "mail.example.org", id="expired before self-signed"),
    ],
)
@pytest.mark.parametrize(
    "broken", [None, Pair(b"", b""), MISMATCH], ids=["missing", "no bytes", "a mismatch"]
)
def test_a_pair_comes_back(
    store: Volume,
    root: Path,
    broken: Pair | None,
    lineage: Pair,
    generations: list[Pair],
    expected: Pair,
    source: str,
) -> None:
    """A server pair that is missing or damaged is restored from the best one that we hold; what was there is kept."""
    if broken:
        put(root, broken)
    put(root / HOST.text, lineage, HOST.text)
    for number, one in enumerate(generations, 1):
        put(root / "backups" / HOST.text / f"2026-01-0{number}_00_00_00", one, HOST.text)
    made = without_dhparams(store.bootstrap(HOST, NOW))

    assert pair_in(root) == expected
    assert any(f"{root}/cert.pem, key.pem: restored from {source}" in line for line in made)
    damaged = [pair_in(one) for one in (root / "backups" / HOST.text).glob("*.damaged")]
    assert all(one in damaged for one in (broken, lineage if lineage is MISMATCH else None) if one)


def test_a_certificate_whose_key_file_was_lost(store: Volume, root: Path) -> None:
    """The shared key fits the certificate that lost its own copy: nothing needs to be issued."""
    pair = issued(HOST.text)
    put(root, pair)
    (root / "key.pem").write_bytes(pem_of(OTHER_KEY))
    (root / "acme").mkdir()
    (root / "acme" / "key.pem").write_bytes(pem_of(KEY))
    made = without_dhparams(store.bootstrap(HOST, NOW))

    assert pair_in(root) == pair
    assert made[-1] == f"{root}/cert.pem, key.pem: restored from acme/key.pem"


def test_a_damaged_pair_and_nothing_to_restore(store: Volume, root: Path) -> None:
    """Siblings need some pair that matches: a self-signed one, and the damaged files are kept."""
    put(root, MISMATCH)
    made = without_dhparams(store.bootstrap(HOST, NOW))
    held = store.read()

    assert made[0] == (
        f"{root}/key.pem: does not belong to the cert.pem beside it; the files are kept in "
        "backups/mail.example.org/2026-11-20_12_00_00.damaged"
    )
    assert held.server is not None
    assert held.server.self_signed
    assert inside(root / "backups" / HOST.text) == ["2026-11-20_12_00_00.damaged"]


def test_bootstrap_keeps_what_is_remembered(store: Volume) -> None:
    """The stopgap joins the memory; nothing else in it changes."""
    store.remember(Memory(undeployed=("mail.example.org",)))
    store.bootstrap(HOST, NOW)
    held = store.read()

    assert held.server is not None
    assert held.memory == Memory(issued={held.server.fingerprint: ""}, undeployed=("mail.example.org",))


# ---- DH parameters -------------------------------------------------------------------------------------------


def ffdhe2048() -> int:
    """The prime of RFC 7919 appendix A.1, from its formula and the series of e."""
    bits = 2048 + 64
    term, e, n = 1 << bits, 0, 0
    while term:
        e += term
        n += 1
        term //= n
    return 2**2048 - 2**1984 + ((e >> bits - 1918) + 560316) * 2**64 - 1


def test_the_group_is_the_one_of_the_rfc() -> None:
    """The constant holds the prime that the RFC's formula gives, and generator 2."""
    der = base64.b64decode(b"".join(FFDHE2048.splitlines()[1:-1]))
    prime = ffdhe2048().to_bytes(257, "big")

    assert der == b"\x30\x82\x01\x08\x02\x82\x01\x01" + prime + b"\x02\x01\x02"


def test_openssl_knows_the_group(store: Volume, root: Path) -> None:
    """The siblings' library recognises the file as that very group."""
    store.bootstrap(HOST, NOW)
    said = subprocess.run(
        ["openssl", "dhparam", "-in", root / "dhparams.pem", "-check", "-noout", "-text"],
        check=True,
        capture_output=True,
        text=True,
    )

    assert "GROUP: ffdhe2048" in said.stdout


@pytest.mark.parametrize(
    ("content", "stays"),
    [
        pytest.param(FFDHE2048.replace(b"MIIBCAKCAQEA", b"MIICCAKCAgEA"), True, id="the admin's own"),
        pytest.param(b"text\n" + FFDHE2048, True, id="text before them"),
        pytest.param(b"", False, id="no bytes"),
        pytest.param(FFDHE2048[:200], False, id="cut"),
    ],
)
def test_dhparams_that_are_there(store: Volume, root: Path, content: bytes, *, stays: bool) -> None:
    """Parameters that are there stay; a damaged file is made again."""
    (root / "dhparams.pem").write_bytes(content)
    store.bootstrap(HOST, NOW)

    assert (root / "dhparams.pem").read_bytes() == (content if stays else FFDHE2048)
