"""What a reply says: addresses are read in place, everything else by dnspython."""

from ipaddress import ip_address

import dns.exception
import dns.message
import dns.name
import dns.rcode
import pytest
from dns.rdatatype import AAAA, A, RdataType

from acme_companion.look.dns_messages import Question, Reply, query, read_reply
from tests.look.dns_answers import reply

NAME = "a.example"


def read(*records: str, asked: RdataType = A, cut: int = 0) -> Reply | None:
    """What is made of a reply with these records, less `cut` bytes of its answer."""
    section = Question(NAME, asked).section()
    answer = reply(dns.message.from_wire(query(7, section)), *records)
    answer.use_edns(False)
    wire = answer.to_wire()
    return read_reply(wire[: len(wire) - cut], section)


@pytest.mark.parametrize(
    ("records", "asked", "addresses"),
    [
        pytest.param([f"{NAME} A 192.0.2.1"], A, ["192.0.2.1"], id="one address"),
        pytest.param([f"{NAME} A 192.0.2.{n}" for n in (2, 1)], A, ["192.0.2.2", "192.0.2.1"], id="two, in their order"),
        pytest.param([f"{NAME} A 192.0.2.1"] * 2, A, ["192.0.2.1"], id="one twice"),
        pytest.param([f"{NAME} AAAA 2001:db8::1"], AAAA, ["2001:db8::1"], id="IPv6"),
        pytest.param(
            [f"{NAME} A 192.0.2.1", "example SOA ns.example. a.example. 1 1 1 1 1"], A, ["192.0.2.1"], id="with more behind"
        ),
    ],
)  # fmt: skip
def test_addresses_are_read_in_place(records: list[str], asked: RdataType, addresses: list[str]) -> None:
    """An answer of nothing but what was asked for is not taken apart record by record: it is most of what a pass reads."""
    found = read(*records, asked=asked)

    expected = tuple(ip_address(one).packed for one in addresses)
    assert found == Reply(dns.rcode.NOERROR, addresses=expected)


def test_addresses_of_a_server_that_does_not_compress() -> None:
    """The owner may stand before every record in full."""
    section = Question(NAME, A).section()
    record = section + b"\0\0\0\x3c\0\4\xc0\0\2\1"
    wire = b"\0\7\x84\0\0\1\0\1\0\0\0\0" + section + record

    expected = Reply(dns.rcode.NOERROR, authoritative=True, addresses=(b"\xc0\0\2\1",))
    assert read_reply(wire, section) == expected


@pytest.mark.parametrize(
    ("records", "asked"),
    [
        pytest.param([f"{NAME} CNAME b.example.", "b.example A 192.0.2.1"], A, id="an alias before it"),
        pytest.param(["b.example A 192.0.2.1"], A, id="of another name"),
        pytest.param([f"{NAME} AAAA 2001:db8::1"], A, id="of another type"),
        pytest.param([f"{NAME} A 192.0.2.1", f"{NAME} AAAA 2001:db8::1"], A, id="and one of another type"),
    ],
)
def test_everything_else_is_read_by_dnspython(records: list[str], asked: RdataType) -> None:
    """Aliases, and what was not asked for: the whole message is there to be read."""
    found = read(*records, asked=asked)

    assert found is not None
    assert (found.addresses, found.message is not None) == ((), True)


@pytest.mark.parametrize(
    "name",
    [
        "example",
        "imap.example.org",
        "_validation-persist.example.org",
        "xn--mnchen-3ya.example",
        f"{'a' * 63}.example",
        ".".join(["a" * 49] * 5) + ".ab",
        "*.example.org",
        "a\\.b.example",
        "",
    ],
)
def test_a_question_is_what_dnspython_would_ask(name: str) -> None:
    """Whether the name was put into bytes here or there."""
    assert Question(name, A).section() == (dns.name.from_text(name).to_wire() or b"") + b"\0\1\0\1"


@pytest.mark.parametrize(
    "name", ["a..example", f"{'a' * 64}.example", ".".join(["a" * 49] * 5) + ".abcde", ".example"]
)
def test_what_is_no_name_is_not_asked(name: str) -> None:
    """Too long as a whole or in a part, or with an empty part."""
    with pytest.raises(dns.exception.DNSException):
        Question(name, A).section()


@pytest.mark.parametrize("cut", range(1, 17))
def test_half_an_answer_is_none(cut: int) -> None:
    """A record that ends early says nothing, wherever it ends."""
    found = read(f"{NAME} A 192.0.2.2", f"{NAME} A 192.0.2.1", cut=cut)

    assert found is not None
    assert (found.addresses, found.fault[:28]) == ((), "a reply that cannot be read ")
