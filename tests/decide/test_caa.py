"""CAA: the matrix of FAULTS D09, and a model written from the RFCs alone to compare with."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acme_companion.decide.caa import allows
from acme_companion.decide.facts import CaaLook, CaaRecord, Unanswered
from acme_companion.decide.names import Name

LE = ("letsencrypt.org",)
OURS = "https://acme.example/acct/1"
HOST = Name.parse("mail.example.org")
WILD = Name.parse("*.example.org")


def look(*records: tuple[int, str, str]) -> CaaLook:
    return CaaLook(tuple(CaaRecord(*record) for record in records), "example.org" if records else "")


def issue(*values: str) -> CaaLook:
    return look(*((0, "issue", value) for value in values))


@pytest.mark.parametrize(
    ("seen", "name", "allowed"),
    [
        pytest.param(look(), HOST, True, id="no record: everybody may"),
        pytest.param(issue("letsencrypt.org"), HOST, True, id="our CA"),
        pytest.param(issue("LetsEncrypt.ORG"), HOST, True, id="our CA in another case"),
        pytest.param(look((0, "ISSUE", "letsencrypt.org")), HOST, True, id="an upper-case tag"),
        pytest.param(issue("digicert.com"), HOST, False, id="another CA"),
        pytest.param(issue("digicert.com", "letsencrypt.org"), HOST, True, id="another CA and ours"),
        pytest.param(issue(";"), HOST, False, id="nobody"),
        pytest.param(issue(""), HOST, False, id="an empty value: nobody"),
        pytest.param(issue(";", "letsencrypt.org"), HOST, True, id="nobody, and ours: ours"),
        pytest.param(look((0, "iodef", "mailto:a@b.c")), HOST, True, id="only a report address restricts nothing"),
        pytest.param(look((0, "issuemail", ";")), HOST, True, id="a mail restriction is not ours"),
        pytest.param(look((0, "issuewild", ";")), HOST, True, id="issuewild does not bind plain names"),
        pytest.param(look((0, "issuewild", ";")), WILD, False, id="issuewild binds wildcards"),
        pytest.param(issue("digicert.com"), WILD, False, id="issue binds wildcards without issuewild"),
        pytest.param(
            look((0, "issue", ";"), (0, "issuewild", "letsencrypt.org")), WILD, True, id="issuewild wins for wildcards"
        ),
        pytest.param(
            look((0, "issue", "letsencrypt.org"), (0, "issuewild", ";")), WILD, False, id="also when it forbids"
        ),
        pytest.param(look((128, "tbs", "x")), HOST, False, id="an unknown critical tag: nobody"),
        pytest.param(
            look((128, "tbs", "x"), (0, "issue", "letsencrypt.org")), HOST, False, id="even beside one for our CA"
        ),
        pytest.param(look((128, "issuevmc", ";")), HOST, False, id="a critical tag that CAs for TLS do not know"),
        pytest.param(look((0, "issuevmc", ";")), HOST, True, id="a mark certificate's restriction is not ours (C-3)"),
        pytest.param(look((0, "tbs", "x")), HOST, True, id="an unknown tag that is not critical"),
        pytest.param(look((128, "issue", "letsencrypt.org")), HOST, True, id="a known critical tag"),
        pytest.param(look((1, "tbs", "x")), HOST, False, id="flag 1 is meant as critical (Let's Encrypt)"),
        pytest.param(look((64, "tbs", "x")), HOST, True, id="a reserved flag is ignored"),
        pytest.param(issue(f"letsencrypt.org; accounturi={OURS}"), HOST, True, id="our account"),
        pytest.param(issue(f"letsencrypt.org;accounturi = {OURS} "), HOST, True, id="white space around"),
        pytest.param(issue(f"letsencrypt.org; AccountURI={OURS}"), HOST, True, id="a parameter in another case"),
        pytest.param(issue(f"letsencrypt.org; accounturi={OURS}/"), HOST, False, id="another account"),
        pytest.param(issue(f"letsencrypt.org; accounturi={OURS.upper()}"), HOST, False, id="account URIs are exact"),
        pytest.param(
            issue(f"letsencrypt.org; accounturi={OURS}; accounturi={OURS}"), HOST, False, id="two accounturi: never"
        ),
        pytest.param(issue("letsencrypt.org; validationmethods=dns-01"), HOST, False, id="another challenge type"),
        pytest.param(issue("letsencrypt.org; validationmethods=dns-01,http-01"), HOST, True, id="ours among others"),
        pytest.param(issue("letsencrypt.org; validationmethods="), HOST, False, id="no challenge type"),
        pytest.param(issue("letsencrypt.org; validationmethods=http-01,,dns-01"), HOST, False, id="a malformed list"),
        pytest.param(issue("letsencrypt.org; cansignhttpexchanges=yes"), HOST, True, id="a parameter of no concern"),
        pytest.param(issue("letsencrypt.org;"), HOST, True, id="a final semicolon, nothing behind it"),
        pytest.param(issue("letsencrypt.org; accounturi"), HOST, False, id="a parameter without ="),
        pytest.param(issue("letsencrypt.org; a b=c"), HOST, False, id="a parameter with a space"),
        pytest.param(issue("letsencrypt.org; a=b;"), HOST, False, id="a semicolon too many"),
        pytest.param(issue('"letsencrypt.org"'), HOST, False, id="quotes inside the value"),
        pytest.param(issue("letsencrypt.org digicert.com"), HOST, False, id="two issuers in one value"),
        pytest.param(issue("letsencrypt.org."), HOST, False, id="a final dot"),
        pytest.param(issue("%letsencrypt.org"), HOST, False, id="a character that no domain has"),
        pytest.param(issue(*(f"ca{n}.example" for n in range(99)), LE[0]), HOST, True, id="the last of a hundred"),
        pytest.param(issue(*(f"ca{n}.example" for n in range(100))), HOST, False, id="none of a hundred"),
        pytest.param(CaaLook(Unanswered("SERVFAIL")), HOST, None, id="no answer: nobody can tell"),
    ],
)  # fmt: skip
def test_matrix(seen: CaaLook, name: Name, allowed: bool | None) -> None:
    """RFC 8659 sections 4.1 to 4.4, RFC 8657 sections 3 and 4."""
    assert allows(seen, name, LE, OURS).allowed is allowed


@pytest.mark.parametrize(
    ("seen", "allowed"),
    [
        pytest.param(look(), True, id="no record restricts"),
        pytest.param(issue("letsencrypt.org"), None, id="it may mean this CA"),
        pytest.param(issue(";"), False, id="it means nobody"),
        pytest.param(
            issue("x.example; validationmethods=dns-01"), False, id="whoever it means, not this way"
        ),
    ],
)
def test_a_ca_that_names_no_domain(seen: CaaLook, allowed: bool | None) -> None:
    """`caaIdentities` is optional in a directory (RFC 8555 section 9.7.6)."""
    assert allows(seen, HOST, (), OURS).allowed is allowed


def test_before_the_first_order() -> None:
    """An account that is not known yet must not stop the order that makes it known."""
    assert allows(issue(f"letsencrypt.org; accounturi={OURS}"), HOST, LE, "").allowed is True


def test_the_challenge_type_is_told() -> None:
    """RFC 8657 section 4: a zone may allow DNS-01 only."""
    seen = issue("letsencrypt.org; validationmethods=dns-01")
    assert allows(seen, HOST, LE, OURS, "dns-01").allowed is True


@pytest.mark.parametrize(
    ("seen", "name", "because"),
    [
        pytest.param(
            issue("digicert.com"),
            HOST,
            "CAA at example.org has 0 issue 'digicert.com', which does not allow letsencrypt.org for the account "
            f'{OURS} by http-01: publish example.org CAA 0 issue "letsencrypt.org" beside it, or remove it',
            id="another CA",
        ),
        pytest.param(
            issue("letsencrypt.org; accounturi=https://x.example/2"),
            HOST,
            "CAA at example.org has 0 issue 'letsencrypt.org; accounturi=https://x.example/2', which does not allow "
            f"letsencrypt.org for the account {OURS} by http-01: publish example.org CAA 0 issue "
            f'"letsencrypt.org; accounturi={OURS}" beside it, or remove it',
            id="another account: the record to publish names ours",
        ),
        pytest.param(
            issue(f"letsencrypt.org; accounturi={OURS}; validationmethods=dns-01"),
            HOST,
            f"CAA at example.org has 0 issue 'letsencrypt.org; accounturi={OURS}; validationmethods=dns-0…', which does not allow "
            f"letsencrypt.org for the account {OURS} by http-01: publish example.org CAA 0 issue "
            f'"letsencrypt.org; accounturi={OURS}; validationmethods=http-01" beside it, or remove it',
            id="another challenge type: the record to publish names ours",
        ),
        pytest.param(
            look((0, "issuewild", ";")),
            WILD,
            "CAA at example.org has 0 issuewild ';', which does not allow letsencrypt.org for the account "
            f'{OURS} by http-01: publish example.org CAA 0 issuewild "letsencrypt.org" beside it, or remove it',
            id="nobody, for wildcards",
        ),
        pytest.param(
            look((128, "t\x1b[", "x\n")),
            HOST,
            "CAA at example.org: the critical record 128 t\\x1b[ 'x\\n' is of a kind that CAs do not know, so none may issue: "
            "remove it or clear its flag",
            id="an unknown critical tag, made safe to print",
        ),
        pytest.param(
            CaaLook(Unanswered("SERVFAIL from 127.0.0.1:53")),
            HOST,
            "the CAA records of mail.example.org could not be read, and a CA refuses then as well: SERVFAIL from 127.0.0.1:53",
            id="no answer (D10)",
        ),
        pytest.param(look(), HOST, "no CAA record restricts who may issue", id="no restriction"),
        pytest.param(issue("letsencrypt.org"), HOST, "CAA at example.org allows the CA", id="allowed"),
    ],
)  # fmt: skip
def test_sentences(seen: CaaLook, name: Name, because: str) -> None:
    """What is published, where, whom it stops, and the record that would help."""
    assert allows(seen, name, LE, OURS).because == because


def model(records: list[CaaRecord], *, wildcard: bool, method: str) -> bool:
    """RFC 8659 sections 4.1 to 4.3 and RFC 8657, character by character, for Let's Encrypt and our account."""
    tags = [record.tag.casefold() for record in records]
    for record, tag in zip(records, tags, strict=True):
        if record.flags % 2 + record.flags // 128 and tag not in ("issue", "issuewild", "iodef", "issuemail"):
            return False
    governing = "issuewild" if wildcard and "issuewild" in tags else "issue"
    values = [record.value for record, tag in zip(records, tags, strict=True) if tag == governing]
    return not values or any(value_allows(value, method) for value in values)


def value_allows(value: str, method: str) -> bool:
    pieces = [piece.strip(" \t") for piece in value.split(";")]
    if pieces.pop(0).lower() != "letsencrypt.org":
        return False
    if pieces == [""]:
        pieces = []
    accounts, methods = [], []
    for piece in pieces:
        tag, equals, text = piece.partition("=")
        tag, text = tag.strip(" \t").lower(), text.strip(" \t")
        letters = set("abcdefghijklmnopqrstuvwxyz0123456789")
        if not equals or not tag or not set(tag) <= letters | {"-"} or not {tag[0], tag[-1]} <= letters:
            return False
        if any(not 0x21 <= ord(c) <= 0x7E for c in text):
            return False
        if tag == "accounturi":
            accounts.append(text)
        if tag == "validationmethods":
            methods.append(text)
    if accounts and accounts != [OURS]:
        return False
    return not methods or (
        len(methods) == 1
        and all(word and word.replace("-", "a").isalnum() for word in methods[0].split(","))
        and method in methods[0].split(",")
    )


SPACE = st.sampled_from(["", " ", "\t", "  "])
METHOD_LIST = st.lists(st.sampled_from(["http-01", "dns-01", "x", "", "a b", "_"]), max_size=3).map(",".join)
PARAMETER = st.one_of(
    st.tuples(st.sampled_from(["accounturi", "ACCOUNTURI"]), st.sampled_from([OURS, OURS + "0", ""])),
    st.tuples(st.just("validationmethods"), METHOD_LIST),
    st.tuples(
        st.sampled_from(["x", "-x", "x-", "x-y", "", "ü", "a b"]), st.sampled_from(["", "1", "a b", "ü", "="])
    ),
)
WRITTEN = st.one_of(
    st.tuples(SPACE, PARAMETER, SPACE, SPACE, SPACE).map(
        lambda p: f"{p[0]}{p[1][0]}{p[2]}={p[3]}{p[1][1]}{p[4]}"
    ),
    st.sampled_from(["", " ", "accounturi", "="]),
)
ISSUER = st.sampled_from(
    ["letsencrypt.org", " LetsEncrypt.org\t", "digicert.com", "", "letsencrypt.org.", "-", "\0"]
)
VALUE = st.one_of(
    st.tuples(ISSUER, st.lists(WRITTEN, max_size=3)).map(lambda v: ";".join([v[0], *v[1]])), st.text()
)
TAG = st.sampled_from(["issue", "Issue", "issuewild", "ISSUEWILD", "iodef", "issuemail", "tbs", ""])
FLAGS = st.sampled_from([0, 0, 0, 1, 2, 64, 128, 129, 255])
RECORDS = st.lists(st.builds(CaaRecord, FLAGS, TAG, VALUE), max_size=4)


@given(RECORDS, st.booleans(), st.sampled_from(["http-01", "dns-01"]))
@example([CaaRecord(0, "issue", "letsencrypt.org;")], False, "http-01")
def test_agrees_with_a_model_of_the_rfcs(records: list[CaaRecord], wildcard: bool, method: str) -> None:
    """Whatever is published, the answer is the model's, and its sentence is one printable line."""
    decision = allows(CaaLook(tuple(records), "example.org"), WILD if wildcard else HOST, LE, OURS, method)

    assert decision.allowed is model(records, wildcard=wildcard, method=method)
    assert decision.because.isprintable()
