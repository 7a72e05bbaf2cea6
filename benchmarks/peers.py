"""Other ACME clients, each as its manual says, with the same CA, the same way to it, and a webroot that is served."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from benchmarks.challenge_server import ChallengeServer
from benchmarks.measured import Run, run
from benchmarks.stage import installed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from benchmarks.stage import Stage

SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
MAIL = "postmaster@bench.example"


class Webroot:
    """A folder that the CA visits while the block runs, and another one for a peer's own files."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.root, self.home = stage.fresh_folder(), stage.fresh_folder()
        self.challenges = self.root / ".well-known/acme-challenge"
        self.challenges.mkdir(parents=True)
        self.challenges.chmod(0o777)
        self._server = ChallengeServer(stage.http_port, self.challenges)

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.__aexit__(kind, error, trace)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A peer with its files: `command` makes its command line for names."""

    command: Callable[[Sequence[str]], list[str]]
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None

    async def issue(self, names: Sequence[str], limit: float) -> Run:
        """One certificate."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.environment}
        return await run(self.command(names), environment, limit, self.folder)


@dataclass(frozen=True, slots=True)
class Peer:
    """A client that may be installed; `package` is the Debian package that brings it."""

    name: str
    package: str
    make: Callable[[str, Webroot], Prepared]

    @property
    def program(self) -> str | None:
        """Where it is, None when it is not installed."""
        return installed(self.name, self.package)

    @property
    def installed(self) -> bool:
        """Whether it can be measured."""
        return self.program is not None

    def prepare(self, webroot: Webroot) -> Prepared:
        """Its configuration, written into the webroot's `home`."""
        if self.program is None:
            raise RuntimeError(f"{self.name} is not installed")
        return self.make(self.program, webroot)


def _acme_tiny(program: str, webroot: Webroot) -> Prepared:
    home, stage = webroot.home, webroot.stage
    for key in ("account.key", "domain.key"):
        subprocess.run(
            ["openssl", "genrsa", "-out", str(home / key), "2048"], check=True, capture_output=True
        )
    script = home / "issue.sh"
    script.write_text(
        "set -e\n"
        'names=$(printf ",DNS:%s" "$@")\n'
        'openssl req -new -key domain.key -subj / -addext "subjectAltName=${names#,}" -out domain.csr\n'
        f"exec {shlex.quote(program)} --quiet --disable-check --account-key account.key --csr domain.csr "
        f"--acme-dir {webroot.challenges} --directory-url {stage.directory_url} > chain.pem\n"
    )
    return Prepared(
        lambda names: ["/bin/sh", str(script), *names], {"SSL_CERT_FILE": str(stage.ca_bundle)}, home
    )


def _certbot(program: str, webroot: Webroot) -> Prepared:
    home, stage = webroot.home, webroot.stage
    fixed = [program, "certonly", "--non-interactive", "--quiet", "--agree-tos", "--email", MAIL]
    fixed += ["--no-eff-email", "--webroot", "-w", str(webroot.root), "--server", stage.directory_url]
    for folder in ("config", "work", "logs"):
        fixed += [f"--{folder}-dir", str(home / folder)]
    return Prepared(
        lambda names: [*fixed, "--cert-name", names[0], *(part for name in names for part in ("-d", name))],
        {"REQUESTS_CA_BUNDLE": str(stage.ca_bundle)},
        home,
    )


def _lego(program: str, webroot: Webroot) -> Prepared:
    home, stage = webroot.home, webroot.stage
    fixed = [program, "--accept-tos", "--email", MAIL, "--server", stage.directory_url, "--path", str(home)]
    fixed += ["--http", "--http.webroot", str(webroot.root)]
    return Prepared(
        lambda names: [*fixed, *(part for name in names for part in ("--domains", name)), "run"],
        {"LEGO_CA_CERTIFICATES": str(stage.ca_bundle)},
        home,
    )


def _dehydrated(program: str, webroot: Webroot) -> Prepared:
    home, stage = webroot.home, webroot.stage
    settings = {
        "CA": stage.directory_url,
        "CHALLENGETYPE": "http-01",
        "WELLKNOWN": webroot.challenges,
        "BASEDIR": home,
        "CURL_OPTS": f"--cacert {stage.ca_bundle}",
        "IP_VERSION": 4,
    }
    config = home / "config"
    config.write_text("".join(f"{key}={shlex.quote(str(value))}\n" for key, value in settings.items()))
    fixed = [program, "--config", str(config)]
    subprocess.run([*fixed, "--register", "--accept-terms"], check=False, capture_output=True, timeout=60)
    return Prepared(lambda names: [*fixed, "--cron", "--domain", " ".join(names)], {}, home)


def _uacme(program: str, webroot: Webroot) -> Prepared:
    """It trusts the system's roots and nothing else, so it sees our bundle in their place."""
    home, stage = webroot.home, webroot.stage
    hook = home / "hook.sh"
    hook.write_text(
        "#!/bin/sh\n"
        '[ "$2" = http-01 ] || exit 1\n'
        f'case "$1" in begin) printf %s "$5" > {webroot.challenges}/"$4";; *) rm -f {webroot.challenges}/"$4";; esac\n'
    )
    hook.chmod(0o755)
    client = [program, "-c", str(home), "-a", stage.directory_url, "-y", "-t", "EC", "-h", str(hook)]
    inside = f'mount --bind {stage.ca_bundle} {SYSTEM_BUNDLE} && exec "$@"'
    apart = ["unshare", "--mount", "/bin/sh", "-c", inside, "uacme"]
    account = [*apart, program, "-c", str(home), "-a", stage.directory_url, "-y", "new", MAIL]
    if shutil.which("unshare"):
        subprocess.run(account, check=False, capture_output=True, timeout=60)
    return Prepared(lambda names: [*apart, *client, "issue", *names], {}, home)


PEERS = (
    Peer("acme-tiny", "acme-tiny", _acme_tiny),
    Peer("certbot", "certbot", _certbot),
    Peer("lego", "lego", _lego),
    Peer("dehydrated", "dehydrated", _dehydrated),
    Peer("uacme", "uacme", _uacme),
)
