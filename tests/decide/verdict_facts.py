"""What was seen of one name, for tests of verdicts."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from acme_companion.decide.facts import (
    Addresses,
    CaaLook,
    CaaRecord,
    NameFacts,
    OwnAddresses,
    Probe,
    ProbeReached,
    Unanswered,
)
from acme_companion.decide.memory import Authority
from acme_companion.decide.names import Name
from acme_companion.decide.settings import Checks
from acme_companion.decide.verdicts import Readiness

READY, NOT_READY, UNKNOWN = Readiness.READY, Readiness.NOT_READY, Readiness.UNKNOWN
HOST = Name.parse("imap.example.org")
OWN4, OWN6 = IPv4Address("1.2.3.4"), IPv6Address("2606:4700::1")
OWN = OwnAddresses(OWN4, OWN6)
NOBODY = OwnAddresses(why="public IPv4: not known (a.example answered 500)")
REMEMBERED = OwnAddresses(OWN4, OWN6, "public IPv4: nobody could tell; 1.2.3.4 was ours before", (OWN4,))
LE = Authority(account_uri="https://acme.example/1", caa_identities=("letsencrypt.org",))
CHECKS = Checks()
REACHED = ProbeReached("1.2.3.4")
SILENT = Unanswered("1.2.3.4 port 80: Connection refused")
OTHERS = CaaLook((CaaRecord(0, "issue", "digicert.com"),), "example.org")
SKIP = Checks(skip_ip=True)


def at(*texts: str, missing: str = "", via: tuple[str, ...] = ()) -> Addresses:
    found = [ip_address(text) for text in texts]
    return Addresses(
        tuple(one for one in found if isinstance(one, IPv4Address)),
        tuple(one for one in found if isinstance(one, IPv6Address)),
        via,
        missing,
    )


def seen(addresses: Addresses, probe: Probe | None = REACHED, caa: CaaLook = CaaLook()) -> NameFacts:  # noqa: B008  (a value)
    return NameFacts(HOST, addresses, caa, probe)


NO_CAA = "no CAA record restricts who may issue"
BACK = "the probe file came back over 1.2.3.4"
