"""Wrong settings for DNS: every complaint at once, each with its place, and never a credential."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.problems import SettingsWrong
from acme_companion.decide.settings.dns_file import DnsFile, parse_dns_file
from acme_companion.decide.settings.read import read

CANARY = "canary-Pa55"
CLOUDFLARE = {"ACME_DNS_CHALLENGE": "y", "ACME_DNS_PROVIDER": "dns_cf"}


def complaints(file: str | DnsFile | None = None, /, **environment: str) -> list[str]:
    given = parse_dns_file(file.encode(), "dns-01.conf") if isinstance(file, str) else file
    with pytest.raises(SettingsWrong) as wrong:
        read({"MAILCOW_HOSTNAME": "mail.example.org", **environment}, None, given)
    assert CANARY not in str(wrong.value)
    return list(wrong.value.complaints)


@pytest.mark.parametrize(
    ("file", "environment", "expected"),
    [
        pytest.param(
            None,
            {"ACME_DNS_CHALLENGE": "y"},
            [
                "environment: ACME_DNS_PROVIDER: no DNS provider is set: write its name, such as dns_cf (docs/dns-01.md has the list)"
            ],
            id="no provider",
        ),
        pytest.param(
            None,
            {"ACME_DNS_CHALLENGE": "y", "ACME_DNS_PROVIDER": "dns_xxx"},
            [
                "environment: ACME_DNS_PROVIDER: dns_xxx stands for your DNS provider: write its name, such as dns_cf "
                "(docs/dns-01.md has the list)"
            ],
            id="mailcow's placeholder",
        ),
        pytest.param(
            None,
            CLOUDFLARE,
            [
                "environment: ACME_DNS_PROVIDER: dns_cf needs CF_Token, or CF_Email and CF_Key: write it into "
                "/etc/acme/dns-01.conf (which is not there) or the environment"
            ],
            id="no credentials, and no file",
        ),
        pytest.param(
            f"CF_Key={CANARY}\n",
            CLOUDFLARE,
            [
                "environment: ACME_DNS_PROVIDER: dns_cf needs CF_Email: write it into dns-01.conf or the environment"
            ],
            id="half of the credentials: the other half is named",
        ),
        pytest.param(
            f"CF_Tokem={CANARY}\n",
            CLOUDFLARE,
            [
                "environment: ACME_DNS_PROVIDER: dns_cf needs CF_Token, or CF_Email and CF_Key: write it into dns-01.conf or the "
                "environment",
                "dns-01.conf:1: CF_Tokem is unknown and has no effect: did you mean CF_Token?",
            ],
            id="a misspelt variable",
        ),
        pytest.param(
            f"HETZNER_TOKEN={CANARY}\n",
            {"ACME_DNS_CHALLENGE": "y", "ACME_DNS_PROVIDER": "dns_hetzner"},
            [
                "environment: ACME_DNS_PROVIDER: dns_hetzner needs HETZNER_Token (HETZNER_TOKEN, which is set, is read by "
                "dns_hetznercloud): write it into dns-01.conf or the environment"
            ],
            id="the variable of another interface",
        ),
        pytest.param(
            f"CF_Token={CANARY}\n[example.org]\nchalenge=http-01\n[example.net]\nprovder=dns_gd\n[a.example]\nprovider=dns_gd\n",
            CLOUDFLARE,
            [
                "dns-01.conf:6: [a.example]: dns_gd needs GD_Key and GD_Secret: write it into dns-01.conf or the environment",
                "dns-01.conf:3: chalenge is unknown and has no effect: did you mean challenge?",
                "dns-01.conf:5: provder is unknown and has no effect: did you mean provider?",
            ],
            id="a misspelt word of a section, without which the names are validated in another way",
        ),
        pytest.param(
            f"CF_Token={CANARY}\nprovider=dns_cf\n",
            {"ACME_DNS_CHALLENGE": "y"},
            [
                "environment: ACME_DNS_PROVIDER: no DNS provider is set: write its name, such as dns_cf (docs/dns-01.md has the list)",
                "dns-01.conf:2: provider has no effect above the first [zone]: set ACME_DNS_PROVIDER",
            ],
            id="a provider at the top of the file",
        ),
        pytest.param(
            f"CF_Token={CANARY}\nCF Email={CANARY}\n\n[example.org]\nprovider=dns_gd\nGD_Key={CANARY}\nGD_Secret='{CANARY}\n"
            f"[example.org]\n[*.example.net]\n[example.com]\nchallenge=dns-02\n",
            CLOUDFLARE,
            [
                "dns-01.conf:8: [example.org] stands at dns-01.conf:4 already: make it one section",
                "dns-01.conf:9: '*.example.net' is a wildcard; write a name",
                "dns-01.conf:10: [example.com]: challenge: 'dns-02' is not one of http-01, dns-01, dns-account-01, dns-persist-01",
                "dns-01.conf:2: not KEY=value",
                "dns-01.conf:7: the value begins with ' but does not end with it on this line",
                "dns-01.conf:4: [example.org]: dns_gd needs GD_Secret: write it into dns-01.conf or the environment",
            ],
            id="everything at once, with its lines",
        ),
        pytest.param(
            None,
            {
                "ACME_DNS_ZONES": "example.org:dns_cf,example.org:dns_gd,example,x.example:,y.example:http-01",
                "CF_Token": CANARY,
            },
            [
                "environment: ACME_DNS_ZONES: 'example' is not zone:provider, such as example.org:dns_cf",
                "environment: ACME_DNS_ZONES: 'x.example:' is not zone:provider, such as example.org:dns_cf",
            ],
            id="ACME_DNS_ZONES that is no list of zones",
        ),
        pytest.param(
            None,
            {"ACME_DNS_ZONES": "example.org:dns_cf,example.org:dns-persist-01", "CF_Token": CANARY},
            ["environment: ACME_DNS_ZONES: example.org stands there twice: remove one of them"],
            id="a zone twice",
        ),
        pytest.param(
            None,
            {"ACME_DNS_ZONES": "example.org:exec", "ACME_DNS_EXEC": f"hook '{CANARY}"},
            [
                "environment: ACME_DNS_ZONES: example.org: ACME_DNS_EXEC: the command has a quote that does not end"
            ],
            id="a command that cannot be taken apart",
        ),
        pytest.param(
            None,
            {"ACME_DNS_ZONES": "example.org:exec", "ACME_DNS_EXEC": "hook.sh x"},
            [
                "environment: ACME_DNS_ZONES: example.org: ACME_DNS_EXEC: the command must begin with its absolute path"
            ],
            id="a command that is not found by a path",
        ),
        pytest.param(
            f"CF_Token='{CANARY}\x01'\n",
            CLOUDFLARE,
            [
                "environment: ACME_DNS_PROVIDER: CF_Token: contains a control character or a byte that is not UTF-8"
            ],
            id="a control character in a credential",
        ),
        pytest.param(
            DnsFile(
                "/etc/acme/dns-01.conf", unread="/etc/acme/dns-01.conf cannot be read: Permission denied"
            ),
            CLOUDFLARE,
            [
                "/etc/acme/dns-01.conf cannot be read: Permission denied",
                "environment: ACME_DNS_PROVIDER: dns_cf needs CF_Token, or CF_Email and CF_Key: write it into "
                "/etc/acme/dns-01.conf (which is not there) or the environment",
            ],
            id="a file that cannot be read",
        ),
        pytest.param(
            None,
            {**CLOUDFLARE, "CF_Token": "t", "ACME_DNS_TYPE": "http-01"},
            ["environment: ACME_DNS_TYPE: http-01 needs no DNS: set ACME_DNS_CHALLENGE to n instead"],
            id="HTTP-01 as a challenge of DNS",
        ),
    ],
)
def test_complaints(file: str | DnsFile | None, environment: dict[str, str], expected: list[str]) -> None:
    """All that is wrong at once: where, which variable, what to write; never a value."""
    assert complaints(file, **environment) == expected


def test_an_unknown_provider_says_which_are_known() -> None:
    """The nearest ones first, then all."""
    [sentence] = complaints(None, ACME_DNS_CHALLENGE="y", ACME_DNS_PROVIDER="dns_hetzer")

    assert sentence.startswith(
        "environment: ACME_DNS_PROVIDER: 'dns_hetzer' is not a DNS provider that we know: did you mean dns_hetzner or "
        "dns_hetznercloud? Known are dns_acmedns dns_ali "
    )
    assert sentence.endswith(" dns_zilore exec")


LINES = st.sampled_from(
    [
        "[example.org]",
        "[EXAMPLE.org] # comment",
        "[",
        "[]",
        "[*.x.example]",
        "[1.2.3.4]",
        "[a b]",
        "provider=dns_cf",
        "provider=dns_xxx",
        "provider=exec",
        "challenge=http-01",
        "challenge=",
        f"CF_Token={CANARY}",
        f"SAVED_CF_Token='{CANARY}",
        f'export CF_Key="{CANARY}"',
        f"CF_Tokem={CANARY}",
        f"{CANARY}",
        f"ACME_DNS_EXEC={CANARY}",
        "\r",
    ]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(
    st.lists(LINES, max_size=12),
    st.sampled_from(["y", "n"]),
    st.sampled_from(["", "example.org:dns_cf", "x.example:exec"]),
)
def test_any_file_is_read_or_refused(lines: list[str], everywhere: str, zones: str) -> None:
    """Whatever stands in it, `read` raises `SettingsWrong` and nothing else, with a place in each complaint and no value in any."""
    file = parse_dns_file("\n".join(lines).encode(), "dns-01.conf")
    environment = {
        "MAILCOW_HOSTNAME": "mail.example.org",
        "ACME_DNS_CHALLENGE": everywhere,
        "ACME_DNS_PROVIDER": "dns_cf",
        "ACME_DNS_ZONES": zones,
    }
    texts = told(environment, file)

    assert CANARY not in "".join(texts)
    assert [text for text in texts if not re.match(r"(environment|dns-01.conf:\d+): |…", text)] == []


def told(environment: dict[str, str], file: DnsFile) -> tuple[str, ...]:
    """The complaints, or else the warnings."""
    try:
        known = read(environment, None, file)
    except SettingsWrong as problem:
        return problem.complaints
    return (*known.warnings, f"environment: {known!r}")


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """No file makes the parser fail, and every section has its place."""
    file = parse_dns_file(data, "dns-01.conf")

    assert [one.place for one in file.sections if not re.fullmatch(r"dns-01.conf(:\d+)?", one.place)] == []
