"""A real ACME CA on loopback: Let's Encrypt's Pebble, with every knob it has for making life hard."""

from __future__ import annotations

import json
import shutil
import ssl
import tempfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import trustme

from .process import LOOPBACK, PROBE, Process, StartFailedError, free_port, program

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

DAY = 86_400  # seconds
NINETY_DAYS = {"default": {"description": "ninety days", "validityPeriod": 90 * DAY}}
# Pebble takes one at random for an order that asks for none, so they are only offered where a test asks.
THREE_PROFILES = NINETY_DAYS | {
    "tlsserver": {"description": "forty-five days", "validityPeriod": 45 * DAY},
    "shortlived": {"description": "six days", "validityPeriod": 6 * DAY},
}
ATTEMPTS = 5  # to find ports nobody else takes between our looking and Pebble's binding


class Pebble:
    """A fresh CA that forgets everything when it ends.

    Unlike Pebble's own defaults it is quick and predictable: no good nonce is rejected, it does not sleep before
    validating, no authorization is reused (which also keeps clear of its deadlock with orders placed at once).
    """

    def __init__(
        self,
        *,
        nonce_reject: int = 0,
        sleep: int | None = None,
        authz_reuse: int = 0,
        chain_length: int = 1,
        alternate_roots: int = 0,
        always_valid: bool = False,
        strict: bool = False,
        retry_after: tuple[int, int] = (1, 1),
        profiles: Mapping[str, Mapping[str, Any]] = NINETY_DAYS,
        dns_server: str | None = None,
        http_port: int | None = None,
        tls_port: int | None = None,
        external_accounts: Mapping[str, str] | None = None,
        caa_identities: tuple[str, ...] = (),
        blocked: tuple[str, ...] = (),
    ) -> None:
        """Set the scene; percentages for `nonce_reject` and `authz_reuse`, seconds for the rest.

        `sleep` is the longest nap before a validation, `retry_after` the header's value for (order, authorization),
        `http_port` and `tls_port` the ports that Pebble visits, `external_accounts` base64url keys by key id.
        """
        self.http_port = http_port or free_port()
        self.tls_port = tls_port or free_port()
        self.reuses_authorizations = authz_reuse > 0
        self.authorizations: set[str] = set()  # their paths, as far as somebody listens in
        self._arguments = ["-strict" if strict else "-strict=false"]
        if dns_server:
            self._arguments += ["-dnsserver", dns_server]
        self._environment = {
            "PEBBLE_WFE_NONCEREJECT": str(nonce_reject),
            "PEBBLE_AUTHZREUSE": str(authz_reuse),
            "PEBBLE_CHAIN_LENGTH": str(chain_length),
            "PEBBLE_ALTERNATE_ROOTS": str(alternate_roots),
            **({"PEBBLE_VA_NOSLEEP": "1"} if sleep is None else {"PEBBLE_VA_SLEEPTIME": str(sleep)}),
            **({"PEBBLE_VA_ALWAYS_VALID": "1"} if always_valid else {}),
        }
        self._settings: dict[str, Any] = {
            "httpPort": self.http_port,
            "tlsPort": self.tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": external_accounts is not None,
            "externalAccountMACKeys": dict(external_accounts or {}),
            "domainBlocklist": list(blocked),
            "retryAfter": {"order": retry_after[0], "authz": retry_after[1]},
            "keyAlgorithm": "ecdsa",
            "profiles": {name: dict(profile) for name, profile in profiles.items()},
        }
        if caa_identities:
            self._settings["caaIdentities"] = list(caa_identities)
        self._folder: Path | None = None
        self._process: Process | None = None
        self._port = self._management_port = 0

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="pebble-"))
        try:
            self._make_listener_pair()
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def directory_url(self) -> str:
        """Where a client starts."""
        return f"https://{LOOPBACK}:{self._port}/dir"

    @property
    def management_url(self) -> str:
        """Pebble's own extras: roots, keys, status by serial number."""
        return f"https://{LOOPBACK}:{self._management_port}"

    @property
    def ca_bundle(self) -> Path:
        """The certificate to trust when talking to the ACME API (not the one that signs what it issues)."""
        return self._in_folder("listener-ca.pem")

    @property
    def log(self) -> str:
        """Everything Pebble said so far."""
        return self._in_folder("pebble.log").read_text(encoding="utf-8", errors="replace")

    def directory(self) -> dict[str, Any]:
        """Give what this CA offers; a Pebble before 2.7 has no `renewalInfo` and no `meta.profiles`."""
        answer: dict[str, Any] = json.loads(self._get(self.directory_url))
        return answer

    def root_pem(self, chain: int = 0) -> bytes:
        """Fetch the root above issued certificates; `chain` counts the alternates."""
        return self._get(f"{self.management_url}/roots/{chain}")

    def intermediate_pem(self, chain: int = 0) -> bytes:
        """Fetch the intermediate that signs leaves."""
        return self._get(f"{self.management_url}/intermediates/{chain}")

    def status(self, serial: int) -> dict[str, Any]:
        """Tell what Pebble knows of a certificate: its `Status` is Valid or Revoked."""
        answer: dict[str, Any] = json.loads(
            self._get(f"{self.management_url}/cert-status-by-serial/{serial:x}")
        )
        return answer

    def stop(self) -> None:
        """End this CA and forget it; a second time is fine."""
        if self._process:
            self._process.stop()
            self._process = None
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _make_listener_pair(self) -> None:
        authority = trustme.CA()
        pair = authority.issue_cert("localhost", LOOPBACK)
        authority.cert_pem.write_to_path(self.ca_bundle)
        pair.private_key_and_cert_chain_pem.write_to_path(self._in_folder("listener.pem"))

    def _start(self) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            self._port, self._management_port = free_port(), free_port()
            listener = str(self._in_folder("listener.pem"))
            settings = self._settings | {
                "listenAddress": f"{LOOPBACK}:{self._port}",
                "managementListenAddress": f"{LOOPBACK}:{self._management_port}",
                "certificate": listener,
                "privateKey": listener,
            }
            config, log = self._in_folder("pebble.json"), self._in_folder("pebble.log")
            config.write_text(json.dumps({"pebble": settings}, indent=2), encoding="utf-8")
            command = [str(program("pebble", "pebble")), "-config", str(config), *self._arguments]
            self._process = Process(command, log, self._environment)
            try:
                self._process.wait_until(self._answers, f"answers at {self.directory_url}")
            except StartFailedError as problem:
                self._process.stop()
                if attempt == ATTEMPTS or "address already in use" not in str(problem):
                    raise
            else:
                return

    def _answers(self) -> bool:
        # Verified against our own fresh CA, so another program on the same port never passes for ours.
        try:
            return bool(
                self._get(self.directory_url, PROBE) and self._get(f"{self.management_url}/roots/0", PROBE)
            )
        except OSError:
            return False

    def _get(self, url: str, timeout: float = 5) -> bytes:
        trust = ssl.create_default_context(cafile=str(self.ca_bundle))
        no_proxy = urllib.request.ProxyHandler({})
        opener = urllib.request.build_opener(no_proxy, urllib.request.HTTPSHandler(context=trust))
        with opener.open(url, timeout=timeout) as answer:
            return bytes(answer.read())

    def _in_folder(self, name: str) -> Path:
        if self._folder is None:
            raise RuntimeError("this Pebble does not run: use it in a with statement")
        return self._folder / name
