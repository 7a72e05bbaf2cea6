"""The signature of each request, which is put together here, against the library's reading of it."""

from __future__ import annotations

from functools import cache

import pytest
from acme import jws
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from josepy.json_util import decode_b64jose, encode_b64jose
from josepy.jwk import JWK

from acme_companion.act.acme.signing import AccountKey, usable_nonce

ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "RSA 2048": "RS256"}
URLS = st.from_regex(r"https://[a-z]{1,9}(:[0-9]{1,4})?/[!-~]{0,40}", fullmatch=True)


@cache
def keys(kind: str) -> tuple[AccountKey, JWK]:
    """One account key of each kind, as RSA takes long to make, and its public half as the library has it."""
    made: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if kind == "RSA 2048":
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    else:
        made = ec.generate_private_key(ec.SECP256R1() if kind == "P-256" else ec.SECP384R1())
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return AccountKey(pem), JWK.load(pem).public_key()


@pytest.mark.parametrize("kind", ALGORITHMS)
@given(
    payload=st.binary(max_size=200),
    nonce=st.binary(min_size=1, max_size=100),
    url=URLS,
    account=URLS | st.just(""),
)
@settings(max_examples=50)
def test_what_is_signed_is_read_back_exactly(
    kind: str, payload: bytes, nonce: bytes, url: str, account: str
) -> None:
    """RFC 8555 section 6.2: algorithm, nonce, URL, and either the account or the public key; and the signature holds."""
    text, (signing, key) = encode_b64jose(nonce), keys(kind)
    assert usable_nonce(text)
    signed = signing.signed(payload, nonce=text, url=url, account=account)

    read = jws.JWS.json_loads(signed.decode())

    header = read.signature.combined
    said = (header.alg.name, header.nonce, header.url, header.kid, header.jwk)
    who = (account, None) if account else (None, key)
    assert said == (ALGORITHMS[kind], decode_b64jose(text), url, *who)
    assert read.payload == payload
    assert read.verify(key)
    assert not read.signature.header.to_partial_json()  # everything in it is protected
