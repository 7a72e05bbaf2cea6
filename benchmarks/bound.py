"""The bound: a minimal ACME client (RFC 8555) that does what must be done for a certificate, and nothing else.

No checks, no second tries but for nonces, no files. What it takes is about what the CA, TLS and signatures take in Python.

    python -m benchmarks.bound --directory URL --ca-bundle PEM --account-key PEM --http-port PORT NAME...
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from benchmarks.challenge_server import ChallengeServer
from benchmarks.connections import Answer, Connections

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECTIONS = 10
NONCE_TRIES = 30
ORDER_LIMIT = 120.0  # seconds
FIRST_PAUSE, GROWTH, LONGEST_PAUSE = 0.1, 1.5, 5.0


class BoundFailedError(Exception):
    """The CA said something else than was hoped for."""


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


class Key:
    """A P-256 account key."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        point = key.public_key().public_numbers()
        self.jwk = {
            "crv": "P-256",
            "kty": "EC",
            "x": _b64(point.x.to_bytes(32, "big")),
            "y": _b64(point.y.to_bytes(32, "big")),
        }
        canonical = json.dumps(self.jwk, sort_keys=True, separators=(",", ":")).encode()
        self.thumbprint = _b64(hashlib.sha256(canonical).digest())

    def signed(self, header: dict[str, Any], payload: bytes) -> bytes:
        """A flattened JWS (RFC 7515, ES256)."""
        protected, text = _b64(_json({"alg": "ES256", **header})), _b64(payload)
        der = self._key.sign(f"{protected}.{text}".encode(), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(der)
        signature = _b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        return _json({"protected": protected, "payload": text, "signature": signature})


@dataclass(slots=True)
class Bound:
    """One session. `placing` limits how many orders are being placed at the same moment."""

    connections: Connections
    key: Key
    challenges: ChallengeServer
    placing: asyncio.Semaphore
    directory: dict[str, Any] = field(default_factory=dict)
    account: str = ""
    nonces: list[str] = field(default_factory=list)

    async def open(self, directory_url: str, account: str = "") -> None:
        """Read the directory; without an `account` URL find or make one."""
        async with self.connections.one() as connection:
            self.directory = json.loads((await connection.request(directory_url, None)).body)
        self.account = account
        if not account:
            answer = await self.post(self.directory["newAccount"], _json({"termsOfServiceAgreed": True}))
            self.account = answer.headers["location"]

    async def issue(self, names: Sequence[str], csr: bytes) -> bytes:
        """Order, prove, finalize, download; the chain as PEM."""
        async with asyncio.timeout(ORDER_LIMIT):
            async with self.placing:
                identifiers = [{"type": "dns", "value": name} for name in names]
                placed = await self.post(self.directory["newOrder"], _json({"identifiers": identifiers}))
            order, url = json.loads(placed.body), placed.headers["location"]
            tokens = await asyncio.gather(*(self._prove(one) for one in order["authorizations"]))
            order = await self._until(url, "ready")
            for token in tokens:
                self.challenges.files.pop(token, None)
            finalized = await self.post(order["finalize"], _json({"csr": _b64(csr)}))
            order = json.loads(finalized.body)
            if order["status"] != "valid":
                await asyncio.sleep(_asked(finalized) or 0)
                order = await self._until(url, "valid")
            chain = await self.post(order["certificate"], b"", accept="application/pem-certificate-chain")
        return chain.body

    async def _prove(self, url: str) -> str:
        """Fetch the authorization and answer its challenge: the two round trips that each name costs."""
        authorization = json.loads((await self.post(url, b"")).body)
        [challenge] = [one for one in authorization["challenges"] if one["type"] == "http-01"]
        token: str = challenge["token"]
        self.challenges.files[token] = f"{token}.{self.key.thumbprint}"
        await self.post(challenge["url"], b"{}")
        return token

    async def _until(self, url: str, wanted: str) -> dict[str, Any]:
        pause = FIRST_PAUSE
        while True:
            answer = await self.post(url, b"")
            order: dict[str, Any] = json.loads(answer.body)
            if order["status"] == wanted:
                return order
            if order["status"] == "invalid":
                raise BoundFailedError(str(order))
            await asyncio.sleep(_asked(answer) or pause)
            pause = min(pause * GROWTH, LONGEST_PAUSE)

    async def post(self, url: str, payload: bytes, accept: str = "application/json") -> Answer:
        """A signed POST; a rejected nonce is replaced by the one that came with the rejection."""
        async with self.connections.one() as connection:
            for _ in range(NONCE_TRIES):
                if not self.nonces:
                    answer = await connection.request(self.directory["newNonce"], None)
                    self.nonces.append(answer.headers["replay-nonce"])
                who = {"kid": self.account} if self.account else {"jwk": self.key.jwk}
                header = {**who, "nonce": self.nonces.pop(), "url": url}
                answer = await connection.request(url, self.key.signed(header, payload), accept)
                if "replay-nonce" in answer.headers:
                    self.nonces.append(answer.headers["replay-nonce"])
                if answer.status < 300:
                    return answer
                if b"badNonce" not in answer.body:
                    break
        raise BoundFailedError(f"{url}: {answer.status} {answer.body.decode('utf-8', 'replace')}")


def _asked(answer: Answer) -> float | None:
    """The seconds that `Retry-After` asks for, which Pebble writes now as a number, now as a date."""
    text = answer.headers.get("retry-after", "")
    if not text or text.isdigit():
        return float(text) if text else None
    return max((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds(), 0)


def signing_request(names: Sequence[str], key: ec.EllipticCurvePrivateKey) -> bytes:
    """A CSR as DER."""
    extension = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = builder.add_extension(extension, critical=False).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def checked(chain: bytes, names: Sequence[str], key: ec.EllipticCurvePrivateKey) -> None:
    """Raise unless the leaf is for these names and this key, and each certificate is signed by the next."""
    leaf, *issuers = x509.load_pem_x509_certificates(chain)
    alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    same_key = leaf.public_key() == key.public_key()
    if set(alternatives.get_values_for_type(x509.DNSName)) != set(names) or not same_key:
        raise BoundFailedError("another certificate than was ordered")
    for signed, by in zip([leaf, *issuers], issuers, strict=False):
        signed.verify_directly_issued_by(by)


async def certificate(
    bound: Bound, names: Sequence[str], key: ec.EllipticCurvePrivateKey, *, check: bool = True
) -> None:
    """One certificate from its order to its checked chain."""
    chain = await bound.issue(names, signing_request(names, key))
    if check:
        checked(chain, names, key)


async def _main(arguments: argparse.Namespace) -> None:
    account_key = serialization.load_pem_private_key(Path(arguments.account_key).read_bytes(), None)
    if not isinstance(account_key, ec.EllipticCurvePrivateKey):
        raise BoundFailedError("the account key is not on P-256")
    key = ec.generate_private_key(ec.SECP256R1())
    connections = Connections(arguments.directory, Path(arguments.ca_bundle), arguments.connections)
    orders = [arguments.names]
    if arguments.one_each:
        orders = [[name] for name in arguments.names]
    async with ChallengeServer(arguments.http_port) as challenges, connections:
        bound = Bound(connections, Key(account_key), challenges, asyncio.Semaphore(arguments.orders_at_once))
        await bound.open(arguments.directory)
        await asyncio.gather(*(certificate(bound, names, key) for names in orders))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", required=True)
    parser.add_argument("--ca-bundle", required=True)
    parser.add_argument("--account-key", required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--orders-at-once", type=int, default=2)
    parser.add_argument("--one-each", action="store_true", help="a certificate for each name")
    parser.add_argument("names", nargs="+", metavar="NAME")
    asyncio.run(_main(parser.parse_args()))
