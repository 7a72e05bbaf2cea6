"""In the place of `acme-mailcow`: mailcow's service definition with our image, on folders as mailcow leaves them.

mailcow's own images cannot be had here: the siblings are those of the other stack tests, and a small stand-in speaks for
its dockerapi (tests/stack/siblings/dockerapi.py), as the container gets neither a Docker socket nor DOCKER_HOST.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from acme_companion.act.store.dhparams import FFDHE2048
from acme_companion.decide.pair import leaf_of
from tests.bed.docker_stack import DockerStack
from tests.bed.helper_scripts import BareCopy
from tests.bed.process import CHECKOUT, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.docker

SERVICE = "acme-mailcow"
HOST = "mail.example.org"
NAMES = ["autoconfig.one.example", "autodiscover.one.example", HOST]
READERS = ("nginx-mailcow", "postfix-mailcow", "dovecot-mailcow")
SERVED = [("nginx-mailcow", 443, ""), ("postfix-mailcow", 25, "smtp"), ("dovecot-mailcow", 143, "imap")]
LIMIT = 90.0


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `data` of mailcow after `generate_config.sh`: the example pair is in place as it ships, on every installation."""
    made = tmp_path_factory.mktemp("mailcow") / "data"
    for folder in ("assets/ssl", "assets/ssl-example", "web/.well-known/acme-challenge", "conf/acme"):
        (made / folder).mkdir(parents=True)
    write_pair(made / "assets/ssl-example", *self_made(["mail.example.com"], "snake-oil", new_key()))
    (made / "assets/ssl-example/dhparams.pem").write_bytes(FFDHE2048)
    shutil.copytree(made / "assets/ssl-example", made / "assets/ssl", dirs_exist_ok=True)
    return made


@pytest.fixture
def bare(stack: DockerStack, tmp_path: Path) -> BareCopy:
    return BareCopy(tmp_path, COMPOSE_PROJECT_NAME=stack.project)


@pytest.fixture(scope="module")
def stack(data: Path) -> Iterator[DockerStack]:
    files = (CHECKOUT / "tests/stack/compose.yml", CHECKOUT / "tests/stack/mailcow.yml")
    settings = {"DIRECTORY_URL": "https://pebble:14000/dir"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA", str(data))
        with DockerStack(settings, files=files, companion=SERVICE) as made:
            yield made


def test_the_example_pair_is_replaced(stack: DockerStack, data: Path) -> None:
    """The pair that everybody has goes at once; then a certificate comes, and siblings are told through dockerapi."""
    log = wait_for_cycles(stack, 1)
    assert "the example pair, whose private key is on every installation" in log
    assert "issued, no certificate yet" in log
    assert leaf(data / "assets/ssl/cert.pem") == leaf(data / f"assets/ssl/{HOST}/cert.pem")
    restarted = [line for line in stack.logs("dockerapi-mailcow").splitlines() if "/restart" in line]
    assert len(restarted) == len(READERS), log
    assert (data / f"assets/ssl/{HOST}/domains").read_text() == HOST
    assert everywhere_served(stack) == [leaf(data / "assets/ssl/cert.pem")] * len(SERVED)
    assert "WARNING" not in stack.logs(SERVICE), stack.logs(SERVICE)
    assert stack.exec(SERVICE, "acme-companion", "health") == "alive\n"


def test_expiry_dates_from_inside(stack: DockerStack, bare: BareCopy) -> None:
    """The name leads to nginx alone here, as behind a router that lets nobody back in: who is silent is asked directly."""
    code, shown = bare.run("expiry-dates.sh", "--json")
    rows = json.loads(shown[: shown.rindex("]") + 1])
    asked = {(row["service"], row["port"], row["asked"]) for row in rows if row["days_left"] is not None}

    assert code == 0, shown
    assert asked == {
        ("Nginx", 443, "published port"),
        *(("postfix-mailcow", port, "container") for port in (25, 465, 587)),
        *(("dovecot-mailcow", port, "container") for port in (110, 143, 993, 995, 4190)),
    }
    code, shown = bare.run("expiry-dates.sh")
    assert code == 0
    assert "no published port of Postfix, Dovecot answered (try it on the host); the containers" in shown
    assert bare.run("expiry-dates.sh", "--host", "127.0.0.1")[0] == 1


def test_caa_record_from_a_bare_copy(stack: DockerStack, bare: BareCopy, data: Path) -> None:
    """The host's Python has none of our libraries: the container answers, for its own key or one that is handed to it."""
    stack.sql("INSERT INTO domain (domain) VALUES ('one.example')")
    records = [f'{name}. IN CAA 128 issue "pebble.example; accounturi=' for name in (HOST, "one.example")]
    code, shown = bare.run("generate_caa_record.py", "--quiet")
    key = data / "assets/ssl/acme/account.pem"
    mailcow_way = ["--account-key", str(key), "--contact", "mailto:me@example.org", "--quiet"]

    assert (code, [line[: len(want)] for line, want in zip(shown.splitlines(), records, strict=True)]) == (
        0,
        records,
    )
    assert bare.run("generate_caa_record.py", *mailcow_way) == (0, shown)
    code, shown = bare.run("generate_caa_record.py", "--account-key", str(data / "nothing"))
    assert (code, "there is no such file" in shown) == (2, True)


def test_status_sees_all_that_is_served(stack: DockerStack) -> None:
    """`docker exec` sees what the service was given, and what dockerapi tells is enough to look at every sibling."""
    status = json.loads(stack.exec(SERVICE, "acme-companion", "status", "--json"))

    assert {one["service"] for one in status["endpoints"]} == set(READERS)
    assert all(one["ok"] for one in status["endpoints"])
    assert status["not_verified"] == []


def test_what_mailcow_issued_is_adopted(stack: DockerStack, data: Path) -> None:
    """Certificates, keys and account of mailcow's container are kept and used as they are; the CA is asked for nothing."""
    orders = stack.logs("pebble").count("order-plz")
    assert orders
    stack.compose("rm", "--stop", "--force", SERVICE)
    stack.compose("kill", *READERS)
    ssl = data / "assets/ssl"
    shutil.rmtree(ssl / ".acme-companion", ignore_errors=True)
    for path in ssl.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    leave_as_mailcow_does(ssl)
    before = tree(ssl)
    stack.compose("up", "--detach", "--no-build")

    log = wait_for_cycles(stack, 1)

    assert "issued" not in log.replace("issued by", ""), log
    assert stack.logs("pebble").count("order-plz") == orders
    after = tree(ssl)
    assert {path: after[path] for path in before} == before
    assert not [path for path in after.keys() - before.keys() if "backups" in path]
    assert everywhere_served(stack) == [leaf(ssl / "cert.pem")] * len(SERVED)
    held = json.loads(stack.exec(SERVICE, "acme-companion", "status", "--json"))
    assert [(one["lineage"], sorted(one["names"])) for one in held["lineages"]] == [(HOST, NAMES)]
    assert held["server_pair"]["says"] == "ours"


def test_renewal_of_what_was_adopted(stack: DockerStack, data: Path) -> None:
    """The next certificate is for the same key, from the same account, and nginx reloads instead of restarting."""
    ssl = data / "assets/ssl"
    keys = {name: (ssl / "acme" / name).read_bytes() for name in ("account.pem", "key.pem")}
    spki, nginx = leaf_of((ssl / "cert.pem").read_bytes()).public_key(), stack.started_at("nginx-mailcow")
    (ssl / "force_renew").touch()

    log = wait_for_cycles(stack, 2)

    assert f"{HOST} +2 names: renewed" in log
    assert {name: (ssl / "acme" / name).read_bytes() for name in keys} == keys
    assert leaf_of((ssl / "cert.pem").read_bytes()).public_key() == spki
    assert stack.started_at("nginx-mailcow") == nginx
    assert everywhere_served(stack) == [leaf(ssl / "cert.pem")] * len(SERVED)


def wait_for_cycles(stack: DockerStack, count: int) -> str:
    done = wait_until(lambda: stack.logs(SERVICE).count("next look ") >= count, LIMIT, pause=0.3)
    log = stack.logs(SERVICE)
    assert done, f"no cycle {count} within {LIMIT:g} s:\n{log}"
    return log


def everywhere_served(stack: DockerStack) -> list[str]:
    stack.wait_healthy(*READERS)
    return [
        leaf_of(stack.served(service, port, HOST, starttls).encode()).fingerprint(SHA256()).hex()
        for service, port, starttls in SERVED
    ]


def leaf(path: Path) -> str:
    return leaf_of(path.read_bytes()).fingerprint(SHA256()).hex()


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- what mailcow's container leaves behind -------------------------------------------------------------------


def leave_as_mailcow_does(ssl: Path) -> None:
    """One certificate with 60 days left, the shared RSA-4096 key, and the account, under mailcow's names and modes."""
    lineage = ssl / HOST
    (ssl / "acme").mkdir()
    lineage.mkdir()
    key = new_key(4096)
    chain, key_pem = self_made(NAMES, "R12", key)
    for folder in (ssl, lineage):
        write_pair(folder, chain, key_pem)
    (lineage / "domains").write_text(" ".join([HOST, *NAMES[:2]]))
    request = ["openssl", "req", "-new", "-key", str(lineage / "key.pem"), "-subj", f"/CN={HOST}"]
    subprocess.run([*request, "-out", str(lineage / "acme.csr")], check=True, capture_output=True)
    (ssl / "acme/key.pem").write_bytes(key_pem)
    (ssl / "acme/account.pem").write_bytes(pem(new_key(4096)))
    (ssl / "dhparams.pem").write_bytes(FFDHE2048)
    for private in (ssl / "acme/key.pem", ssl / "acme/account.pem", ssl / "key.pem", lineage / "key.pem"):
        private.chmod(0o600)


def new_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def pem(key: rsa.RSAPrivateKey) -> bytes:
    """PKCS#1, as `openssl genrsa` of mailcow's container writes it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def write_pair(folder: Path, chain: bytes, key: bytes) -> None:
    (folder / "cert.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(key)


def self_made(names: list[str], issuer: str, key: rsa.RSAPrivateKey) -> tuple[bytes, bytes]:
    """A certificate with 60 of 90 days left, and its key; `snake-oil` is self-signed, any other issuer is a CA."""
    now = datetime.now(UTC).replace(microsecond=0)
    own = issuer == "snake-oil"
    above = common_name(names[0]) if own else common_name(issuer)
    signer = key if own else new_key()
    built = (
        x509.CertificateBuilder()
        .subject_name(common_name(names[0]))
        .issuer_name(above)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=60))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM), pem(key)


def common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
