"""A chain is believed only when it is exactly what was ordered."""

from __future__ import annotations

import base64
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.chain import ChainRefused, check
from acme_companion.decide.names import Name
from acme_companion.decide.pair import NotAPair, certificate_of, leaf_of, spki_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = (Name("mail.example.org"), Name("*.example.org"))
ROOT, ABOVE, OURS, OTHER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


def certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
    *extensions: x509.ExtensionType,
    start: datetime = NOW - DAY,
    end: datetime = NOW + 90 * DAY,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signer, hashes.SHA256())


def leaf(
    *extensions: x509.ExtensionType,
    names: tuple[str, ...] = ("mail.example.org", "*.example.org"),
    key: ec.EllipticCurvePrivateKey = OURS,
    **validity: datetime,
) -> x509.Certificate:
    entries = x509.SubjectAlternativeName([x509.DNSName(text) for text in names])
    return certificate("leaf", key, "above", ABOVE, entries, *extensions, **validity)


INTERMEDIATE = certificate("above", ABOVE, "root", ROOT, x509.BasicConstraints(ca=True, path_length=0))
UNRELATED = certificate("above", OTHER, "root", ROOT, x509.BasicConstraints(ca=True, path_length=0))
SELF_SIGNED_ROOT = certificate("root", ROOT, "root", ROOT, x509.BasicConstraints(ca=True, path_length=1))


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def checked(chain: bytes) -> bytes:
    return check(chain, NAMES, spki_of(OURS.public_key()), NOW)


@pytest.mark.parametrize(
    "certificates",
    [
        pytest.param((leaf(), INTERMEDIATE), id="leaf and intermediate"),
        pytest.param((leaf(SERVER), INTERMEDIATE), id="for TLS servers"),
        pytest.param((leaf(), INTERMEDIATE, SELF_SIGNED_ROOT), id="with the root"),
        pytest.param(
            (leaf(start=NOW + timedelta(minutes=5)), INTERMEDIATE), id="the CA's clock is a little ahead"
        ),
        pytest.param(
            (leaf(names=("*.EXAMPLE.org", "mail.example.org")), INTERMEDIATE),
            id="names in any order and case",
        ),
        pytest.param((leaf(end=datetime(9999, 12, 31, tzinfo=UTC)), INTERMEDIATE), id="valid for ever"),
    ],
)
def test_believed(certificates: tuple[x509.Certificate, ...]) -> None:
    """What was ordered comes back as plain PEM, also with other white space between."""
    assert checked(pem(*certificates).replace(b"\n", b"\r\n") + b"\n\n") == pem(*certificates)


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        pytest.param(
            pem(leaf(names=("mail.example.org",)), INTERMEDIATE),
            "it lacks *.example.org",
            id="a name is missing",
        ),
        pytest.param(
            pem(leaf(names=("mail.example.org", "*.example.org", "x.example.org")), INTERMEDIATE),
            "it also names x.example.org, which was not ordered",
            id="a name too many",
        ),
        pytest.param(
            pem(certificate("leaf", OURS, "above", ABOVE), INTERMEDIATE),
            "it has no subjectAltName",
            id="no names at all",
        ),
        pytest.param(pem(leaf(key=OTHER), INTERMEDIATE), "it is for another key than ours", id="another key"),
        pytest.param(
            pem(leaf(start=NOW - 90 * DAY, end=NOW), INTERMEDIATE),
            "it expired at 2026-11-20 12:00 UTC: is this host's clock right?",
            id="expired",
        ),
        pytest.param(
            pem(leaf(start=NOW + 2 * DAY), INTERMEDIATE),
            "it is not valid before 2026-11-22 12:00 UTC: is this host's clock right?",
            id="not valid for days",
        ),
        pytest.param(
            pem(leaf(x509.BasicConstraints(ca=True, path_length=None)), INTERMEDIATE),
            "it is a CA certificate",
            id="a CA certificate",
        ),
        pytest.param(
            pem(leaf(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])), INTERMEDIATE),
            "it is not for TLS servers (no serverAuth in its extended key usage)",
            id="for clients only",
        ),
        pytest.param(
            pem(leaf()),
            "its chain is missing: no intermediate certificate was delivered",
            id="no intermediate",
        ),
        pytest.param(
            pem(leaf(), UNRELATED),
            "its chain is broken: certificate 1 is not signed by certificate 2",
            id="unrelated",
        ),
        pytest.param(
            pem(leaf(), SELF_SIGNED_ROOT, INTERMEDIATE),
            "its chain is broken: certificate 1 is not signed by certificate 2",
            id="out of order",
        ),
        pytest.param(pem(INTERMEDIATE, leaf()), "it has no subjectAltName", id="the wrong way round"),
        pytest.param(
            pem(leaf(), *[INTERMEDIATE] * 19), "its chain has 20 certificates", id="twenty certificates"
        ),
        pytest.param(
            pem(leaf(), INTERMEDIATE) + OURS.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "its chain holds a PRIVATE KEY block",
            id="a private key",
        ),
        pytest.param(
            b"subject=leaf\n" + pem(leaf(), INTERMEDIATE),
            "its chain holds something else than certificates",
            id="explanatory text (RFC 8555 section 9.1)",
        ),
        pytest.param(b"", "its chain has 0 certificates", id="nothing"),
        pytest.param(b"A" * 200_000, "its chain is larger than 131072 bytes", id="too much"),
    ],
)
def test_refused(chain: bytes, said: str) -> None:
    """One sentence tells what is wrong."""
    with pytest.raises(ChainRefused) as refused:
        checked(chain)

    assert str(refused.value) == said


@pytest.mark.parametrize("issuer", ["(STAGING) Riddling Rhubarb R12", "Fake LE Intermediate X1"])
def test_staging_in_production(issuer: str) -> None:
    """A32, P-27: what a CA for trying signed is refused from one that everybody trusts, and taken from any other."""
    entries = x509.SubjectAlternativeName([x509.DNSName(name.text) for name in NAMES])
    above = certificate(issuer, ABOVE, "root", ROOT, x509.BasicConstraints(ca=True, path_length=0))
    chain = pem(certificate("leaf", OURS, issuer, ABOVE, entries), above)

    assert checked(chain) == chain
    with pytest.raises(ChainRefused, match=r"nobody trusts its issuer, CN=.*, which is for trying"):
        check(chain, NAMES, spki_of(OURS.public_key()), NOW, trusted=True)
    good = pem(leaf(), INTERMEDIATE)
    assert check(good, NAMES, spki_of(OURS.public_key()), NOW, trusted=True) == good


def test_garbled_certificate() -> None:
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    with pytest.raises(ChainRefused, match="cannot be read"):
        checked(broken + pem(INTERMEDIATE))


def patched(certificate: x509.Certificate, *changes: tuple[str, str]) -> bytes:
    """A PEM whose DER has other bytes of the same length, given as hex."""
    der = certificate.public_bytes(Encoding.DER)
    for old, new in changes:
        assert bytes.fromhex(old) in der
        der = der.replace(bytes.fromhex(old), bytes.fromhex(new))
    lines = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n".encode()


TWO_EXTENSIONS = (
    x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00"),
    x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.6"), b"\x05\x00"),
)
X400_NAME = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"\x30\x02\xa3\x00")


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        pytest.param(
            patched(leaf(*TWO_EXTENSIONS), ("06042a030406", "06042a030405")) + pem(INTERMEDIATE),
            "its extensions cannot be read",
            id="an extension that stands twice",
        ),
        pytest.param(
            pem(certificate("leaf", OURS, "above", ABOVE, X400_NAME), INTERMEDIATE),
            "its extensions cannot be read",
            id="a kind of name that nobody uses",
        ),
        pytest.param(
            patched(leaf(), ("2a8648ce3d030107", "2a8648ce3d03017f")) + pem(INTERMEDIATE),
            "its public key cannot be read",
            id="a key on an unknown curve",
        ),
        pytest.param(
            patched(leaf(), ("2a8648ce3d040302", "2a8648ce3d04037f")) + pem(INTERMEDIATE),
            "its chain is broken: certificate 1 is not signed by certificate 2",
            id="an unknown signature algorithm",
        ),
        pytest.param(
            pem(leaf()) + patched(INTERMEDIATE, ("2a8648ce3d030107", "2a8648ce3d03017f")),
            "its chain is broken: certificate 1 is not signed by certificate 2",
            id="an intermediate with a key on an unknown curve",
        ),
        pytest.param(
            patched(leaf(), ("a003020102", "a003020109")) + pem(INTERMEDIATE),
            "its chain cannot be read",
            id="a version from the future",
        ),
    ],
)
def test_nearly_a_certificate(chain: bytes, said: str) -> None:
    """What the library cannot read is refused as well, whichever error it has for it."""
    with pytest.raises(ChainRefused) as refused:
        checked(chain)

    assert str(refused.value).startswith(said)
    with suppress(NotAPair):
        certificate_of(leaf_of(chain))


@pytest.mark.parametrize(
    ("ordered", "refused"),
    [
        pytest.param("2620:fe::9", "", id="the address that was ordered"),
        pytest.param("2620:fe::1", "it lacks 2620:fe::1", id="another address"),
    ],
)
def test_a_certificate_for_an_address(ordered, refused):
    """RFC 8738: an IP address stands in the certificate as such, and counts like a name."""
    entries = x509.SubjectAlternativeName(
        [x509.DNSName("mail.example.org"), x509.IPAddress(ip_address("2620:fe::9"))]
    )
    chain = pem(certificate("leaf", OURS, "above", ABOVE, entries), INTERMEDIATE)
    wanted = (Name("mail.example.org"), Name.parse_address(ordered))

    with pytest.raises(ChainRefused, match=refused) if refused else nullcontext():
        check(chain, wanted, spki_of(OURS.public_key()), NOW)


GOOD = pem(leaf(), INTERMEDIATE)


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_any_damage(changes: list[tuple[int, int]]) -> None:
    """Whatever bytes of a delivery are others: it is refused in one printable line, or is what was ordered all the same."""
    damaged = bytearray(GOOD)
    for place, byte in changes:
        damaged[place] = byte
    said = ""
    try:
        believed = leaf_of(checked(bytes(damaged)))
    except ChainRefused as refused:
        said = str(refused)

    assert said.isprintable()
    assert said or believed.public_key() == OURS.public_key()
