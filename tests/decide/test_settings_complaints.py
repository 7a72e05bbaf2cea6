"""Wrong settings: every complaint at once, each with its place, and never a secret."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.problems import SettingsWrong
from acme_companion.decide.settings.env_file import EnvFile, parse, parse_bytes
from acme_companion.decide.settings.read import read
from acme_companion.decide.settings.variables import IGNORED, SETTINGS, nearest

HOST = "mail.example.org"
CANARY = "canary-Pa55"
VALUES = st.text(max_size=30) | st.sampled_from(
    [
        "*.example.org",
        "imap.*",
        "y",
        "[::1]:53",
        "a@b@c",
        "https://[",
        "tcp://x:99999",
        "é.*",
        "1" * 5000,
        "xn--",
        "[]:",
    ]
)


def complaints(text: str = "", **environment: str) -> tuple[str, ...]:
    with pytest.raises(SettingsWrong) as wrong:
        read({"MAILCOW_HOSTNAME": HOST, **environment}, parse(text, "mail.conf") if text else None)
    return wrong.value.complaints


def complaints_or_none(environment: dict[str, str], file: EnvFile | None) -> tuple[str, ...]:
    try:
        read(environment, file)
    except SettingsWrong as problem:
        return problem.complaints
    return ()


def test_everything_at_once() -> None:
    """The admin mends the file once, not seven times."""
    text = """
MAILCOW_HOSTNAMES=mail.example.org
MAIL_DOMAINS=*.*.example.org,ok.example.org,mail
LE_STAGING=maybe
no key
DBUSER=mailcow
"""
    with pytest.raises(SettingsWrong) as wrong:
        read({"CHECK_TIMEOUT": "soon"}, parse(text, "mail.conf"))

    assert str(wrong.value).splitlines() == [
        "settings: 8 problems",
        "  mail.conf:5: not KEY=value",
        "  mail.conf: MAILCOW_HOSTNAME: is not set: write the server's full name, such as mail.example.org",
        "  mail.conf:3: MAIL_DOMAINS: '*.*.example.org': a * may only be the whole first label",
        "  mail.conf:3: MAIL_DOMAINS: 'mail' has no dot: a fully qualified host name is needed",
        "  mail.conf:4: LE_STAGING: 'maybe' is neither yes nor no: write y or n",
        "  mail.conf:6: DBUSER: is set, but DBNAME is not: set both, or neither",
        "  environment: CHECK_TIMEOUT: 'soon' is not a number of seconds from 0.1 to 300",
        "  mail.conf:2: MAILCOW_HOSTNAMES is unknown and has no effect: did you mean MAILCOW_HOSTNAME?",
    ]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("MAILCOW_HOSTNAME", "*.example.org", "'*.example.org' is a wildcard; write a name"),
        ("MAILCOW_HOSTNAME", "192.0.2.1", "'192.0.2.1' is an IP address, not a host name"),
        (
            "ACME_DNS_ZONES",
            "example.org",
            "'example.org' is not zone:provider, such as example.org:dns_cf",
        ),
        ("MAIL_DOMAINS", "*.example.org", "'*.example.org' is a wildcard; write a name"),
        ("MAX_NAMES_PER_CERTIFICATE", "101", "'101' is not a whole number from 1 to 100"),
        ("MAX_NAMES_PER_CERTIFICATE", "٣", "'٣' is not a whole number from 1 to 100"),
        ("HTTP01_PORT", "0", "'0' is not a whole number from 1 to 65535"),
        ("CHECK_TIMEOUT", "nan", "'nan' is not a number of seconds from 0.1 to 300"),
        ("SMTP_PORT", "localhost:25", "'localhost:25' is neither a port from 1 to 65535 nor ip:port"),
        ("SMTP_PORT", "[::1]", "'[::1]' is neither a port from 1 to 65535 nor ip:port"),
        ("SMTP_PORT", "127.0.0.1", "'127.0.0.1' is neither a port from 1 to 65535 nor ip:port"),
        (
            "MAIL_DOMAINS",
            "a.example b.example",
            "'a.example b.example' is not one entry: separate entries with commas",
        ),
        ("RESOLVERS", "9.9.9.9;1.1.1.1", "'9.9.9.9;1.1.1.1' is not one entry: separate entries with commas"),
        (
            "REDIS_HOST",
            "redis://x:6379",
            "'redis://x:6379' is neither host nor host:port: no / may stand in it",
        ),
        ("ACME_DNS_ZONES", ":dns_cf", "':dns_cf' is not zone:provider, such as example.org:dns_cf"),
        (
            "PUBLIC_IP_SERVICES",
            f"https://me:{CANARY}@x/ https://y/",
            "may not hold a user, a password or an @ (the value is not shown here)",
        ),
        (
            "DIRECTORY_URL",
            "http://ca.example/directory",
            "'http://ca.example/directory' is not a URL that begins with https:// and a host",
        ),
        ("DIRECTORY_URL", "ca.example", "'ca.example' is not a URL that begins with https:// and a host"),
        ("DIRECTORY_URL", "https://[", "'https://[' is not a URL that begins with https:// and a host"),
        ("DIRECTORY_URL", "https://a b/", "'https://a b/' contains a character that may not stand in a URL"),
        (
            "DIRECTORY_URL",
            f"https://me:{CANARY}@ca.example/",
            "may not hold a user, a password or an @ (the value is not shown here)",
        ),
        (
            "PUBLIC_IP_SERVICES",
            f"https://ok.example,ftp://me:{CANARY}@x/",
            "may not hold a user, a password or an @ (the value is not shown here)",
        ),
        (
            "DBHOST",
            f"me:{CANARY}@db",
            "may not hold a user, a password or an @ (the value is not shown here)",
        ),
        (
            "ACME_ACCOUNT_EMAIL",
            "Me <me@example.org>",
            "'Me <me@example.org>' is not one e-mail address like postmaster@example.org",
        ),
        (
            "ACME_ACCOUNT_EMAIL",
            "a@x.example,b@x.example",
            "'a@x.example,b@x.example' is not one e-mail address like postmaster@example.org",
        ),
        (
            "ACME_ACCOUNT_EMAIL",
            "me@localhost",
            "'localhost' has no dot: a fully qualified host name is needed",
        ),
        (
            "DOCKER_HOST",
            f"unix://me:{CANARY}@docker",
            "may not hold a user, a password or an @ (the value is not shown here)",
        ),
        (
            "REDIS_HOST",
            f"me:{CANARY}@redis:6379",
            "may not hold a user, a password or an @ (the value is not shown here)",
        ),
        ("ACME_KEY_TYPE", "dsa", "'dsa' is not one of rsa2048, rsa3072, rsa4096, ec256, ec384"),
        ("HTTP01_MODE", "proxy", "'proxy' is not one of webroot, standalone"),
        ("VOLUME", "acme", "'acme' is not an absolute path: begin it with /"),
        ("WEBROOT", "/var/../etc", "'/var/../etc' contains ..: write the path without it"),
        ("PUBLIC_IPV4", "2001:db8::1", "'2001:db8::1' is not an IPv4 address"),
        ("PUBLIC_IPV6", "fe80::1%eth0", "'fe80::1%eth0' has a zone: write the address without it"),
        ("RESOLVERS", "unbound", "'unbound' is not an IP address: a resolver is given by its address"),
        (
            "DOCKER_HOST",
            "ssh://host",
            "'ssh://host' is none of unix:///path, tcp://host:port, https://host and none",
        ),
        ("DOCKER_HOST", "tcp://proxy", "'tcp://proxy' has no port: write tcp://host:port"),
        ("DOCKER_HOST", "tcp://proxy:1/v1", "'tcp://proxy:1/v1': only a host and a port may follow tcp://"),
        (
            "COMPOSE_PROJECT_NAME",
            "Mail Stack",
            "'Mail Stack' is not a Compose project: write it as `docker compose ls` shows it",
        ),
        ("DBNAME", "mailcow", "is set, but DBUSER is not: set both, or neither"),
        ("DBPASS", f"{CANARY}\n", "contains a control character or a byte that is not UTF-8"),
        ("REDISPASS", f"{CANARY}\udcff", "contains a control character or a byte that is not UTF-8"),
        ("ADDITIONAL_SAN", "a" * 16_385, "longer than 16384 characters"),
    ],
)
def test_complaint(name: str, text: str, sentence: str) -> None:
    """What is wrong, where, and what to write instead."""
    found = complaints(**{name: text})

    assert found == (f"environment: {name}: {sentence}",)
    assert CANARY not in "".join(found)


def test_no_secret_is_ever_shown() -> None:
    """Passwords are in no complaint, no warning and no representation of the settings."""
    text = f"DBNAME=m\nDBUSER=m\nDBPASS=$x{CANARY}\nDBPASS='{CANARY}#'\nREDISPASS={CANARY} y\n"
    broken = parse(f'{text}DBPASS="{CANARY}\nREDISPASS {CANARY}\n{CANARY}\nDBPAS={CANARY}\n', "mail.conf")
    known = read({"MAILCOW_HOSTNAME": HOST, "DBPASS": f"{CANARY}2"}, parse(text, "mail.conf"))
    with pytest.raises(SettingsWrong) as wrong:
        read({}, broken)

    assert known.warnings == (
        "mail.conf:4: DBPASS was set at mail.conf:3 already; the last one counts",
        "mail.conf:4: DBPASS is in quotes; they are removed here, but docker run --env-file keeps them",
        "mail.conf:4: DBPASS has another value in the environment, which wins",
        "mail.conf:5: REDISPASS contains blanks; they belong to the value here, but a shell ends it there",
    )
    assert CANARY not in "".join([*known.warnings, repr(known), str(known), str(wrong.value), repr(broken)])


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        pytest.param("ADDITIONAL_SANS", "ADDITIONAL_SAN", id="a letter too many"),
        pytest.param("MAILCOW_HOSTNAM", "MAILCOW_HOSTNAME", id="a letter too few"),
        pytest.param("additional_san", "ADDITIONAL_SAN", id="lower case"),
        pytest.param("SKIP_LETSENCRYPT", "SKIP_LETS_ENCRYPT", id="an underscore forgotten"),
        pytest.param("RESOLVER", "RESOLVERS", id="one instead of many"),
    ],
)
def test_misspelt(key: str, meant: str) -> None:
    """A close misspelling of a setting is pointed out."""
    found = read({"MAILCOW_HOSTNAME": HOST}, parse(f"{key}=x", "mail.conf"))

    assert found.warnings == (f"mail.conf:1: {key} is unknown and has no effect: did you mean {meant}?",)


def test_misspelt_in_the_environment() -> None:
    """Where a Compose file has the settings, a misspelling there is pointed out as well; a secret's file is none."""
    found = read(
        {
            "MAILCOW_HOSTNAME": HOST,
            "ADITIONAL_SAN": "x",
            "ACME_EAB_HMAC_KEY_FILE": "/run/x",
            "HTTPS_PROXY": "x",
        }
    )

    assert found.warnings == (
        "environment: ADITIONAL_SAN is unknown and has no effect: did you mean ADDITIONAL_SAN?",
    )


def test_a_file_of_a_secret_in_the_env_file() -> None:
    """Only the environment names such files: in the env file the variable does nothing, and that is said."""
    found = read({"MAILCOW_HOSTNAME": HOST}, parse("DBPASS_FILE=/run/secrets/x", "mail.conf"))

    assert found.warnings == (
        "mail.conf:1: DBPASS_FILE has no effect here: only the environment of the container may name a file",
    )


# The other variables of a mailcow.conf, as mailcow's generator writes them.
MAILCOWS_OWN = re.findall(
    r"\S+",
    """
    DBROOT REDISMASTER HTTP_BIND HTTPS_BIND HTTP_REDIRECT DOVEADM_PORT SQL_PORT REDIS_PORT SOLR_PORT SYSCTL_IPV6_DISABLED
    MAILCOW_PASS_SCHEME MAILCOW_GIT_BRANCH MAILCOW_GIT_URL MAILCOW_BRANCH DOCKER_COMPOSE_VERSION ACL_ANYONE MAILDIR_GC_TIME
    MAILDIR_SUB ADDITIONAL_SERVER_NAMES SKIP_CLAMD SKIP_OLEFY SKIP_SOGO SKIP_FTS SKIP_SOLR SKIP_UNBOUND_HEALTHCHECK
    ALLOW_ADMIN_EMAIL_LOGIN USE_WATCHDOG WATCHDOG_NOTIFY_EMAIL WATCHDOG_NOTIFY_BAN WATCHDOG_NOTIFY_START WATCHDOG_SUBJECT
    WATCHDOG_NOTIFY_WEBHOOK WATCHDOG_EXTERNAL_CHECKS WATCHDOG_VERBOSE IPV4_NETWORK IPV6_NETWORK API_KEY API_KEY_READ_ONLY
    API_ALLOW_FROM SOGO_EXPIRE_SESSION SOGO_URL_ENCRYPTION_KEY DOVECOT_MASTER_USER DOVECOT_MASTER_PASS FTS_HEAP FTS_PROCS
    SPAMHAUS_DQS_KEY DISABLE_NETFILTER_ISOLATION_RULE DISABLE_IPv6 WEBAUTHN_ONLY_TRUSTED_VENDORS SOLR_HEAP
    SKIP_HTTP_BIND ACME_DNS_PROVIDER SNAT_IP NETFILTER_BAN COMPOSE_FILE
""",
)


def test_mailcows_own_variables_are_no_misspellings() -> None:
    """A mailcow.conf has dozens of variables that are none of our business."""
    assert {key: nearest(key) for key in MAILCOWS_OWN if nearest(key)} == {}
    assert not {variable.name for variable in SETTINGS} & IGNORED.keys()


def test_warnings_concern_our_settings_only() -> None:
    """How mailcow's other lines look to a shell is mailcow's business."""
    assert read({"MAILCOW_HOSTNAME": HOST}, parse("API_KEY='$x y'\nAPI_KEY=2\n", "mail.conf")).warnings == ()


@given(st.dictionaries(st.sampled_from([variable.name for variable in SETTINGS]), VALUES, max_size=6))
def test_any_environment_is_read_or_refused(environment: dict[str, str]) -> None:
    """`read` raises `SettingsWrong` and nothing else, with a place in each complaint."""
    assert [
        text for text in complaints_or_none(environment, None) if not text.startswith("environment: ")
    ] == []


@given(st.lists(st.tuples(st.sampled_from([variable.name for variable in SETTINGS]), VALUES), max_size=6))
def test_any_file_is_read_or_refused(lines: list[tuple[str, str]]) -> None:
    """The same for what a file says."""
    data = "\n".join(f"{name}={text}" for name, text in lines).encode(errors="surrogatepass")
    found = complaints_or_none({}, parse_bytes(data, "mail.conf"))

    assert [text for text in found if not re.fullmatch("(mail.conf:|…).*", text)] == []


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20).map(lambda text: CANARY + text))
def test_any_password_stays_secret(password: str) -> None:
    """Whatever stands in a password, nothing shows it."""
    known = read(
        {"MAILCOW_HOSTNAME": HOST, "DBNAME": "m", "DBUSER": "m", "DBPASS": password, "REDISPASS": password}
    )

    assert known.database
    assert known.database.password.reveal() == password
    assert CANARY not in repr(known) + str(known) + "".join(known.warnings)
