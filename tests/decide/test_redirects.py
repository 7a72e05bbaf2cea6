"""Redirects of a probe: what a CA follows (Boulder), and nothing into our own networks."""

from ipaddress import ip_address

import pytest

from acme_companion.decide.redirects import Target, follow, forbidden

BASE = Target("http", "mail.example.org", 80, "/.well-known/acme-challenge/token")
ELSEWHERE = "CAs follow http and https to ports 80 and 443 only"
NO_HOST = "which has no host name that a CA would follow"


@pytest.mark.parametrize(
    ("location", "onward"),
    [
        pytest.param("https://MAIL.example.org/a?b=c", Target("https", "mail.example.org", 443, "/a?b=c"), id="to https"),
        pytest.param("//www.example.org", Target("http", "www.example.org", 80, "/"), id="to another host"),
        pytest.param("/x", Target("http", "mail.example.org", 80, "/x"), id="on the same host"),
        pytest.param("http://www.example.org:443/", Target("http", "www.example.org", 443, "/"), id="http to 443"),
        pytest.param("http://a.example:8080/", f"redirects to 'http://a.example:8080/': {ELSEWHERE}", id="port 8080"),
        pytest.param("ftp://a.example/", f"redirects to 'ftp://a.example/': {ELSEWHERE}", id="ftp"),
        pytest.param("http://1.2.3.4/", f"redirects to 'http://1.2.3.4/', {NO_HOST}", id="an IPv4 address"),
        pytest.param("http://[::1]/", f"redirects to 'http://[::1]/', {NO_HOST}", id="an IPv6 address"),
        pytest.param("http://2130706433/", f"redirects to 'http://2130706433/', {NO_HOST}", id="an address as a number"),
        pytest.param("http://localhost/", f"redirects to 'http://localhost/', {NO_HOST}", id="localhost"),
        pytest.param("http://redis/", f"redirects to 'http://redis/', {NO_HOST}", id="a sibling"),
        pytest.param(
            "http://169.254.169.254/latest", f"redirects to 'http://169.254.169.254/latest', {NO_HOST}", id="metadata (H03)"
        ),
        pytest.param("http://[", "redirects to 'http://[', which is not a URL", id="no URL"),
        pytest.param("http://a.example:99999/", "redirects to 'http://a.example:99999/', which is not a URL", id="no port"),
        pytest.param("http://*.example/", f"redirects to 'http://*.example/', {NO_HOST}", id="a star"),
        pytest.param("/" * 2001, "redirects to an address of more than 2000 characters", id="too long"),
        pytest.param("http://a\x1b.org/", f"redirects to 'http://a\\x1b.org/', {NO_HOST}", id="made safe to print"),
    ],
)  # fmt: skip
def test_follow(location: str, onward: Target | str) -> None:
    """FAULTS H03, standards B-12."""
    assert follow(BASE, location, 80) == onward


def test_a_name_that_is_an_address() -> None:
    """It may redirect to itself over HTTPS; an IPv6 address stands in brackets (RFC 8738 section 4)."""
    base = Target("http", "2620:fe::9", 80, "/.well-known/acme-challenge/token")

    assert base.url == "http://[2620:fe::9]/.well-known/acme-challenge/token"
    assert follow(base, "https://[2620:fe::9]/x", 80) == Target("https", "2620:fe::9", 443, "/x")
    assert follow(base, "https://[2620:fe::1]/x", 80) == f"redirects to 'https://[2620:fe::1]/x', {NO_HOST}"


def test_the_port_that_stands_for_80() -> None:
    """Where the CA (a test CA) validates on another port, redirects may lead there."""
    assert follow(BASE, "http://a.example/", 5002) == Target("http", "a.example", 5002, "/")
    assert follow(BASE, "http://a.example:5002/", 5002) == Target("http", "a.example", 5002, "/")


@pytest.mark.parametrize(
    ("address", "closed"),
    [
        pytest.param("9.9.9.9", False, id="public"),
        pytest.param("10.0.0.1", True, id="private"),
        pytest.param("127.0.0.1", True, id="loopback"),
        pytest.param("169.254.169.254", True, id="link-local"),
        pytest.param("100.64.0.1", True, id="carrier-grade NAT"),
        pytest.param("0.0.0.0", True, id="this host"),
        pytest.param("224.0.1.1", True, id="multicast"),
        pytest.param("::1", True, id="IPv6 loopback"),
        pytest.param("fd4d:6169:6c63:6f77::2", True, id="IPv6 unique local"),
        pytest.param("fe80::1", True, id="IPv6 link-local"),
        pytest.param("::ffff:10.0.0.1", True, id="IPv4-mapped private"),
        pytest.param("64:ff9b::a00:1", True, id="NAT64 of a private one"),
        pytest.param("2002:a00:1::", True, id="6to4 of a private one"),
        pytest.param("2620:fe::fe", False, id="IPv6 public"),
        pytest.param("172.22.1.9", False, id="private, but what DNS gave for the name itself"),
    ],
)
def test_forbidden(address: str, closed: bool) -> None:
    """No customer's redirect leads into our networks."""
    assert forbidden(ip_address(address), {ip_address("172.22.1.9"), None}) is closed
