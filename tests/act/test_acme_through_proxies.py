"""O08: the way to the CA through a proxy that the environment names, and what is said when that way is closed."""

from __future__ import annotations

import base64
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import trustme
from aiohttp import web

from acme_companion.act.acme import proxies
from acme_companion.decide.problems import NotYet, Problem
from tests.act.acme_world import StepClock, issue
from tests.act.connect_proxy import connect_proxy
from tests.act.scripted_ca import scripted_ca
from tests.bed.process import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.act.scripted_ca import ScriptedCa

SECRET = "hunter2canary"
CREDENTIALS = base64.b64encode(f"postmaster:{SECRET}".encode()).decode()


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Say to the environment which proxy there is."""
    for name in ("HTTPS_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    proxies._proxy.cache_clear()
    yield lambda url: monkeypatch.setenv("https_proxy", url)
    proxies._proxy.cache_clear()


def far_away(ca: ScriptedCa) -> ScriptedCa:
    """The CA under a name that only the proxy can resolve."""
    ca.directory_url = ca.directory_url.replace(LOOPBACK, "ca.test")
    return ca


async def test_a_certificate_through_a_proxy(through: Callable[[str], None]) -> None:
    async with scripted_ca() as ca, connect_proxy() as proxy:
        through(proxy.url)
        await issue(far_away(ca), clock=StepClock())

    assert {one.partition(":")[0] for one in proxy.asked} == {"CONNECT ca.test"}


async def test_no_proxy_where_none_is_wanted(
    through: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect_proxy() as proxy, scripted_ca() as ca:
        through(proxy.url)
        monkeypatch.setenv("no_proxy", "ca.test")
        with pytest.raises(NotYet, match=r"ca\.test"):
            await issue(far_away(ca), clock=StepClock())

    assert proxy.asked == []


async def test_credentials_for_the_proxy(through: Callable[[str], None]) -> None:
    """They go to the proxy, and to nobody else."""
    async with scripted_ca() as ca, connect_proxy(authorization=CREDENTIALS) as proxy:
        through(proxy.url.replace("//", f"//postmaster:{SECRET}@"))
        await issue(far_away(ca), clock=StepClock())


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        pytest.param(b"", "HTTP status 407: Proxy Authentication Required", id="it wants other credentials"),
        pytest.param(
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "HTTP status 403", id="it forbids the CA"
        ),
        pytest.param(
            b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", "HTTP status 502", id="it does not reach the CA"
        ),
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", "HTTP status 400: Bad status line", id="it is no proxy"),
    ],
)
async def test_proxy_says_no(through: Callable[[str], None], refusal: bytes, said: str) -> None:
    """One sentence that names the proxy; never its password."""
    async with scripted_ca() as ca, connect_proxy(authorization="other", refusal=refusal) as proxy:
        through(proxy.url.replace("//", f"//postmaster:{SECRET}@"))
        with pytest.raises(NotYet, match=rf"through the proxy {LOOPBACK}:\d+ \({said}") as refused:
            await issue(far_away(ca), clock=StepClock())

    assert SECRET not in f"{refused.value}{refused.value!r}"
    assert ca.requests == []


async def test_proxy_that_is_not_there(through: Callable[[str], None]) -> None:
    async with scripted_ca() as ca:
        through(f"http://postmaster:{SECRET}@{LOOPBACK}:{free_port()}")
        with pytest.raises(NotYet, match=r"through the proxy .*Connect call failed") as refused:
            await issue(far_away(ca), clock=StepClock())

    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "proxy.example",
        "socks5://127.0.0.1:1",
        "http://",
        "http://a:hunter2canary@[::1",
        "ftp://a",
        "a:hunter2canary@b",
    ],
)
async def test_proxy_that_is_none(through: Callable[[str], None], url: str) -> None:
    """Nonsense in the environment is one sentence, too."""
    async with scripted_ca() as ca:
        through(url)
        with pytest.raises(Problem, match="through the proxy") as refused:
            await issue(far_away(ca), clock=StepClock())

    assert SECRET not in str(refused.value)


async def test_proxy_that_reads_along(through: Callable[[str], None], tmp_path: Path) -> None:
    """A48: whoever shows a certificate of its own is refused, and believed when its CA is in the bundle."""
    async with scripted_ca() as ca, connect_proxy() as proxy:
        through(proxy.url)
        right = ca.ca_bundle
        ca.ca_bundle = tmp_path / "other.pem"
        trustme.CA().cert_pem.write_to_path(ca.ca_bundle)
        with pytest.raises(NotYet, match=r"is not trusted .*does the CA bundle hold the CA's own root"):
            await issue(far_away(ca), clock=StepClock())
        ca.ca_bundle = right
        await issue(ca, clock=StepClock())


@pytest.mark.parametrize(
    ("days", "said"),
    [
        pytest.param(1, "not yet valid", id="our clock is behind"),
        pytest.param(-400, "expired", id="or ahead"),
    ],
)
async def test_clock_that_makes_the_ca_untrusted(tmp_path: Path, days: int, said: str) -> None:
    """T02: without a battery a host starts in 1970, so a certificate that is not valid yet is explained by the clock."""
    authority, port = trustme.CA(), free_port()
    start = datetime.now(UTC) + timedelta(days=days)
    pair = authority.issue_cert(LOOPBACK, not_before=start, not_after=start + timedelta(days=90))
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    pair.configure_cert(serving)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    async def never(request: web.BaseRequest) -> web.Response:
        raise AssertionError("nothing is asked of whom nobody trusts")

    async with scripted_ca() as ca:
        ca.directory_url, ca.ca_bundle = f"https://{LOOPBACK}:{port}/dir", tmp_path / "ca.pem"
        runner = web.ServerRunner(web.Server(never), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, port, ssl_context=serving).start()
        try:
            with pytest.raises(NotYet, match=rf"{said}.*is this host's clock right \(20\d\d-\d\d-\d\d"):
                await issue(ca, clock=StepClock())
        finally:
            await runner.cleanup()
