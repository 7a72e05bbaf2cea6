"""The table of DNS providers: acme.sh's names and variables on one side, what lexicon really takes on the other."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from acme_companion.decide.dns_providers import (
    CREDENTIALS,
    PROVIDERS,
    SHOWN,
    Interface,
    Provider,
    like,
    nearest_of,
)
from acme_companion.decide.dns_providers.documents import with_table

THROUGH_LEXICON = [one for one in PROVIDERS.values() if one.interface is Interface.LEXICON]
ASKED_FOR = """
    dns_cf dns_aws dns_azure dns_gcloud dns_dgon dns_hetzner dns_hetznercloud dns_ovh dns_netcup dns_ionos dns_gd dns_linode_v4
    dns_dnsimple dns_gandi_livedns dns_inwx dns_namecheap dns_desec dns_pdns dns_nsupdate dns_acmedns exec
"""


ASK_LEXICON = """
import json, sys
from argparse import ArgumentParser
from importlib import import_module
taken = {}
for library in sys.argv[1:]:
    parser = ArgumentParser(add_help=False)
    import_module("lexicon._private.providers." + library).Provider.configure_parser(parser)
    taken[library] = [action.dest for action in parser._actions]
print(json.dumps(taken))
"""


@pytest.fixture(scope="module")
def taken() -> dict[str, list[str]]:
    """What lexicon's own command line takes for each provider; in a process of its own, as lexicon's modules warn when looked at."""
    libraries = sorted({one.library for one in THROUGH_LEXICON})
    command = [sys.executable, "-c", ASK_LEXICON, *libraries]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("provider", THROUGH_LEXICON, ids=lambda one: one.name)
def test_every_option_is_one_of_lexicons(provider: Provider, taken: dict[str, list[str]]) -> None:
    """A renamed option of lexicon's would be ignored silently: every one that we give is one that it takes."""
    given = {option for way in provider.ways for option in way.options} | provider.options.keys()

    assert given - set(taken[provider.library]) == set()


@pytest.mark.parametrize("provider", THROUGH_LEXICON, ids=lambda one: one.name)
def test_every_way_gives_whole_options(provider: Provider) -> None:
    """With all the variables of one way set, each of its options has a value without a brace left in it."""
    for way in provider.ways:
        found = provider.lexicon_options({name: f"<{name}>" for name in way.needed})

        assert way.options.keys() <= found.keys()
        assert not re.search(r"[{}]", "".join(found.values()))


def test_the_page_has_the_table() -> None:
    """After a change of the table: scripts/write_settings.py."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "dns-01.md").read_text()

    assert page == with_table(page)
    assert all(f"| `{name}` |" in page for name in PROVIDERS)


def test_every_promised_provider_is_there() -> None:
    """The providers that are promised to an admin of mailcow, and each under one name only."""
    assert set(ASKED_FOR.split()) - PROVIDERS.keys() == set()
    assert all(name == one.name for name, one in PROVIDERS.items())


def test_names_are_acme_shs() -> None:
    """`dns_` and what acme.sh has after it; only our own `exec` is not one of acme.sh's."""
    assert [name for name in PROVIDERS if not re.fullmatch("dns_[a-z0-9_]+", name)] == ["exec"]
    assert SHOWN < CREDENTIALS


@pytest.mark.parametrize(
    ("name", "given", "options"),
    [
        pytest.param("dns_cf", {"CF_Token": "t"}, {"auth_token": "t"}, id="Cloudflare by token"),
        pytest.param(
            "dns_cf",
            {"CF_Token": "t", "CF_Zone_ID": "z", "CF_Account_ID": "a"},
            {"auth_token": "t", "zone_id": "z"},
            id="Cloudflare by a token of one zone",
        ),
        pytest.param(
            "dns_cf",
            {"CF_Key": "k", "CF_Email": "e@example.org"},
            {"auth_username": "e@example.org", "auth_token": "k"},
            id="Cloudflare by the account's key",
        ),
        pytest.param("dns_cf", {"CF_Key": "k"}, {}, id="half of the credentials are none"),
        pytest.param("dns_cf", {"CF_Key": "k", "CF_Email": ""}, {}, id="an empty variable is none"),
        pytest.param(
            "dns_ionos",
            {"IONOS_PREFIX": "p", "IONOS_SECRET": "s"},
            {"api_key": "p.s"},
            id="IONOS: two make one",
        ),
        pytest.param(
            "dns_ovh",
            {"OVH_AK": "a", "OVH_AS": "s", "OVH_CK": "c"},
            {
                "auth_application_key": "a",
                "auth_application_secret": "s",
                "auth_consumer_key": "c",
                "auth_entrypoint": "ovh-eu",
            },
            id="OVH: Europe unless said otherwise",
        ),
        pytest.param(
            "dns_ovh",
            {"OVH_AK": "a", "OVH_AS": "s", "OVH_CK": "c", "OVH_END_POINT": "ovh-ca"},
            {
                "auth_application_key": "a",
                "auth_application_secret": "s",
                "auth_consumer_key": "c",
                "auth_entrypoint": "ovh-ca",
            },
            id="OVH in Canada",
        ),
        pytest.param(
            "dns_gandi_livedns",
            {"GANDI_LIVEDNS_KEY": "{k}"},
            {"auth_token": "{k}", "api_protocol": "rest"},
            id="Gandi: a brace in a value stands for itself",
        ),
        pytest.param(
            "dns_pdns",
            {"PDNS_Url": "http://ns:8081", "PDNS_Token": "t", "PDNS_ServerId": "localhost", "PDNS_Ttl": "60"},
            {"pdns_server": "http://ns:8081", "auth_token": "t", "pdns_server_id": "localhost"},
            id="PowerDNS",
        ),
    ],
)
def test_options(name: str, given: dict[str, str], options: dict[str, str]) -> None:
    """acme.sh's variables become lexicon's options."""
    assert PROVIDERS[name].lexicon_options(given) == options


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("dns_cff", "dns_cf"),
        ("cloudflare", "dns_cf"),
        ("route53", "dns_aws"),
        ("dns_hetzer", "dns_hetzner"),
        ("dns_powerdns", "dns_pdns"),
        ("dns-ovh", "dns_ovh"),
        ("gandi", "dns_gandi_livedns"),
        ("dns_linode", "dns_linode_v4"),
    ],
)
def test_what_was_meant(written: str, meant: str) -> None:
    """A provider's other names lead to acme.sh's name for it."""
    assert like(written)[0] == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("CF_Tokem", "CF_Token"),
        ("CF_TOKEN", "CF_Token"),
        ("NETCUP_API", None),
        ("CF_Token", None),
    ],
)
def test_a_misspelt_variable(written: str, meant: str | None) -> None:
    """acme.sh's variables differ in case and underscores, and nobody remembers which."""
    assert nearest_of(written) == meant
