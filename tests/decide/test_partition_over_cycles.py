"""Whatever changes from one cycle to the next, certificates come to rest: no name is ever without one, none goes to and fro."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acme_companion.decide.facts import MailDomains, Unanswered
from acme_companion.decide.lineages import lineage_of, matches, unwanted
from acme_companion.decide.memory import HeldLineage
from acme_companion.decide.wanted import (
    keep_held,
    possible_names,
    wanted_certificates,
    with_names_in_transit,
)
from tests.builders import HOST, NOW, certificate, domains, held, lineage, names, naming

if TYPE_CHECKING:
    from acme_companion.decide.names import Name

WORDS = ("autoconfig", "imap", "mx", "pop", "smtp", "x", "y")
NOBODY_KNOWS = MailDomains(unanswered=Unanswered("the database does not answer"))
FULL_NAMES = ("a.org", "b.org", "c.org", "imap.c.example", "*.d.example", "*.e.example")


@dataclass(frozen=True)
class Situation:
    """What an admin set, and what the world looks like: the names whose digest is `bad` are not ready."""

    labels: frozenset[str]
    prefixes: frozenset[str]
    additional: frozenset[str]
    sni: bool
    most: int
    bad: int

    @property
    def naming(self):
        return naming(
            additional=" ".join(sorted(self.additional)),
            prefixes=" ".join(sorted(self.prefixes)),
            sni=self.sni,
            most_names=self.most,
        )

    def usable(self, certified: frozenset[Name]) -> frozenset[Name]:
        every = possible_names(self.naming, self.domains)
        ready = {name for name in every if name.text == HOST or sum(name.text.encode()) % 7 != self.bad}
        return certified | ready

    @property
    def domains(self):
        return domains(" ".join(f"{label}.example" for label in sorted(self.labels)))


SITUATIONS = st.builds(
    Situation,
    st.frozensets(st.sampled_from("abcdefgh"), max_size=6),
    st.frozensets(st.sampled_from(WORDS), max_size=5),
    st.frozensets(st.sampled_from(FULL_NAMES), max_size=4),
    st.booleans(),
    st.integers(2, 9),
    st.integers(0, 9),
)


@dataclass
class Volume:
    """What is held from cycle to cycle; every order succeeds."""

    lineages: tuple[HeldLineage, ...] = ()

    @property
    def certified(self) -> frozenset[Name]:
        return frozenset(name for one in self.lineages if one.certificate for name in one.certificate.names)

    def cycle(self, now: Situation) -> list[str]:
        """Issue and archive what is wanted; what was done. As in a plan, who has all names and more stays."""
        usable = now.usable(self.certified)
        wanted = wanted_certificates(now.naming, now.domains, usable, self.lineages)
        wanted = with_names_in_transit(wanted, held(*self.lineages), NOW)
        by_directory = {one.directory: one for one in self.lineages}
        continued, done = dict(matches(wanted.certificates, self.lineages)), []
        for one in wanted.certificates:
            before = continued.get(one)
            ready = tuple(name for name in one.names if name in usable)
            kept = before and before.certificate and set(ready) <= set(before.certificate.names)
            if not ready or kept:
                continue
            issued = lineage_of(ready, one, before, dict.fromkeys(by_directory, True))
            assert len(issued.names) <= now.most
            assert before or issued.directory not in by_directory
            text = " ".join(name.text for name in issued.names)
            by_directory[issued.directory] = HeldLineage(issued.directory, certificate(text))
            done.append(f"{issued.directory}: {text}")
        self.lineages = tuple(by_directory.values())
        for left in unwanted(now.domains, wanted, held(*self.lineages), NOW):
            del by_directory[left.directory]
            done.append(f"without {left.directory}")
        self.lineages = tuple(by_directory.values())
        lost = set(wanted.names) & usable - self.certified
        assert not {name for name in lost if not any(one.covers(name) for one in self.certified)}
        return done


@settings(max_examples=200)
@given(st.lists(SITUATIONS, min_size=1, max_size=6))
def test_every_change_comes_to_rest(situations):
    """One cycle issues what is new, a second one may tidy up after it (a name that leaves when another certificate has it)."""
    volume = Volume()
    for now in situations:
        volume.cycle(now)
        volume.cycle(now)
        assert volume.cycle(now) == []


@settings(max_examples=200)
@given(st.lists(SITUATIONS, min_size=1, max_size=4), st.integers(2, 9))
def test_a_database_that_hiccups(situations, most):
    """While nobody can tell the mail domains, no name that a certificate beside the server's has is ordered once more."""
    volume = Volume()
    for now in (replace(one, most=most) for one in situations):
        for _ in range(3):
            volume.cycle(now)

    wanted = wanted_certificates(now.naming, NOBODY_KNOWS, volume.certified, volume.lineages)
    wanted = with_names_in_transit(keep_held(wanted, volume.lineages), held(*volume.lineages), NOW)

    standing = {one.directory: set(one.certificate.names) for one in volume.lineages if one.certificate}
    beside = set().union(*(names for directory, names in standing.items() if directory != HOST))
    continued = dict(matches(wanted.certificates, volume.lineages))
    for one in wanted.certificates[1:]:
        if beside.issuperset(one.names):
            assert set(one.names) <= standing[continued[one].directory]


def test_a_name_whose_directories_are_all_taken():
    """Names moved from lineage to lineage until the directory of the only name of a new one is another's: it is numbered."""
    taken = {"imap.a.tld": True, "imap.a.tld_2": True, "pop.a.tld": True}
    (imap,) = names("imap.a.tld")
    wanted = wanted_certificates(naming(additional="imap.a.tld", most_names=1, autodiscover=False), domains())

    made = lineage_of((imap,), wanted.certificates[1], None, taken)

    assert (made.directory, made.names) == ("imap.a.tld_3", (imap,))


@pytest.mark.parametrize("sni", [True, False])
def test_names_that_a_certificate_has_besides_do_not_call_others_in(sni):
    """Two certificates that both have a name: each goes on with what stays in it, and none is issued anew."""
    made = naming(additional="x.org y.org z.org", autodiscover=False, most_names=2, sni=sni)
    both = (lineage(HOST), lineage("x.org y.org"), lineage("y.org z.org"))

    wanted = wanted_certificates(made, domains(), None, both)

    continued = {one.directory: certificate.names for certificate, one in matches(wanted.certificates, both)}
    assert continued == {HOST: names(f"{HOST} x.org"), "x.org": names("y.org"), "y.org": names("z.org")}
