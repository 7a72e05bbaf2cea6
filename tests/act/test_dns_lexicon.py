"""TXT records through dns-lexicon, in its child process, against interfaces that answer as the providers' do.

The providers themselves cannot be had here: their interfaces are played on loopback, through a proxy.
"""

import asyncio
import os
from collections.abc import Callable, Mapping

import pytest

from acme_companion.act.dns.editor import RecordEditor, TxtRecord
from acme_companion.act.dns.providers import record_editor
from acme_companion.decide.problems import NotYet, Problem, Refused
from acme_companion.decide.settings import DnsZone, Secret
from tests.act.dns_interfaces import Cloudflare, HetznerCloud
from tests.bed.doors import RealClock, RememberingLog
from tests.bed.internet import Asked, Internet, Said, internet

ZONE = "example.org"
TOKEN = "canary-T0ken/with+signs&%"
OWNER = "_acme-challenge.example.org"
PASSWORD_OF_OURS = "canary-DBPASS"


def editor(provider: str, net: Internet | None = None, /, **options: str) -> RecordEditor:
    """The editor for a provider, whose child process meets `net` where the Internet is."""
    environment: Mapping[str, str] = {
        "PATH": os.environ["PATH"],
        "DBPASS": PASSWORD_OF_OURS,
        **(net.environment if net else {}),
    }
    zone = DnsZone(provider=provider, options={name: Secret(value) for name, value in options.items()})
    return record_editor(zone, RealClock(), RememberingLog(), environment)


def record(value: str, owner: str = OWNER) -> TxtRecord:
    return TxtRecord(ZONE, owner, value)


async def problem_of(answer: Callable[[Asked], Said], **options: str) -> Problem:
    """What is raised when Cloudflare's interface gives this answer."""
    with internet(answer) as net, pytest.raises(Problem) as raised:
        await editor("dns_cf", net, **(options or {"CF_Token": TOKEN})).add(record("ours"))
    return raised.value


async def test_cloudflare() -> None:
    """Values are published beside a foreign one, and only ours are taken away again (D12)."""
    there = Cloudflare(ZONE, TOKEN)
    there.put(OWNER, "foreign")
    with internet(there.answer) as net:
        cloudflare = editor("dns_cf", net, CF_Token=TOKEN)
        await asyncio.gather(
            cloudflare.add(record("for the name")),
            cloudflare.add(record("for the wildcard")),
            cloudflare.add(record("for another", "_acme-challenge.mail.example.org")),
        )
        published = there.values()
        await cloudflare.add(record("for the name"))
        await asyncio.gather(
            cloudflare.remove(record("for the name")),
            cloudflare.remove(record("for the wildcard")),
            cloudflare.remove(record("never was there")),
            cloudflare.remove(record("for another", "_acme-challenge.mail.example.org")),
        )

    assert published == [
        (OWNER, "for the name"),
        (OWNER, "for the wildcard"),
        (OWNER, "foreign"),
        ("_acme-challenge.mail.example.org", "for another"),
    ]
    assert there.values() == [(OWNER, "foreign")]
    assert {one.host for one in net.asked} == {"api.cloudflare.com"}


async def test_one_batch_signs_in_once() -> None:
    """What is asked for at the same moment goes through one process and one sign-in."""
    there = Cloudflare(ZONE, TOKEN)
    with internet(there.answer) as net:
        cloudflare = editor("dns_cf", net, CF_Token=TOKEN)
        await asyncio.gather(*(cloudflare.add(record(f"value {number}")) for number in range(12)))

    assert len(there.values()) == 12
    assert net.paths().count("GET /client/v4/zones") == 1


async def test_hetzner_cloud() -> None:
    """An interface of record sets keeps what others put into the set."""
    token = "h" * 64
    there = HetznerCloud(ZONE, token)
    there.sets["_acme-challenge"] = ["foreign"]
    with internet(there.answer) as net:
        hetzner = editor("dns_hetznercloud", net, HETZNER_TOKEN=token)
        await asyncio.gather(hetzner.add(record("ours")), hetzner.add(record("ours too")))
        published = sorted(there.sets["_acme-challenge"])
        await hetzner.remove(record("ours"))
        await hetzner.remove(record("ours too"))

    assert published == ["foreign", "ours", "ours too"]
    assert there.sets == {"_acme-challenge": ["foreign"]}


async def test_wrong_credentials() -> None:
    """The provider's sentence without what it repeats of the token, and which variables to check (D13)."""
    there = Cloudflare(ZONE, "another token")
    problem = await problem_of(there.answer)

    assert isinstance(problem, Refused)
    assert str(problem) == (
        "Cloudflare (dns_cf) did not publish the TXT record of _acme-challenge.example.org: 403 Forbidden - Invalid access token "
        "Bearer (secret): check CF_Token, and what they are allowed to do"
    )


async def test_a_zone_that_is_not_there() -> None:
    """The credentials are right, and the zone is another account's."""
    there = Cloudflare("example.net", TOKEN)
    problem = await problem_of(there.answer)

    assert isinstance(problem, Refused)
    assert "No domain found: check CF_Token" in str(problem)
    assert str(problem).endswith("and that example.org is a zone there")


BAD_DAYS: dict[str, tuple[Said, type[Problem], str]] = {
    "often.example": (
        Said({"errors": [{"message": "slow down"}]}, 429, {"Retry-After": "120"}),
        NotYet,
        "429 Too Many Requests - slow down",
    ),
    "broken.example": (Said(b"<html>no</html>", 500), NotYet, "500 Internal Server Error"),
    "works.example": (Said(b"down for work", 503), NotYet, "503 Service Unavailable - down for work"),
    "refused.example": (Said({"message": "bad\nname"}, 422), Refused, "422 Unprocessable Entity - bad name"),
    "flood.example": (Said(b"x" * 3_000_000, 400), Refused, "400 Bad Request - xxx"),
    "text.example": (Said(b"no JSON"), NotYet, "its answer was not understood (JSONDecodeError: "),
    "other.example": (Said({"result": None}), NotYet, "its answer was not understood (KeyError: "),
}


async def test_answers_that_are_no_success() -> None:
    """What the provider says is told in one line, and by its status it is known whether waiting helps (D13)."""

    def answer(asked: Asked) -> Said:
        zone = asked.path.split("/")[3]
        understood = zone in {"text.example", "other.example"} and asked.path.endswith(zone)
        return Said({}) if understood else BAD_DAYS[zone][0]

    with internet(answer) as net:
        ocean = editor("dns_dgon", net, DO_API_KEY=TOKEN)
        problems = await asyncio.gather(
            *(ocean.add(TxtRecord(zone, f"_acme-challenge.{zone}", "ours")) for zone in BAD_DAYS),
            return_exceptions=True,
        )

    for problem, (zone, (_, kind, text)) in zip(problems, BAD_DAYS.items(), strict=True):
        assert type(problem) is kind, zone
        assert text in str(problem)
        assert "\n" not in str(problem)
        assert len(str(problem)) < 600
        assert bool(isinstance(problem, NotYet) and problem.retry_at) is (zone == "often.example")


async def test_a_partial_write() -> None:
    """Of two values one fails: the other's caller is told of success, and clean-up finds what is there (D13)."""
    there = Cloudflare(ZONE, TOKEN)

    def answer(asked: Asked) -> Said:
        return Said(b"", 500) if b"second" in asked.body else there.answer(asked)

    with internet(answer) as net:
        cloudflare = editor("dns_cf", net, CF_Token=TOKEN)
        first, second = await asyncio.gather(
            cloudflare.add(record("first")), cloudflare.add(record("second")), return_exceptions=True
        )
        await cloudflare.remove(record("first"))
        await cloudflare.remove(record("second"))

    assert first is None
    assert isinstance(second, NotYet)
    assert there.values() == []


async def test_nobody_answers() -> None:
    """A provider that cannot be reached is a fault of today."""
    net = Internet({"HTTPS_PROXY": "http://127.0.0.1:9"})
    with pytest.raises(NotYet, match=r"its interface cannot be reached: .*refused"):
        await editor("dns_cf", net, CF_Token=TOKEN).add(record("ours"))


async def test_lexicon_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Without the extra the sentence says how to get it (D13)."""
    (tmp_path / "tldextract.py").write_text("raise ModuleNotFoundError(\"No module named 'tldextract'\")")
    monkeypatch.setattr("acme_companion.act.dns.lexicon.OTHER_PACKAGES", (str(tmp_path),))
    with pytest.raises(Refused, match=r"No module named 'tldextract'.*: install .*acme-companion\[dns\]"):
        await editor("dns_cf", CF_Token=TOKEN).add(record("ours"))


async def test_a_child_that_breaks(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Its last words are told without a credential, to everybody who waits."""
    (tmp_path / "tldextract.py").write_text(
        f"import os, sys\nprint({TOKEN!r}, flush=True)\nsys.exit('broken by {TOKEN}')"
    )
    monkeypatch.setattr("acme_companion.act.dns.lexicon.OTHER_PACKAGES", (str(tmp_path),))
    cloudflare = editor("dns_cf", CF_Token=TOKEN)
    found = await asyncio.gather(
        cloudflare.add(record("a")), cloudflare.add(record("b")), return_exceptions=True
    )

    assert [str(one) for one in found] == [
        "the process for Cloudflare (dns_cf) ended too early: broken by (secret)"
    ] * 2


@pytest.mark.parametrize("answer", [b"garbage\n", b"x" * 100_000, b'{"kind": "http"}\n'])
async def test_a_child_that_answers_in_another_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path, answer: bytes
) -> None:
    """Nobody waits for ever for an answer that cannot be read."""
    (tmp_path / "tldextract.py").write_text(
        f"import os, sys\nos.write(3, {answer!r})  # where the answers go\nsys.exit('at an end')"
    )
    monkeypatch.setattr("acme_companion.act.dns.lexicon.OTHER_PACKAGES", (str(tmp_path),))
    async with asyncio.timeout(30):
        with pytest.raises(NotYet, match=r"^the process for Cloudflare \(dns_cf\) answered with something"):
            await editor("dns_cf", CF_Token=TOKEN).add(record("a"))


async def test_an_interface_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is killed at the time limit, and what comes next is not held up by it (D13)."""
    there = Cloudflare(ZONE, TOKEN)
    hangs = asyncio.Event()
    loop = asyncio.get_running_loop()

    def answer(asked: Asked) -> Said:
        if not hangs.is_set():
            asyncio.run_coroutine_threadsafe(hangs.wait(), loop).result(60)
        return there.answer(asked)

    monkeypatch.setattr("acme_companion.act.dns.lexicon.STARTING", 2.0)
    monkeypatch.setattr("acme_companion.act.dns.lexicon.CHANGING", 0.0)
    with internet(answer) as net:
        cloudflare = editor("dns_cf", net, CF_Token=TOKEN)
        with pytest.raises(NotYet, match=r"^Cloudflare \(dns_cf\) did not answer within 2 seconds$"):
            await cloudflare.add(record("ours"))
        monkeypatch.setattr("acme_companion.act.dns.lexicon.STARTING", 60.0)
        hangs.set()
        await cloudflare.add(record("ours"))

    assert there.values() == [(OWNER, "ours")]


async def test_one_who_leaves_does_not_take_the_others_along() -> None:
    """A name that is given up does not undo the change of another that went through the same process."""
    there = Cloudflare(ZONE, TOKEN)
    with internet(there.answer) as net:
        cloudflare = editor("dns_cf", net, CF_Token=TOKEN)
        leaver = asyncio.create_task(cloudflare.add(record("given up")))
        stayer = asyncio.create_task(cloudflare.add(record("wanted")))
        await asyncio.sleep(0)
        leaver.cancel()
        await stayer

    assert (OWNER, "wanted") in there.values()
    assert leaver.cancelled()


async def test_the_child_knows_little(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets no password of ours in its environment, and no credential on its command line (O05)."""
    seen = tmp_path / "seen"
    (tmp_path / "tldextract.py").write_text(
        f"import os, sys\nopen({str(seen)!r}, 'wb').write(open('/proc/self/environ', 'rb').read() + "
        "open('/proc/self/cmdline', 'rb').read())\nsys.exit('seen')"
    )
    monkeypatch.setattr("acme_companion.act.dns.lexicon.OTHER_PACKAGES", (str(tmp_path),))
    with pytest.raises(NotYet):
        await editor("dns_cf", CF_Token=TOKEN).add(record("ours"))

    assert b"PATH=" in seen.read_bytes()
    assert b"canary" not in seen.read_bytes()
