"""The catalogue's rows about what is delivered: believed only when it is exactly what was ordered."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from acme_companion.decide.problems import NotOrdered
from tests.act import scripted_certificates as made
from tests.act.acme_world import CERTIFICATE_KEY, new_key
from tests.act.catalogue import Row, in_table, play, well
from tests.act.scripted_certificates import Mould

OUR_KEY = load_pem_private_key(CERTIFICATE_KEY, None)
NEW_INTERMEDIATE = ec.generate_private_key(ec.SECP384R1())
NEW_ROOT = ec.generate_private_key(ec.SECP384R1())
YE9 = made.signed("YE9", NEW_INTERMEDIATE, "Root YF", NEW_ROOT, x509.BasicConstraints(ca=True, path_length=0))
CROSS = made.signed(
    "Root YF", NEW_ROOT, "scripted root", made.ROOT_KEY, x509.BasicConstraints(ca=True, path_length=1)
)


def refused(what: str, mould: Mould, said: str) -> Row:
    """Whatever is delivered instead costs a certificate, so it is asked for once."""
    return Row(
        what,
        well,
        f"was not ordered: .*{said}.*; it is not used",
        NotOrdered,
        mould=mould,
        asked={"/order": 1, "/certificate": 1},
    )


def chain(*after_leaf: bytes) -> Mould:
    return Mould(delivered=lambda parts: [parts[0], *after_leaf])


@in_table(
    refused("A30 a name is missing", Mould(names=lambda names: names[1:]), "lacks a.example.org|no subjectAltName"),
    refused("A30 another name instead", Mould(names=lambda _: ["b.example.org"]), "lacks a.example.org"),
    refused("A30 an extra name", Mould(names=lambda names: [*names, "evil.example"]), "also names evil.example"),
    refused("A30 a wildcard instead", Mould(names=lambda _: ["*.example.org"]), "lacks a.example.org"),
    refused("A30 another key", Mould(key=made.STRANGE_KEY), "for another key than ours"),
    refused("A30 expired", Mould(start=-90, end=-1), "expired at"),
    refused("A30 not valid for two days", Mould(start=2), "not valid before"),
    refused("A30 a CA certificate", Mould(ca=True), "is a CA certificate"),
    refused("A30 not for servers", Mould(usage=made.CLIENT), "not for TLS servers"),
    refused("A31 no chain", chain(), "its chain is missing"),
    refused("A31 the chain reversed", Mould(delivered=lambda parts: parts[::-1]), "no subjectAltName|lacks"),
    refused("A31 an unrelated intermediate", chain(made.pem(made.UNRELATED)), "not signed by certificate 2"),
    refused("A31 the root alone", chain(made.pem(made.ROOT)), "not signed by certificate 2"),
    refused("A31 the leaf twice", Mould(delivered=lambda parts: [parts[0], *parts]), "not signed by certificate 2"),
    refused("A31 self-signed", Mould(signer=OUR_KEY, issuer="", delivered=lambda parts: parts[:1]), "chain is missing"),
    refused("A31 self-signed, with an intermediate", Mould(signer=OUR_KEY, issuer=""), "not signed by certificate 2"),
    refused("A31 twenty certificates", chain(*[made.pem(made.INTERMEDIATE)] * 19), "has 20 certificates"),
    refused("A31 a private key in it", Mould(delivered=lambda parts: [*parts, new_key()]), "holds a PRIVATE KEY block"),
    refused("A31 text before it", Mould(delivered=lambda parts: [b"subject=/CN=x\n", *parts]), "something else than"),
    refused("A31 not PEM at all", Mould(delivered=lambda _: [b"\x30\x82" * 500]), "something else than"),
    refused("A31 half a certificate", Mould(delivered=lambda parts: [parts[0][:400]]), "something else than"),
    refused("A31 garbled", Mould(delivered=lambda parts: [parts[0].replace(b"\nMII", b"\nAAA"), parts[1]]), "cannot be read"),
    refused("A31 half a megabyte", Mould(delivered=lambda parts: [*parts, b"\n" * 500_000]), "larger than"),
    Row("A30 a clock a little ahead", well, mould=Mould(start=5 / 1440)),
    Row("A31 with its root", well, mould=chain(made.pem(made.INTERMEDIATE), made.pem(made.ROOT))),
    Row(
        "A34 a new intermediate below a new root, cross-signed",
        well,
        mould=Mould(
            signer=NEW_INTERMEDIATE,
            issuer="YE9",
            delivered=lambda parts: [parts[0], made.pem(YE9), made.pem(CROSS)],
        ),
    ),
)  # fmt: skip
async def test_certificates(row: Row) -> None:
    """P-26, P-27: order, signatures, key, names, dates and purpose, and nothing else in the file."""
    played = await play(row)

    if isinstance(played.problem, NotOrdered):
        assert played.problem.chain == bytes(played.ca.objects("/certificate")[0]["pem"])


async def test_what_begins_soon_is_waited_for() -> None:
    """T06: by a clock like ours nobody would take it yet, so that nobody is given it before."""
    played = await play(Row("T06 a clock a little ahead", well, mould=Mould(start=5 / 1440)))

    assert 270 < max(played.clock.slept) <= 300
