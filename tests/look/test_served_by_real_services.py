"""What the real nginx, Postfix and Dovecot of a mail stack serve, and how they take a new pair up."""

from __future__ import annotations

import asyncio
import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest
import trustme

from acme_companion.act.siblings.docker_engine import DockerEngine
from acme_companion.decide.deployment import Change, Verification, expected, judge, rollout
from acme_companion.decide.names import Name
from acme_companion.decide.pair import Pair
from acme_companion.decide.settings import Deployment
from acme_companion.look.served import served
from tests.bed.containers import SOCKET, STACK, Containers, docker, have_stack_image, logs
from tests.bed.doors import RealClock, RememberingLog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acme_companion.decide.pair import Certificate

pytestmark = pytest.mark.docker
HOSTNAME, DOMAIN = Name("mail.example.org"), Name("imap.example.com")
SERVICES = ("nginx", "postfix", "dovecot")
LIMIT = 60.0


class Volume:
    """The shared volume, filled from outside."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.authority = trustme.CA()
        docker("volume", "create", name)

    def switch(self) -> list[Certificate]:
        """Put fresh pairs into the volume: the server's, and one for a mail domain."""
        pairs = {name: self._pair(name) for name in (HOSTNAME, DOMAIN)}
        files = {"dhparams.pem": ready_made_parameters()}
        for directory, name in (("", HOSTNAME), (f"{HOSTNAME}/", HOSTNAME), (f"{DOMAIN}/", DOMAIN)):
            files[f"{directory}key.pem"] = pairs[name].key_pem
            files[f"{directory}cert.pem"] = pairs[name].chain_pem
            if directory:
                files[f"{directory}domains"] = name.text.encode()
        self._write(files)
        return [pair.certificate() for pair in pairs.values()]

    def _pair(self, name: Name) -> Pair:
        issued = self.authority.issue_cert(name.text)
        return Pair(issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())

    def _write(self, files: dict[str, bytes]) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path, content in files.items():
                entry = tarfile.TarInfo(path)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        command = ["docker", "run", "--rm", "-i", "-v", f"{self.name}:/v", STACK, "tar", "-xC", "/v"]
        subprocess.run(command, input=packed.getvalue(), check=True, timeout=LIMIT)


def ready_made_parameters() -> bytes:
    """The DH parameters of RFC 7919 (ffdhe2048): nothing has to be searched for."""
    command = ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048"]
    return subprocess.run(command, capture_output=True, check=True, timeout=LIMIT).stdout


@pytest.fixture
def stack() -> Iterator[tuple[Containers, Volume]]:
    with Containers() as few:
        have_stack_image()
        volume = Volume(few.project)
        try:
            yield few, volume
        finally:
            for service in SERVICES:
                docker("rm", "--force", f"{few.project}-{service}-mailcow-1", check=False)
            docker("volume", "rm", volume.name, check=False)


async def verify(siblings: DockerEngine, certificates: list[Certificate]) -> Verification:
    """Look until all serve what they should, or the limit has passed."""
    found = Verification()
    try:
        async with asyncio.timeout(LIMIT):
            while True:
                server, domain = certificates
                wanted = expected(await siblings.list(), HOSTNAME, server, [server, domain])
                looks = await served(endpoint for one in wanted for endpoint in one.by_endpoint)
                found = judge(wanted, looks)
                if found.finished and not found.unanswered:
                    return found
                await asyncio.sleep(0.2)
    except TimeoutError:
        return found


async def test_a_switch_from_end_to_end(stack: tuple[Containers, Volume]) -> None:
    """A new pair is on no endpoint until the siblings are acted on, and on every one afterwards."""
    few, volume = stack
    old = volume.switch()
    for service in SERVICES:
        few.start(
            f"{service}-mailcow",
            ("python3", "-m", f"siblings.{service}"),
            image=STACK,
            options=["-v", f"{few.project}:/etc/ssl/mail:ro", "-e", f"MAILCOW_HOSTNAME={HOSTNAME}"],
        )
    siblings = DockerEngine(
        Deployment(project=few.project, docker_host=f"unix://{SOCKET}"), RealClock(), RememberingLog()
    )
    before = await verify(siblings, old)
    # nginx 443; Postfix 25, 465, 587; Dovecot 143, 993, 110, 995, 4190: the server pair and the domain's at each.
    assert (len(before.results), before.finished, before.unanswered) == (18, True, ()), (before, _logs(few))

    new = volume.switch()
    server, domain = new
    wanted = expected(await siblings.list(), HOSTNAME, server, [server, domain])
    stale = judge(wanted, await served(endpoint for one in wanted for endpoint in one.by_endpoint))
    # Postfix's 25 and 587 read the default pair anew with every smtpd process; its SNI map holds the old contents.
    assert stale.stale
    assert not stale.finished

    for sibling, action in rollout(await siblings.list(), Change.RENEWED).steps:
        await siblings.act(sibling, action)
    after = await verify(siblings, new)
    assert (len(after.results), after.finished, after.unanswered) == (18, True, ()), (after, _logs(few))


def _logs(few: Containers) -> list[str]:
    return [logs(f"{few.project}-{service}-mailcow-1")[-2000:] for service in SERVICES]
