"""What is remembered between cycles. Losing it costs knowledge, never a certificate."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from acme_companion.decide.ledger import Ledger  # noqa: TC001 - the annotations say what a file of ours may hold

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from acme_companion.decide.open_orders import OpenOrder
    from acme_companion.decide.pair import Certificate

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures in a row of one lineage or name: how many, when the last was, until when to wait, and the sentence.

    `asked_by_ca`: the CA itself named the time (`Retry-After`); then even an admin's wish does not undercut it.
    `temporary`: the last one was no refusal: the CA was down, slow, or limits us. `ca`: its directory URL.
    """

    count: int
    last: datetime
    wait_until: datetime
    because: str
    asked_by_ca: bool = False
    temporary: bool = False
    ca: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """A CA will have nothing of our account until somebody acts. `circumstances`: a digest of all that could be changed here."""

    because: str
    since: datetime
    circumstances: str


@dataclass(frozen=True, slots=True)
class Authority:
    """What is known of one CA (by its directory URL), so that a cycle with nothing to do need not ask again.

    `account_uri`: our account URL there (RFC 8555 section 7.3), empty before registration; `contact`: the contact last sent;
    `account_thumbprint`: that of the account's key (RFC 7638), empty when it is not known; `pinned_by`: names whose published
    records let only this account issue; `stopped`: why the account is of no use now, None when it is.
    `caa_identities`: the domains that CAA records must name (`meta.caaIdentities`), empty when the CA tells none.
    `renewal_info`: the CA's renewalInfo URL (RFC 9773), empty when it has none. `profiles`: those that it offers, None when
    its directory was not read for them yet. `since`: when this account took the place
    of another one, None while it is the first.
    """

    account_uri: str = ""
    contact: str | None = None
    caa_identities: tuple[str, ...] = ()
    renewal_info: str = ""
    profiles: tuple[str, ...] | None = None
    account_thumbprint: str = ""
    pinned_by: tuple[str, ...] = ()
    stopped: Stop | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class RenewalWindow:
    """The CA's suggested window for one certificate (RFC 9773) and the moment in it that our dice chose, once.

    `ask_again`: not before this time. `explanation`: the CA's page about it, untrusted text.
    """

    start: datetime
    end: datetime
    chosen: datetime
    ask_again: datetime
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """The companion's own state, one value, written whole.

    `issued`: fingerprints of every leaf that we issued or adopted, with the directory URL it came from ("" when
    self-signed or adopted). `lineage_failures`, `name_failures`: by first name and by name (left out by the CA or by us).
    `not_ready_since`: when a name first looked not ready, without a ready look since. `unknown_since`: when nobody could tell
    for the first time, without an answer since. `missing_since`: when a mail domain with certified names was first not listed.
    `windows`: by fingerprint.
    `authorities`: by directory URL. `undeployed`: directories of lineages whose switch the siblings have not yet been seen to
    serve. `touched`: containers, by name, that an unfinished deployment has taken through what is in place; `under_way`: those
    that stood before that, and that nobody has looked at since; `ended`: those that were seen down since. `gone`: directories of
    lineages that were archived, where siblings may not know it yet. `rolled_back`: those of `undeployed` that hold their previous
    generation already.
    `forced`: directories of lineages that an admin wanted renewed and
    that have not been since. `unwanted_since`: by directory, when nobody wanted a lineage of
    ours any more. `own_addresses`: the last public addresses that were learnt, as text.
    `ledgers`: by directory URL, what was asked of a CA. `rehearsed`: when a name was last validated at a staging directory.
    `advice_failures`: questions for renewal information without an answer, by fingerprint. `directories_read`: by URL, when
    a CA that is only kept in reserve was last seen to answer.
    `revoked`: fingerprints of certificates that we had revoked; `compromised`: digests (SPKI) of private keys that somebody
    else may have: none of them gets another certificate.
    """

    issued: Mapping[str, str] = field(default_factory=dict)
    lineage_failures: Mapping[str, Failures] = field(default_factory=dict)
    name_failures: Mapping[str, Failures] = field(default_factory=dict)
    not_ready_since: Mapping[str, datetime] = field(default_factory=dict)
    windows: Mapping[str, RenewalWindow] = field(default_factory=dict)
    authorities: Mapping[str, Authority] = field(default_factory=dict)
    undeployed: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    under_way: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    rolled_back: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()
    unwanted_since: Mapping[str, datetime] = field(default_factory=dict)
    missing_since: Mapping[str, datetime] = field(default_factory=dict)
    unknown_since: Mapping[str, datetime] = field(default_factory=dict)
    own_addresses: tuple[str, ...] = ()
    ledgers: Mapping[str, Ledger] = field(default_factory=dict)
    rehearsed: Mapping[str, datetime] = field(default_factory=dict)
    advice_failures: Mapping[str, Failures] = field(default_factory=dict)
    directories_read: Mapping[str, datetime] = field(default_factory=dict)
    revoked: tuple[str, ...] = ()
    compromised: tuple[str, ...] = ()
    last_success: datetime | None = None
    schema: int = SCHEMA

    def is_out(self, certificate: Certificate) -> bool:
        """Whether an admin had it revoked, or somebody else may have its private key: then it is not brought back."""
        return certificate.fingerprint in self.revoked or certificate.spki in self.compromised


@dataclass(frozen=True, slots=True)
class HeldLineage:
    """One directory of the volume that holds a certificate. `certificate` is None when its files are damaged (`damage`).

    `ours`: its fingerprint is in our memory, or an ACME client made it (`domains` and `acme.csr` beside it).
    `generations`: newest first.
    """

    directory: str
    certificate: Certificate | None
    damage: str = ""
    generations: tuple[str, ...] = ()
    ours: bool = True


@dataclass(frozen=True, slots=True)
class Held:
    """What the volume holds now. `server` is the pair in `cert.pem`/`key.pem`, None when there is none.

    `server_is_ours`: its fingerprint is in our memory, or it is the same as a lineage's that an ACME client made
    (`domains` and `acme.csr` beside it), or it is the snake-oil pair that the stack ships, or it is self-signed with
    the key that only we have. True as well when there is no whole pair. `memory` has every lineage that is ours in
    `issued` already: also after it was lost. `ephemeral`: why all of it will be gone with the container, empty when it
    lasts. `orders`: those that are open, by the directory of their lineage. `archived`: lineages of ours that only `backups/` has,
    each with its newest pair.
    """

    server: Certificate | None = None
    server_damage: str = ""
    server_is_ours: bool = True
    lineages: tuple[HeldLineage, ...] = ()
    archived: tuple[HeldLineage, ...] = ()
    force_renew: bool = False
    orders: Mapping[str, OpenOrder] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    ephemeral: str = ""

    @property
    def occupied(self) -> Mapping[str, bool]:
        """Every directory that holds a certificate, and whether that is ours."""
        return {lineage.directory: lineage.ours for lineage in self.lineages}


FUTURE = timedelta(minutes=10)
"""What happened later than this from now was noted by a clock that was ahead: it must not bind us for a year."""
