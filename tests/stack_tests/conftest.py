"""One mailcow-like stack for all files of this folder; every test begins with the settings that it names."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from acme_companion.act.issuers.self_signed import self_signed
from acme_companion.act.store.dhparams import FFDHE2048
from acme_companion.decide.names import Name
from tests.act.store_parts import OTHER_KEY, pem_of
from tests.bed.containers import BASE, IDLE
from tests.bed.mailcow_stack import READERS, MailcowStack
from tests.builders import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `data` of mailcow after `generate_config.sh`: the example pair is in place, as on every installation."""
    made = tmp_path_factory.mktemp("mailcow") / "data"
    for folder in ("assets/ssl", "assets/ssl-example", "web/.well-known/acme-challenge", "conf/acme"):
        (made / folder).mkdir(parents=True)
    example = self_signed(Name("mail.example.com"), pem_of(OTHER_KEY), NOW)
    (made / "assets/ssl-example/cert.pem").write_bytes(example.chain_pem)
    (made / "assets/ssl-example/key.pem").write_bytes(example.key_pem)
    (made / "assets/ssl-example/dhparams.pem").write_bytes(FFDHE2048)
    shutil.copytree(made / "assets/ssl-example", made / "assets/ssl", dirs_exist_ok=True)
    return made


@pytest.fixture(scope="session")
def mailcow(data: Path) -> Iterator[MailcowStack]:
    """The whole stack after its first start, HTTPS on a port of its own: acme-mailcow is not told which."""
    with MailcowStack(data) as made:
        made.wait_for_cycles(1)
        yield made


@pytest.fixture(scope="session")
def neighbours(mailcow: MailcowStack) -> Iterator[dict[str, str]]:
    """Who must never be touched, by container: other projects that are called alike, and other services. When each was started."""
    strangers = [(f"{mailcow.project}dev", service) for service in READERS]
    strangers += [(mailcow.project[:-1], "nginx-mailcow"), (mailcow.project, "my-nginx-mailcow-exporter")]
    names = []
    try:
        for project, service in strangers:
            labels = {"com.docker.compose.project": project, "com.docker.compose.service": service}
            marks = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
            names.append(f"{project}-{service}-stranger")
            mailcow.docker("run", "--detach", "--name", names[-1], *marks, BASE, *IDLE)
        yield {name: started_at(mailcow, name) for name in names}
    finally:
        mailcow.docker("rm", "--force", *names, check=False)


def started_at(stack: MailcowStack, name: str) -> str:
    return stack.docker("inspect", "--format", "{{.State.StartedAt}}", name).strip()
