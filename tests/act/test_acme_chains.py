"""The chain that an admin prefers, among those of a real CA with two roots (RFC 8555 section 7.4.2)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.act.acme_proxy import acme_proxy, answer, as_is
from tests.act.acme_world import HeardLog, issue
from tests.bed.pebble import Pebble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from acme_companion.ports import Issued
    from tests.act.acme_proxy import AcmeProxy

CERTIFICATE = "/certZ"


@pytest.fixture(scope="module")
def two_roots() -> Iterator[Pebble]:
    with Pebble(alternate_roots=1, retry_after=(0, 0), always_valid=True) as pebble:
        yield pebble


@pytest.fixture
async def proxy(two_roots: Pebble) -> AsyncIterator[AcmeProxy]:
    async with acme_proxy(two_roots) as running:
        yield running


@pytest.fixture
def roots(two_roots: Pebble) -> list[x509.Certificate]:
    return [x509.load_pem_x509_certificate(two_roots.root_pem(number)) for number in (0, 1)]


def name_of(root: x509.Certificate) -> str:
    return str(root.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


def ends_in(issued: Issued) -> x509.Name:
    return x509.load_pem_x509_certificates(issued.chain_pem)[-1].issuer


async def test_alternate_by_its_name(proxy: AcmeProxy, roots: list[x509.Certificate]) -> None:
    """It costs one request more; the CA's own choice costs none, and neither does no preference."""
    issued = await issue(proxy, "alternate.example.org", preferred_chain=name_of(roots[1]))
    assert ends_in(issued) == roots[1].subject
    assert len(proxy.asked(CERTIFICATE)) == 2

    for preferred in (name_of(roots[0]), ""):
        proxy.requests.clear()
        issued = await issue(proxy, "own.example.org", preferred_chain=preferred)
        assert ends_in(issued) == roots[0].subject
        assert len(proxy.asked(CERTIFICATE)) == 1


async def test_alternate_by_its_fingerprint(
    proxy: AcmeProxy, roots: list[x509.Certificate], tmp_path: Path
) -> None:
    """The chain lacks its root, which is found where we find whom to trust."""
    bundle = tmp_path / "bundle.pem"
    trusted = [root.public_bytes(Encoding.PEM) for root in roots]
    bundle.write_bytes(proxy.ca_bundle.read_bytes() + b"".join(trusted))
    fingerprint = hashlib.sha256(roots[1].public_bytes(Encoding.DER)).hexdigest()
    issued = await issue(proxy, "print.example.org", preferred_chain=fingerprint, ca_bundle=str(bundle))

    assert ends_in(issued) == roots[1].subject


async def test_chain_that_nobody_offers(proxy: AcmeProxy, roots: list[x509.Certificate]) -> None:
    """The CA's own choice is used, and a warning says what there is."""
    log = HeardLog()
    issued = await issue(proxy, "nobody.example.org", preferred_chain="ISRG Root X1", log=log)

    assert ends_in(issued) == roots[0].subject
    assert log.warnings == [
        f"no chain of the CA ends in the preferred ISRG Root X1; offered: {name_of(roots[0])}, {name_of(roots[1])}; "
        "the CA's own choice is used: look at ACME_PREFERRED_CHAIN"
    ]


async def test_alternate_that_cannot_be_fetched(proxy: AcmeProxy, roots: list[x509.Certificate]) -> None:
    """A certificate that is here is not given up for the sake of its chain."""
    proxy.on(CERTIFICATE, as_is, answer(404))
    log = HeardLog()
    issued = await issue(proxy, "gone.example.org", preferred_chain=name_of(roots[1]), log=log)

    assert ends_in(issued) == roots[0].subject
    assert log.warnings[0].startswith("an alternate chain cannot be fetched: ")
