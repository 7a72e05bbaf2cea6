"""What one certificate is asked for: the names that are left of it, and what became of the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from acme_companion.decide.problems import NameRefusals, NotShown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from acme_companion.act.acme.proof import NamesDeclined
    from acme_companion.decide.acme_problems import ProblemDocument
    from acme_companion.decide.names import Name
    from acme_companion.decide.open_orders import Resume
    from acme_companion.ports import Journal


@dataclass
class Request:
    """`names`: those that are still asked for. See `ports.CertificateAuthority.issue` for the rest."""

    names: tuple[Name, ...]
    required: Collection[Name]
    replaces: str
    journal: Journal | None
    keeps: Collection[Name] = ()
    left_out: dict[Name, str] = field(default_factory=dict)
    documents: dict[Name, ProblemDocument] = field(default_factory=dict)

    def without(self, declined: NamesDeclined) -> None:
        """Go on without these names; raises `NameRefusals` or `NotShown` when that is not wanted."""
        ours = {name: why for name, why in declined.by_name.items() if name not in declined.documents}
        if kept := [f"{name}: {why}" for name, why in ours.items() if name in self.keeps]:
            raise NotShown(
                f"the present certificate goes on being served, as a new one would lack a name of it: {kept[0]}"
            )
        if self.journal:
            self.journal.refused |= {name.text: why for name, why in declined.by_name.items()}
        self.documents |= declined.documents
        self._leave_out(declined.by_name)

    def resume(self, move: Resume) -> None:
        """Do without the names that were refused before this order was placed; raises `NameRefusals`."""
        if self.journal:
            self.journal.refused |= move.order.refused
        if move.left_out:
            self._leave_out(move.left_out)

    def _leave_out(self, refused: Mapping[Name, str]) -> None:
        self.left_out |= refused
        self.names = tuple(name for name in self.names if name not in self.left_out)
        if not self.names or any(name in self.left_out for name in self.required):
            # Our own solver declines names as well, and those that were refused before a stop are told without documents.
            said = all(name in self.documents for name in self.left_out)
            verb = "the CA refused" if said else "not to be had now:"
            raise NameRefusals(f"{verb} {self.listed()}", self.left_out, self.documents)

    def listed(self) -> str:
        """The names that are left out, as a sentence's end."""
        shown = [f"{name}: {why}" for name, why in list(self.left_out.items())[:5]]
        more = [f"and {len(self.left_out) - len(shown)} more"] if len(self.left_out) > len(shown) else []
        return "; ".join(shown + more) or "nothing"
