"""A pair is read as one value, or refused with a sentence."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.pair import (
    Certificate,
    NotAPair,
    Pair,
    certificate_of_der,
    fingerprint_of,
    public_key_digest,
    spki_of,
)
from tests.builders import DAY, NOW, names

KEY, OTHER_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
KEY_PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
CA_NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test CA")])
KEY_ID = bytes.fromhex("69885b6b87464041e1b37b847ba0ae2cde01c8d4")


def made(*sans: x509.GeneralName, serial: int = 0x87654321, key_id: bytes | None = KEY_ID) -> bytes:
    """The DER of a certificate of ours, with the serial and authority key of RFC 9773's example."""
    builder = (
        x509.CertificateBuilder()
        .issuer_name(CA_NAME)
        .subject_name(x509.Name([]))
        .public_key(KEY.public_key())
        .serial_number(serial)
        .not_valid_before(NOW)
        .not_valid_after(NOW + 90 * DAY)
    )
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=True)
    if key_id:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier(key_id, None, None), critical=False)
    return builder.sign(OTHER_KEY, SHA256()).public_bytes(Encoding.DER)


def pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()


LEAF = made(x509.DNSName("mail.example.org"), x509.DNSName("*.example.com"))


def test_facts_of_a_leaf():
    """Everything that decisions need, from the first certificate of the chain."""
    chain = pem(LEAF) + pem(made())

    assert Pair(KEY_PEM, chain).certificate() == Certificate(
        names("mail.example.org *.example.com"),
        NOW,
        NOW + 90 * DAY,
        fingerprint_of(LEAF),
        spki_of(KEY.public_key()),
        "CN=Test CA",
        self_signed=False,
        renewal_id="aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
    )


@pytest.mark.parametrize(
    ("serial", "key_id", "expected"),
    [
        pytest.param(0x87654321, KEY_ID, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE", id="RFC 9773 appendix A"),
        pytest.param(0x7F, b"\x01", "AQ.fw", id="no leading zero where the first bit is free"),
        pytest.param(0x80, b"\x01", "AQ.AIA", id="a leading zero where it is not"),
        pytest.param(1 << 158, b"\x01", "AQ.QAAAAAAAAAAAAAAAAAAAAAAAAAA", id="the longest serial"),
        pytest.param(1, None, "", id="no authority key: no CertID, so no advice"),
    ],
)
def test_renewal_id(serial, key_id, expected):
    """RFC 9773 section 4.1: base64url of the authority key identifier, a dot, base64url of the serial's DER value."""
    assert certificate_of_der(made(serial=serial, key_id=key_id)).renewal_id == expected


def test_odd_names_are_left_out():
    """An IP address or a name that we would refuse stands in somebody else's certificate: it is no name of ours."""
    address = x509.UniformResourceIdentifier("https://example.org")
    der = made(
        x509.DNSName("localhost"), address, x509.DNSName("a_b.example.org"), x509.DNSName("a.example.org")
    )

    assert certificate_of_der(der).names == names("a.example.org")


@pytest.mark.parametrize(
    ("key_pem", "chain_pem", "because"),
    [
        pytest.param(KEY_PEM, b"", "not a PEM certificate", id="empty"),
        pytest.param(KEY_PEM, b"\xff\xfe garbage", "not a PEM certificate", id="garbage"),
        pytest.param(KEY_PEM, KEY_PEM, "not a PEM certificate", id="a key where the chain should be"),
        pytest.param(pem(LEAF), pem(LEAF), "not an unencrypted PEM private key", id="a chain as key"),
        pytest.param(b"", pem(LEAF), "not an unencrypted PEM private key", id="an empty key"),
        pytest.param(
            KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
            pem(LEAF),
            "not an unencrypted PEM private key",
            id="a key with a password",
        ),
        pytest.param(
            ed25519.Ed25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            pem(LEAF),
            "the private key does not belong to the certificate",
            id="another kind of key",
        ),
        pytest.param(
            OTHER_KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
            pem(LEAF),
            "the private key does not belong to the certificate",
            id="another key of the same kind",
        ),
    ],
)
def test_what_is_no_pair(key_pem, chain_pem, because):
    """A pair that siblings could not load is refused, and the sentence says which half is wrong."""
    with pytest.raises(NotAPair, match=because):
        Pair(key_pem, chain_pem).certificate()


def test_a_key_is_never_shown():
    """No representation holds key material."""
    assert repr(Pair(KEY_PEM, pem(LEAF))) == "Pair()"


def changed(data: bytes) -> st.SearchStrategy[bytes]:
    """`data` with a few of its bytes changed."""
    places = st.dictionaries(st.integers(0, len(data) - 1), st.integers(0, 255), min_size=1, max_size=3)
    return places.map(lambda new: bytes(new.get(at, byte) for at, byte in enumerate(data)))


@pytest.mark.filterwarnings("ignore:.*serial number which wasn't positive")
@given(changed(LEAF))
def test_nearly_a_certificate(der):
    """Whatever an endpoint presents is read or refused; nothing else happens."""
    try:
        certificate = certificate_of_der(der)
    except NotAPair:
        return
    assert certificate.fingerprint == fingerprint_of(der)
    assert certificate.not_after - certificate.not_before > timedelta.min


@given(changed(KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())))
def test_nearly_a_key(der):
    """A damaged key file is read as another key or refused."""
    try:
        assert len(public_key_digest(pem(der, "PRIVATE KEY"))) == 64
    except NotAPair:
        return


def der_with(*swaps: tuple[bytes, bytes]) -> bytes:
    der = LEAF
    for old, new in swaps:
        assert old in der
        der = der.replace(old, new)
    return der


@pytest.mark.parametrize(
    "swap",
    [
        pytest.param((b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07"), id="a version that does not exist"),
        pytest.param((b"\x55\x1d\x23", b"\x55\x1d\x11"), id="an extension twice"),
        pytest.param(
            (bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030137")),
            id="a curve that nobody knows",
        ),
    ],
)
def test_certificates_that_the_library_cannot_read(swap):
    """It has its own exceptions for them; ours says that this is no certificate."""
    with pytest.raises(NotAPair):
        certificate_of_der(der_with(swap))
