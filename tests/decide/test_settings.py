"""The settings as values: what the environment and the env file together mean."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from acme_companion.decide.known_cas import LETS_ENCRYPT, LETS_ENCRYPT_STAGING
from acme_companion.decide.names import Name
from acme_companion.decide.settings import (
    Ca,
    Database,
    Deployment,
    HostPort,
    Http01,
    Http01Mode,
    KeyType,
    Naming,
    Redis,
    Secret,
    Settings,
)
from acme_companion.decide.settings.env_file import parse
from acme_companion.decide.settings.read import read

HOST = "mail.example.org"
PORTS = {
    "HTTP_PORT": 80,
    "HTTPS_PORT": 443,
    "SMTP_PORT": 25,
    "SMTPS_PORT": 465,
    "SUBMISSION_PORT": 587,
    "IMAP_PORT": 143,
    "IMAPS_PORT": 993,
    "POP_PORT": 110,
    "POPS_PORT": 995,
    "SIEVE_PORT": 4190,
}


def settings(**environment: str) -> Settings:
    return read({"MAILCOW_HOSTNAME": HOST, **environment})


def from_file(text: str, **environment: str) -> Settings:
    return read({"MAILCOW_HOSTNAME": HOST, **environment}, parse(text, "mail.conf"))


def test_defaults() -> None:
    """With nothing but the host name, everything has mailcow's or our default."""
    known = settings()

    assert known == Settings(
        naming=Naming(Name(HOST)),
        ca=Ca(LETS_ENCRYPT),
        rehearsal_ca=Ca(LETS_ENCRYPT_STAGING, timeout=120),
        checks=replace(
            known.checks.__class__(),
            public_ip_services=("https://icanhazip.com", "https://api64.ipify.org", "https://ident.me"),
        ),
        deployment=Deployment(ports={name: HostPort(HOST, port) for name, port in PORTS.items()}),
    )


def test_mailcow_as_compose_passes_it() -> None:
    """The compose file of mailcow passes every variable, empty when it is not set."""
    empty = dict.fromkeys(
        ["ADDITIONAL_SAN", "LE_STAGING", "TZ", "DIRECTORY_URL", "SNAT_TO_SOURCE", "LOG_LINES"], ""
    )
    mailcow = settings(DBNAME="mailcow", DBUSER="mailcow", DBPASS="pass", REDISPASS="word", **empty)

    assert mailcow == replace(
        settings(),
        database=Database("mailcow", "mailcow", Secret("pass")),
        redis=Redis(HostPort("redis", 6379), Secret("word")),
    )


@pytest.mark.parametrize("text", ["y", "Y", "yes", "YES", "true", "True", "on", "1"])
def test_yes(text: str) -> None:
    """All the ways to say yes."""
    assert settings(ENABLE_SSL_SNI=text).naming.sni


@pytest.mark.parametrize("text", ["n", "N", "no", "false", "FALSE", "off", "0"])
def test_no(text: str) -> None:
    """All the ways to say no."""
    assert not settings(AUTODISCOVER_SAN=text).naming.autodiscover


@pytest.mark.parametrize("separator", [",", ", ", " , ", ",,", ",\t"])
def test_names_and_prefixes(separator: str) -> None:
    """Full names and prefixes are told apart; blanks, empty items and repetitions do not matter."""
    listed = [
        "Webmail.example.org",
        "imap.*",
        "webmail.example.org.",
        "SMTP.*",
        "müller.example",
        "imap.*",
        "",
    ]

    assert settings(ADDITIONAL_SAN=separator.join(listed)).naming == Naming(
        Name(HOST),
        additional=(Name("webmail.example.org"), Name("xn--mller-kva.example")),
        prefixes=("imap", "smtp"),
    )


def test_static_mail_domains() -> None:
    """A stack without a database lists its mail domains."""
    naming = settings(MAIL_DOMAINS="a.example, b.example", MTA_STS_DOMAINS="b.example").naming

    assert naming == Naming(
        Name(HOST), mail_domains=(Name("a.example"), Name("b.example")), mta_sts_domains=(Name("b.example"),)
    )


def test_staging_wins() -> None:
    """LE_STAGING wins over DIRECTORY_URL, and says so."""
    both = settings(LE_STAGING="y", DIRECTORY_URL="https://ca.example/directory")

    assert (both.ca.directory_url, both.warnings) == (
        LETS_ENCRYPT_STAGING,
        ("environment: DIRECTORY_URL: has no effect, as LE_STAGING is yes: Let's Encrypt's staging is used",),
    )


def test_another_ca() -> None:
    """Everything about a CA of one's own."""
    ca = settings(
        DIRECTORY_URL=" https://127.0.0.1:14000/dir ",
        CA_BUNDLE="/etc/ca.pem",
        ACME_ACCOUNT_EMAIL="postmaster@Example.ORG",
        ACME_PROFILE="shortlived",
        ACME_KEY_TYPE="EC256",
        ORDERS_AT_ONCE="8",
        ISSUE_TIMEOUT="1.5",
        MAX_NAMES_PER_CERTIFICATE="25",
    ).ca

    assert ca == Ca(
        "https://127.0.0.1:14000/dir",
        contact="postmaster@example.org",
        profile="shortlived",
        ca_bundle="/etc/ca.pem",
        key_type=KeyType.EC256,
        orders_at_once=8,
        timeout=1.5,
    )


@pytest.mark.parametrize("address", ["me@example.com", "ME@example.com", ""])
def test_no_contact(address: str) -> None:
    """The example address of mailcow means none."""
    assert settings(ACME_ACCOUNT_EMAIL=address).ca.contact is None


def test_checks() -> None:
    """The checks can be told everything that they would find out."""
    checks = settings(
        SKIP_IP_CHECK="y",
        SKIP_HTTP_VERIFICATION="y",
        SNAT_TO_SOURCE="192.0.2.1",
        SNAT6_TO_SOURCE="no",
        PUBLIC_IPV4="192.0.2.1",
        PUBLIC_IPV6="2001:DB8::1",
        PUBLIC_IP_SERVICES="http://ip.example/,https://ip.example",
        ENABLE_IPV6="false",
        RESOLVERS="192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:54, [2001:db8::53], 2001:db8::54",
        CHECK_TIMEOUT="0.5",
        CHECK_HTTP_PORT="5002",
    ).checks

    assert checks == replace(
        settings().checks,
        skip_ip=True,
        skip_http=True,
        accept_other_ipv4=True,
        public_ipv4=IPv4Address("192.0.2.1"),
        public_ipv6=IPv6Address("2001:db8::1"),
        public_ip_services=("http://ip.example/", "https://ip.example"),
        ipv6=False,
        resolvers=(
            HostPort("192.0.2.53", 53),
            HostPort("192.0.2.53", 5353),
            HostPort("2001:db8::53", 54),
            HostPort("2001:db8::53", 53),
            HostPort("2001:db8::54", 53),
        ),
        timeout=0.5,
        http_port=5002,
    )


def test_standalone() -> None:
    """We may serve the challenge files ourselves."""
    known = settings(HTTP01_MODE="standalone", HTTP01_PORT="8080", WEBROOT="/srv/www/").http01

    assert known == Http01(Http01Mode.STANDALONE, "/srv/www", 8080)


def test_environment_wins() -> None:
    """A value that differs in both is said, without the value; one that is the same is not."""
    known = from_file("ENABLE_SSL_SNI=n\nACME_KEY_TYPE=ec256\n", ENABLE_SSL_SNI="y", ACME_KEY_TYPE="ec256")

    assert (known.naming.sni, known.warnings) == (
        True,
        ("mail.conf:1: ENABLE_SSL_SNI has another value in the environment, which wins",),
    )


def test_empty_environment_does_not_win() -> None:
    """Compose passes VAR= for what is not set."""
    assert from_file("ENABLE_SSL_SNI=y\n", ENABLE_SSL_SNI="").naming.sni


def test_password_keeps_its_dollar_and_blanks() -> None:
    """A password is taken as it stands."""
    database = from_file("DBNAME=m\nDBUSER=m\nDBPASS=' a${HOME}b$$ '\n").database

    assert database
    assert database.password.reveal() == " a${HOME}b$$ "


@pytest.mark.parametrize(
    ("zone", "kept", "warned"),
    [
        ("Europe/Berlin", "Europe/Berlin", False),
        ("", "", False),
        ("Europe/Bielefeld", "", True),
        ("Europe", "", True),
        ("/etc/passwd", "", True),
        ("../passwd", "", True),
    ],
)
def test_time_zone(zone: str, kept: str, warned: bool) -> None:
    """An unknown time zone costs the log its local time, nothing else."""
    known = settings(TZ=zone)

    assert (known.time_zone, bool(known.warnings)) == (kept, warned)


@pytest.mark.parametrize(
    ("environment", "warning"),
    [
        (
            {"ADDITIONAL_SAN": "*.example.org", "SKIP_LETS_ENCRYPT": "y"},
            "environment: ADDITIONAL_SAN: has no effect, as SKIP_LETS_ENCRYPT is yes",
        ),
        (
            {"ADDITIONAL_SAN": "imap.*", "ONLY_MAILCOW_HOSTNAME": "y"},
            "environment: ADDITIONAL_SAN: has no effect, as ONLY_MAILCOW_HOSTNAME is yes",
        ),
        (
            {"ACME_PROFILE": "tlsserver", "MAX_NAMES_PER_CERTIFICATE": "26"},
            "environment: MAX_NAMES_PER_CERTIFICATE: Let's Encrypt puts at most 25 names into a certificate of the profile "
            "tlsserver, and refuses to issue any with more: leave it empty, or set it to 25 or less",
        ),
    ],
)
def test_settings_that_contradict_each_other(environment: dict[str, str], warning: str) -> None:
    """What one setting takes away from another is said."""
    assert settings(**environment).warnings == (warning,)
