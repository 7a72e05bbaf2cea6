"""Every door to the outside. `World` holds them all; only the command line builds one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from datetime import datetime

    from acme_companion.decide.acme_problems import ProblemDocument
    from acme_companion.decide.deployment import Action
    from acme_companion.decide.facts import (
        AuthoritativeServer,
        Endpoint,
        MailDomains,
        NameFacts,
        OwnAddresses,
        ServedByEndpoint,
        Sibling,
        TxtLook,
        Unanswered,
        ZoneLook,
    )
    from acme_companion.decide.memory import Authority, Held, Memory
    from acme_companion.decide.names import Name
    from acme_companion.decide.open_orders import OpenOrder
    from acme_companion.decide.pair import Pair
    from acme_companion.decide.renewal import RenewalAdvice
    from acme_companion.decide.settings import Ca, ChallengeType


class Clock(Protocol):
    """The only one who knows the time."""

    def now(self) -> datetime:
        """Wall clock, aware UTC: for validity and schedules, never for time limits."""

    def monotonic(self) -> float:
        """Seconds that never run backwards: for time limits."""

    async def sleep(self, seconds: float) -> None: ...


class Dice(Protocol):
    """The only source of chance in decisions: jitter, the moment in a renewal window."""

    def between(self, low: float, high: float) -> float: ...


class Log(Protocol):
    """Plain lines for people. The text may hold untrusted parts: the implementation escapes it into one line."""

    def debug(self, text: str, /) -> None: ...
    def info(self, text: str, /) -> None: ...
    def warning(self, text: str, /) -> None: ...
    def error(self, text: str, /) -> None: ...


class Responder(Protocol):
    """Serves files below `/.well-known/acme-challenge/`: those of http-01 (RFC 8555 section 8.3) and our own probe."""

    def present(self, token: str, content: str) -> None:
        """Make `content` available at `/.well-known/acme-challenge/<token>`; returns quickly; raises `NotYet`."""

    def clean_up(self, token: str) -> None:
        """Take it away again; MUST work even if `present` failed."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the CA wants to be shown for one name: everything that a solver needs to know of a challenge.

    `name`: as it was ordered, a wildcard with its `*.`. `key_authorization` (RFC 8555 section 8.1) and `token` are
    empty for dns-persist-01, which has neither. `account_uri`: our account there. `issuers`: the domain names of
    the CA for the record of dns-persist-01, empty for every other type.
    """

    name: Name
    token: str
    key_authorization: str
    account_uri: str
    issuers: tuple[str, ...] = ()


class Solver(Protocol):
    """Shows a CA that names are ours by one type of challenge (RFC 8555 section 8). One for all orders that are under way."""

    async def present(self, proof: Proof) -> None:
        """Begin to show it; several proofs for one name may stand side by side. Raises `NotYet` or `Refused` for this name."""

    async def wait(self, proofs: Sequence[Proof]) -> Mapping[Name, str]:
        """Return when the CA can see all of them, within a limit of its own; the names that it cannot, each with a sentence."""

    async def clean_up(self, proof: Proof) -> None:
        """Take it away again; MUST work even if `present` failed, and MUST NOT raise a `Problem`."""


class TxtLooks(Protocol):
    """What DNS says now of TXT records, and who says it. Never raises; names are texts without a final dot."""

    async def target(self, owner: str) -> str | Unanswered:
        """The end of the chain of aliases (CNAME) that begins at `owner`, which is `owner` itself without one."""

    async def zone(self, owner: str) -> ZoneLook | Unanswered: ...

    async def txt(
        self, owners: Collection[str], server: AuthoritativeServer | None = None
    ) -> Mapping[str, TxtLook]:
        """The values that this server of the zone has, or what the resolvers say (which may be old) without one."""

    async def latest(self, owner: str) -> TxtLook:
        """The values at the end of the aliases, from a server of the zone if one answers, else from the resolvers."""


class Solving(Protocol):
    """The solver and the type of challenge for each name. Raises nothing: a name without any is a fault of the settings."""

    def solver(self, name: Name) -> tuple[ChallengeType, Solver]: ...


@dataclass(frozen=True, slots=True)
class Issued:
    """A checked certificate: chain (leaf first) and CSR as PEM, and the names that were left out, each with a sentence.

    `documents`: what the CA said of those names; one that is not there was left out by us, as it could not be shown or seen.
    """

    chain_pem: bytes
    csr_pem: bytes
    left_out: Mapping[Name, str]
    documents: Mapping[Name, ProblemDocument] = field(default_factory=dict)


class Journal(Protocol):
    """What is written down of one certificate's order, so that no crash leads to a second one for the same need.

    `known`: the order that is open, None when there is none. `refused`: the names that the CA refused on the way, with its
    sentences; they are written down with whatever order comes next.
    """

    known: OpenOrder | None
    refused: dict[str, str]

    def note(self, order: OpenOrder) -> None:
        """Write it down durably before anything is done that must not be done twice; from any thread. Raises `Damaged`."""

    def forget(self) -> None:
        """It is over, and so is what was known of it. Raises `Damaged`."""


class CertificateAuthority(Protocol):
    """One open session with a CA."""

    async def knowledge(self) -> Authority:
        """What the CA's directory and our account there say; raises `NotYet`."""

    async def issue(
        self,
        names: Sequence[Name],
        required: Collection[Name],
        key_pem: bytes,
        replaces: str,
        journal: Journal | None = None,
        keeps: Collection[Name] = (),
    ) -> Issued:
        """Order a certificate for `names`, or go on with the order that `journal` knows, and check it before it is believed.

        A name that the CA refuses is left out and the order placed again, unless it is in `required` or nothing would be
        left; one that our own side cannot show now as well, unless it is in `keeps`: then there is no certificate (`NotShown`).
        `replaces` is the CertID of the predecessor (RFC 9773 section 5) or empty. Without a `journal` a crash costs
        the order, which is fine for a rehearsal. Raises `NameRefusals`, `Refused`, `NotYet`, `Damaged`.
        """


class Store(Protocol):
    """The shared volume. Every method raises `Damaged` with path and reason when the disk says no."""

    def lock(self) -> AbstractContextManager[None]:
        """Hold the volume for this process; raises `Busy`. Finishes a switch that was interrupted."""

    def read(self) -> Held: ...
    def remember(self, memory: Memory) -> None: ...

    def note_order(self, order: OpenOrder) -> None:
        """Write the open order of a lineage down, durably, whatever was written of it before; from any thread."""

    def forget_order(self, directory: str) -> None:
        """The open order of this lineage is over, or there is none."""

    def bootstrap(self, hostname: Name, now: datetime) -> tuple[str, ...]:
        """Whatever siblings need before they can start (a self-signed pair, `dhparams.pem`); what was made, as sentences."""

    def write_probe(self) -> None:
        """Show that the volume takes data, before a certificate is spent on it."""

    def check_targets(self, directory: str, *, server: bool) -> None:
        """Refuse now what `switch` would refuse later for this directory: a link, a directory in a file's place, no right to write."""

    def account_key(self, directory_url: str) -> bytes:
        """The key of our account at the CA with this directory as PEM, made on first use; no two directories share one."""

    def next_account_key(self, directory_url: str) -> bytes | None:
        """The key of a change that was begun and not ended (RFC 8555 section 7.3.5), None when there is none."""

    def begin_account_key_change(self, directory_url: str) -> bytes:
        """Another account key, stored durably beside the present one."""

    def end_account_key_change(self, directory_url: str, *, changed: bool) -> None:
        """Use the other key from now on, if the CA has `changed` to it, else forget it."""

    def certificate_key(self, avoid: Collection[str] = ()) -> bytes:
        """The private key shared by all certificates as PEM, made on first use and kept over renewals.

        One whose digest (SPKI) is in `avoid` is set aside, and another one is made.
        """

    def switch(
        self,
        directory: str,
        pair: Pair,
        names: Sequence[Name],
        csr_pem: bytes,
        *,
        server: bool,
        now: datetime,
    ) -> None:
        """Make `pair` the one that siblings read from `directory` (and from the top of the volume if `server`), all or nothing.

        The pair that was there becomes the newest generation. The lineage's open order is forgotten in the same step.
        """

    def roll_back(self, directory: str, *, server: bool, now: datetime) -> bool:
        """Bring the newest generation back; False when there is none."""

    def archive(self, directory: str, now: datetime) -> None:
        """Move an orphaned lineage below `backups/`."""

    def bring_back(self, directory: str) -> None:
        """Undo `archive`: the newest generation becomes the lineage again, which must not be there."""

    def set_aside(self, directory: str, chain: bytes, now: datetime) -> str:
        """Keep a chain that was refused for this lineage, for people to look at; its path. Only a few newest are kept."""

    def force_renew_wanted(self) -> bool:
        """Whether the file `force_renew` is there: one cheap look, never raises."""

    def end_force_renew(self) -> None:
        """Take it away, also an empty directory of that name; one that stays is no wish any more for this process."""


class Siblings(Protocol):
    """The containers that use the pairs, through the Docker API. Every method raises `NotYet` with what to do about it."""

    async def list(self) -> tuple[Sibling, ...]: ...
    async def act(self, sibling: Sibling, action: Action) -> None: ...


@dataclass(frozen=True, slots=True)
class ProbeFile:
    """A file of ours that must come back from every name; both parts are random."""

    token: str
    content: str


@dataclass(frozen=True)
class World:
    """All doors at once. A door with one implementation is a function.

    `responding` serves the probe; `solving` opens what the challenges of these names need, and nothing else.
    `authority`: a session with this CA, with what is known of it and the PEM of our account key there. `has_account`:
    whether this CA knows an account with this key (PEM).
    """

    clock: Clock
    dice: Dice
    log: Log
    store: Store
    siblings: Siblings
    responding: Callable[[], AbstractAsyncContextManager[Responder]]
    solving: Callable[[Collection[Name]], AbstractAsyncContextManager[Solving]]
    directory: Callable[[Ca], Awaitable[Authority | Unanswered]]
    authority: Callable[[Ca, Authority, bytes, Solving], AbstractAsyncContextManager[CertificateAuthority]]
    has_account: Callable[[Ca, bytes], Awaitable[bool]]
    mail_domains: Callable[[], Awaitable[MailDomains]]
    own_addresses: Callable[[OwnAddresses], Awaitable[OwnAddresses]]
    look_at_names: Callable[
        [Iterable[Name], OwnAddresses, ProbeFile | None], Awaitable[Mapping[Name, NameFacts]]
    ]
    renewal_advice: Callable[[str], Awaitable[RenewalAdvice | Unanswered]]
    served: Callable[[Iterable[Endpoint]], Awaitable[ServedByEndpoint]]
    cycle_failed: Callable[[datetime], None]
