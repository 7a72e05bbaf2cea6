"""Settings that are odd, but cost nobody a certificate: taken as they can be, with a warning."""

import pytest

from acme_companion.decide.names import Name
from acme_companion.decide.settings import Settings
from acme_companion.decide.settings.env_file import parse
from acme_companion.decide.settings.read import read, volume

HOST = "mail.example.org"
LEFT_OUT = "left out: correct or remove this entry"


def settings(**environment: str) -> Settings:
    return read({"MAILCOW_HOSTNAME": HOST, **environment})


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        pytest.param(
            "_dmarc.example.org",
            "'_dmarc.example.org': only a-z, 0-9 and - may stand in a host name, and no label begins or ends with -; "
            + LEFT_OUT,
            id="a name that is no host",
        ),
        pytest.param(
            "mail",
            f"'mail' has no dot: a fully qualified host name is needed; {LEFT_OUT}",
            id="a single label",
        ),
        pytest.param(
            "im_ap.*", f"'im_ap.*': 'im_ap' is not a host name label; {LEFT_OUT}", id="a prefix that is none"
        ),
        pytest.param(
            "a.example.org b.example.org",
            f"'a.example.org b.example.org' is not one entry: separate entries with commas; {LEFT_OUT}",
            id="blanks between entries",
        ),
        pytest.param(
            "*.example.org",
            "'*.example.org' is a wildcard, which needs DNS-01, and example.org is validated over HTTP (HTTP-01); left out: set "
            "ACME_DNS_CHALLENGE=y or ACME_DNS_ZONES, or write the names one by one, or as prefixes like imap.*",
            id="a wildcard",
        ),
    ],
)
def test_an_odd_additional_name(entry: str, sentence: str) -> None:
    """It is left out, with its place and what to do; the other names stay."""
    file = parse(f"MAILCOW_HOSTNAME={HOST}\nADDITIONAL_SAN=imap.*,{entry},ok.example.org\n", "mail.conf")

    known = read({}, file)

    assert (known.naming.additional, known.naming.prefixes) == ((Name("ok.example.org"),), ("imap",))
    assert known.warnings[-1] == f"mail.conf:2: ADDITIONAL_SAN: {sentence}"


def test_many_odd_names() -> None:
    """They do not fill the log."""
    found = settings(ADDITIONAL_SAN=",".join(f"x{n}" for n in range(1000))).warnings

    assert (len(found), found[-1]) == (21, "environment: ADDITIONAL_SAN: and 980 more entries left out")


@pytest.mark.parametrize(
    ("environment", "most"),
    [
        pytest.param({}, 100, id="what Let's Encrypt accepts"),
        pytest.param({"ACME_PROFILE": "tlsserver"}, 25, id="what it accepts with this profile"),
        pytest.param({"ACME_PROFILE": "shortlived"}, 25, id="or this one"),
        pytest.param({"ACME_PROFILE": "classic"}, 100, id="a profile without a limit of its own"),
        pytest.param(
            {"ACME_PROFILE": "shortlived", "MAX_NAMES_PER_CERTIFICATE": "7"}, 7, id="fewer are wanted"
        ),
        pytest.param({"MAX_NAMES_PER_CERTIFICATE": ""}, 100, id="empty is the default"),
    ],
)
def test_most_names_in_a_certificate(environment: dict[str, str], most: int) -> None:
    """Never more than the CA puts into one, and nothing is said where nothing contradicts."""
    known = settings(**environment)

    assert (known.naming.most_names, known.warnings) == (most, ())


def test_a_larger_wish_is_granted() -> None:
    """Another CA may offer a profile of the same name."""
    known = settings(ACME_PROFILE="tlsserver", MAX_NAMES_PER_CERTIFICATE="60")

    assert (known.naming.most_names, len(known.warnings)) == (60, 1)


@pytest.mark.parametrize(
    ("environment", "text", "found"),
    [
        pytest.param({}, "no key\nLE_STAGING=maybe\nVOLUME=/data\n", "/data", id="beside what is wrong"),
        pytest.param({"VOLUME": "/other"}, "VOLUME=/data\n", "/other", id="the environment wins"),
        pytest.param({}, "VOLUME=data\n", "/var/lib/acme", id="the default, when it is wrong itself"),
    ],
)
def test_the_volume_alone(environment: dict[str, str], text: str, found: str) -> None:
    """Known whatever is wrong with the other settings: there is no host name here."""
    assert volume(environment, parse(text, "mail.conf")) == found
    assert volume({}, None) == "/var/lib/acme"
