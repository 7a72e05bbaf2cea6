"""Which zones are validated through DNS, with whose credentials: from the settings and from dns-01.conf."""

import pytest

from acme_companion.decide.names import Name
from acme_companion.decide.settings import Challenges, ChallengeType, DnsZone, Secret, Settings
from acme_companion.decide.settings.dns_file import DnsFile, parse_dns_file
from acme_companion.decide.settings.env_file import parse
from acme_companion.decide.settings.read import read

CANARY = "canary-Pa55"
CLOUDFLARE = {"ACME_DNS_CHALLENGE": "y", "ACME_DNS_PROVIDER": "dns_cf"}


def settings(file: str | DnsFile | None = None, mail_conf: str = "", /, **environment: str) -> Settings:
    return read(
        {"MAILCOW_HOSTNAME": "mail.example.org", **environment},
        parse(mail_conf, "mail.conf") if mail_conf else None,
        parse_dns_file(file.encode(), "dns-01.conf") if isinstance(file, str) else file,
    )


def zone(name: str, provider: str, kind: ChallengeType = ChallengeType.DNS_01, /, **options: str) -> DnsZone:
    return DnsZone(
        Name.parse(name) if name else None,
        kind,
        provider,
        {key: Secret(value) for key, value in options.items()},
    )


@pytest.mark.parametrize(
    ("file", "environment", "expected"),
    [
        pytest.param(None, {}, (), id="nothing asked: HTTP-01"),
        pytest.param("CF_Token=t\n", {}, (), id="mailcow's file alone switches nothing on"),
        pytest.param("CF_Token=t\n", CLOUDFLARE, (zone("", "dns_cf", CF_Token="t"),), id="mailcow's way"),
        pytest.param(
            "CF_Token=file\n",
            {**CLOUDFLARE, "CF_Token": "e"},
            (zone("", "dns_cf", CF_Token="e"),),
            id="the environment wins",
        ),
        pytest.param(
            "export CF_Token='t'\nexport CF_Zone_ID=z\n",
            CLOUDFLARE,
            (zone("", "dns_cf", CF_Token="t", CF_Zone_ID="z"),),
            id="lines for a shell",
        ),
        pytest.param(
            "SAVED_CF_Token='t'\nDEFAULT_DNS_SLEEP=20\n",
            CLOUDFLARE,
            (zone("", "dns_cf", CF_Token="t"),),
            id="acme.sh's own account.conf",
        ),
        pytest.param(
            "SAVED_CF_Token=old\nCF_Token=new\n",
            CLOUDFLARE,
            (zone("", "dns_cf", CF_Token="new"),),
            id="a variable wins over what acme.sh saved",
        ),
        pytest.param(
            "CF_Token=t\nHETZNER_TOKEN=h\n",
            CLOUDFLARE,
            (zone("", "dns_cf", CF_Token="t"),),
            id="the credentials of others are not handed on",
        ),
        pytest.param(
            "CF_Token=t\n[example.org]\nprovider=dns_hetznercloud\nHETZNER_TOKEN=h\n",
            {},
            (zone("example.org", "dns_hetznercloud", HETZNER_TOKEN="h"),),
            id="a section is a zone",
        ),
        pytest.param(
            "CF_Token=t\n[example.org]\nprovider = DNS_CF\n[example.net]\nprovider=dns_cf\nCF_Token=n\n",
            {"CF_Token": "e"},
            (zone("example.org", "dns_cf", CF_Token="e"), zone("example.net", "dns_cf", CF_Token="n")),
            id="a section's own credentials win over everything",
        ),
        pytest.param(
            "CF_Token=t\n[example.org]\n[intern.example.org]\nchallenge=http-01\n",
            CLOUDFLARE,
            (
                zone("", "dns_cf", CF_Token="t"),
                zone("example.org", "dns_cf", CF_Token="t"),
                zone("intern.example.org", "", ChallengeType.HTTP_01),
            ),
            id="a section without a provider has the general one; one may be HTTP-01 again",
        ),
        pytest.param(
            "[example.org]\nchallenge=dns-persist-01\n[example.net]\nchallenge=dns-account-01\nprovider=dns_cf\nCF_Token=t\n",
            {},
            (
                zone("example.org", "", ChallengeType.DNS_PERSIST_01),
                zone("example.net", "dns_cf", ChallengeType.DNS_ACCOUNT_01, CF_Token="t"),
            ),
            id="other challenges; dns-persist-01 needs no provider",
        ),
        pytest.param(
            "CF_Token=t\nNSUPDATE_SERVER=ns.example.org\n[example.net]\nNSUPDATE_KEY_VALUE=k\n",
            {"ACME_DNS_ZONES": "example.org:dns_cf, example.net:dns_nsupdate,example.com:dns-persist-01"},
            (
                zone("example.org", "dns_cf", CF_Token="t"),
                zone("example.net", "dns_nsupdate", NSUPDATE_SERVER="ns.example.org", NSUPDATE_KEY_VALUE="k"),
                zone("example.com", "", ChallengeType.DNS_PERSIST_01),
            ),
            id="ACME_DNS_ZONES; a section may only hold credentials",
        ),
        pytest.param(
            "CF_Token=t\n",
            {**CLOUDFLARE, "ACME_DNS_TYPE": "dns-account-01"},
            (zone("", "dns_cf", ChallengeType.DNS_ACCOUNT_01, CF_Token="t"),),
            id="another challenge for every name",
        ),
        pytest.param(
            "MY_TOKEN=m\nCF_Token=t\n",
            {"ACME_DNS_ZONES": "example.org:exec", "ACME_DNS_EXEC": "/bin/hook --zone x"},
            (zone("example.org", "exec", ACME_DNS_EXEC="/bin/hook --zone x", MY_TOKEN="m"),),
            id="a command, and what it needs",
        ),
        pytest.param(
            None, {**CLOUDFLARE, "SKIP_LETS_ENCRYPT": "y"}, (), id="without a CA nothing is validated"
        ),
    ],
)
def test_zones(file: str | None, environment: dict[str, str], expected: tuple[DnsZone, ...]) -> None:
    """What the settings and the file ask for, each zone with the credentials of its provider and no others."""
    known = settings(file, **environment)

    assert known.challenges == Challenges(expected)
    assert known.warnings == ()


def test_the_env_file_holds_credentials_too() -> None:
    """Besides the container's environment, mail.conf is where settings stand; it wins over the top of dns-01.conf."""
    known = settings("CF_Token=dns\n", "ACME_DNS_CHALLENGE=y\nACME_DNS_PROVIDER=dns_cf\nCF_Token=mail\n")

    assert known.challenges == Challenges((zone("", "dns_cf", CF_Token="mail"),))


@pytest.mark.parametrize(
    ("file", "environment", "expected"),
    [
        pytest.param(
            "no line\nCF_Token=$x\n",
            {},
            (
                "dns-01.conf:1: not KEY=value",
                "dns-01.conf:2: CF_Token contains $ or `; it stands for itself here, but a shell or Compose replaces it",
            ),
            id="a file that nothing needs stops nothing",
        ),
        pytest.param(
            "CF_Token=a\nCF_Token=b\n",
            CLOUDFLARE,
            ("dns-01.conf:2: CF_Token was set at dns-01.conf:1 already; the last one counts",),
            id="a duplicate",
        ),
        pytest.param(
            DnsFile("x", (), unread="x is a directory"),
            {},
            ("x is a directory",),
            id="unreadable, but not needed",
        ),
        pytest.param(
            "[example.org]\nprovider=dns_gd\nCF_Token=t\n",
            {"ACME_DNS_ZONES": "example.org:dns_cf"},
            (
                "dns-01.conf:1: [example.org]: its provider= and challenge= have no effect, as the zone stands in "
                "ACME_DNS_ZONES too",
            ),
            id="two places that say which provider",
        ),
        pytest.param(
            "CF_Token=t\n",
            {"ACME_DNS_PROVIDER": "dns_cf"},
            (
                "environment: ACME_DNS_PROVIDER: has no effect, as no name is validated through DNS: set ACME_DNS_CHALLENGE=y, or "
                "ACME_DNS_ZONES",
            ),
            id="a provider that nobody asks for",
        ),
        pytest.param("", {"ACME_DNS_PROVIDER": "dns_xxx"}, (), id="mailcow's own example of a provider"),
    ],
)
def test_warnings(file: str | DnsFile, environment: dict[str, str], expected: tuple[str, ...]) -> None:
    """What works, and is worth a look."""
    assert settings(file, **environment).warnings == expected


def test_everybody_can_read_the_file() -> None:
    """Credentials of DNS are the keys to the domain (E11)."""
    known = settings(
        DnsFile("dns-01.conf", parse_dns_file(b"CF_Token=t", "dns-01.conf").sections, exposed=True),
        **CLOUDFLARE,
    )

    assert known.warnings == (
        "dns-01.conf: holds credentials, and every user of the host can read it: chmod o-r dns-01.conf there",
    )


def test_no_credential_is_shown() -> None:
    """Neither by the settings nor by the file (O04)."""
    text = f"CF_Token={CANARY}\n[example.org]\nprovider=dns_gd\nGD_Key={CANARY}\nGD_Secret={CANARY}\n"
    file = parse_dns_file(text.encode(), "dns-01.conf")
    known = settings(file, **CLOUDFLARE)

    assert CANARY not in repr(known) + str(known) + repr(file) + repr(known.challenges.zones[1].options)


def test_wildcards_where_dns_validates() -> None:
    """A wildcard is wanted where its zone is validated through DNS, and left out with a warning elsewhere."""
    known = settings(
        "CF_Token=t",
        ACME_DNS_ZONES="example.org:dns_cf",
        ADDITIONAL_SAN="*.example.org,*.sub.example.org,*.example.net",
    )

    assert [str(name) for name in known.naming.additional] == ["*.example.org", "*.sub.example.org"]
    assert [text.partition(",")[0] for text in known.warnings] == [
        "environment: ADDITIONAL_SAN: '*.example.net' is a wildcard"
    ]
