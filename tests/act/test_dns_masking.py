"""No credential of DNS reaches a text that others read, whatever a provider repeats of it (D13, O04)."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.act.dns.masking import masked
from acme_companion.decide.dns_providers import PROVIDERS, SHOWN, Interface
from tests.bed.internet import Asked, Said, internet

DULL = {
    "Host",
    "User-Agent",
    "Accept-Encoding",
    "Accept",
    "accept",
    "Connection",
    "Content-Type",
    "Content-Length",
}
SECRETS = st.text(st.characters(exclude_categories=["Cs", "Zs", "Cc"]), min_size=8, max_size=40)
# Nothing leaves the machine, whatever a provider's module does besides asking through the proxy.
CHILD = """
import json, os, socket, sys
from acme_companion.act.dns.lexicon_child import _faults
really = socket.getaddrinfo
def only_here(host, *more, **named):
    if host not in ("127.0.0.1", "localhost"):
        raise socket.gaierror(-2, "Name or service not known")
    return really(host, *more, **named)
socket.getaddrinfo = only_here
for work in json.load(sys.stdin):
    found = list(_faults(work))
    print(json.dumps([work["library"], found]), flush=True)
"""


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda text: text, id="as it is"),
        pytest.param(quote, id="in the path of a URL"),
        pytest.param(quote_plus, id="in the query of a URL"),
        pytest.param(json.dumps, id="in JSON"),
        pytest.param(repr, id="as Python shows it"),
        pytest.param(lambda text: base64.b64encode(text.encode()).decode(), id="base64"),
        pytest.param(
            lambda text: base64.b64encode(f"me@example.org:{text}".encode()).decode(),
            id="basic authentication",
        ),
    ],
)
@given(secret=SECRETS)
def test_every_form(form: Any, secret: str) -> None:
    """However HTTP may have written it down, it is not there any more."""
    text = masked(f"before {form(secret)} after", ["me@example.org", secret])

    assert text.replace('"', "").replace("'", "") == "before (secret) after"


def test_short_values_stay() -> None:
    """A number or a word is no credential, and without it the sentence could not be read."""
    assert masked("port 53 of ns", ["53", "ns", ""]) == "port 53 of ns"


def works() -> list[dict[str, Any]]:
    """What each provider's child is given, with a canary in each of its variables, in every way there is."""
    found = []
    for provider in PROVIDERS.values():
        if provider.interface is not Interface.LEXICON:
            continue
        for way in provider.ways:
            given = {
                name: f"{'shown' if name in SHOWN else 'canary'}+{name}/{number}="
                for number, name in enumerate((*way.needed, *provider.optional))
            }
            if provider.name == "dns_pdns":
                given["PDNS_Url"] = "https://powerdns.example"
            if provider.name == "dns_ovh":
                given["OVH_END_POINT"] = "ovh-eu"
            changes = [
                {"add": add, "zone": "example.org", "name": "_acme-challenge.example.org", "value": "v"}
                for add in (True, False)
            ]
            found.append(
                {
                    "library": provider.library,
                    "options": provider.lexicon_options(given),
                    "secrets": [value for name, value in given.items() if name not in SHOWN],
                    "ttl": provider.ttl,
                    "changes": changes,
                }
            )
    return found


def test_no_provider_gives_a_credential_away() -> None:
    """Every provider's interface repeats all that it was asked with 401: no credential is in what is told of it."""

    def answer(asked: Asked) -> Said:
        # Without what is no secret, so that it is not cut off before the secrets come.
        kept = {name: value for name, value in asked.headers.items() if name not in DULL}
        text = f"{kept} {asked.query} {asked.body.decode(errors='replace')} {asked.path}"
        return Said({"error": {"message": text}, "detail": text}, 401)

    asked = works()
    with internet(answer) as net:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path.cwd()),
            **net.environment,
            "AWS_CA_BUNDLE": net.environment["REQUESTS_CA_BUNDLE"],
        }
        done = subprocess.run(
            [sys.executable, "-c", CHILD],
            input=json.dumps(asked).encode(),
            env=environment,
            capture_output=True,
            check=True,
            timeout=240,
        )
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"[")]

    assert [library for library, _ in told] == [work["library"] for work in asked]
    assert all(len(faults) == 2 and all(faults) for _, faults in told)
    assert [one for one in told if "canary" in json.dumps(one)] == []
    assert b"canary" not in done.stderr
    # The test is about answers: nearly all providers really asked, with their credentials.
    assert len({one.host for one in net.asked}) > 35
