"""Reading the signed requests of a client as a CA does (RFC 8555 section 6.2), independently of the code under test."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

if TYPE_CHECKING:
    from collections.abc import Mapping

CURVES = {
    "P-256": (ec.SECP256R1(), "ES256", SHA256(), 32),
    "P-384": (ec.SECP384R1(), "ES384", SHA384(), 48),
}
REQUIRED = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}


class NotSigned(Exception):
    """A request that no CA may take, with what is wrong."""


def decoded(text: str) -> bytes:
    """base64url without padding, strictly."""
    if "=" in text or not text.isascii():
        raise NotSigned(f"not base64url without padding: {text[:40]}")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def thumbprint(jwk: Mapping[str, str]) -> str:
    """RFC 7638: what stands behind the dot of a key authorization."""
    parts = {name: jwk[name] for name in REQUIRED[jwk["kty"]]}
    return encoded(sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).digest())


@dataclass(frozen=True)
class Signed:
    """The parts of a flattened JWS; `payload` is "" for POST-as-GET."""

    protected: Mapping[str, Any]
    payload: Any
    signed: bytes
    signature: bytes

    def verify(self, jwk: Mapping[str, str]) -> None:
        """Raise `NotSigned` unless the owner of this public key signed exactly these bytes."""
        algorithm = self.protected.get("alg")
        try:
            if jwk["kty"] == "RSA":
                _expect(algorithm, "RS256")
                numbers = (int.from_bytes(decoded(jwk[part]), "big") for part in ("e", "n"))
                key = rsa.RSAPublicNumbers(*numbers).public_key()
                key.verify(self.signature, self.signed, padding.PKCS1v15(), SHA256())
                return
            curve, name, digest, size = CURVES[jwk["crv"]]
            _expect(algorithm, name)
            if len(self.signature) != 2 * size:
                raise NotSigned(f"a signature of {len(self.signature)} bytes")
            x, y = (int.from_bytes(decoded(jwk[part]), "big") for part in ("x", "y"))
            r, s = (int.from_bytes(part, "big") for part in (self.signature[:size], self.signature[size:]))
            ec.EllipticCurvePublicNumbers(x, y, curve).public_key().verify(
                encode_dss_signature(r, s), self.signed, ec.ECDSA(digest)
            )
        except InvalidSignature:
            raise NotSigned("the signature is wrong") from None


def read(body: bytes) -> Signed:
    """A flattened JWS and nothing else (RFC 8555 section 6.2)."""
    value = json.loads(body)
    if set(value) != {"protected", "payload", "signature"}:
        raise NotSigned(f"a JWS with {sorted(value)}")
    protected = json.loads(decoded(value["protected"]))
    payload = decoded(value["payload"])
    if set(protected) - {"jwk", "kid"} != {"alg", "nonce", "url"} or ("jwk" in protected) == (
        "kid" in protected
    ):
        raise NotSigned(f"a protected header with {sorted(protected)}")
    return Signed(
        protected,
        json.loads(payload) if payload else "",
        f"{value['protected']}.{value['payload']}".encode(),
        decoded(value["signature"]),
    )


def _expect(algorithm: object, wanted: str) -> None:
    if algorithm != wanted:
        raise NotSigned(f"alg is {algorithm}, and the key is for {wanted}")
