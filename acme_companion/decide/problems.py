"""Everything that can go wrong and that an operator should read.

The type says what to do next; the text is one clear sentence: what, where, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from acme_companion.decide.acme_problems import ProblemDocument, Rejection
    from acme_companion.decide.memory import Stop
    from acme_companion.decide.names import Name


class Problem(Exception):
    """Something an operator should read."""


class SettingsWrong(Problem):
    """The settings contradict themselves; waiting will not help.

    `complaints` holds every one of them, each with its place (`mail.conf:3` or `environment`).
    """

    def __init__(self, complaints: Sequence[str]) -> None:
        count = f"{len(complaints)} problem" + ("s" if len(complaints) != 1 else "")
        super().__init__("\n  ".join([f"settings: {count}", *complaints]))
        self.complaints = tuple(complaints)


class UsageWrong(Problem):
    """A command was typed in a way that makes no sense, or does not say that it is meant."""


class NotYet(Problem):
    """The world is not ready; the same step may work later, not before `retry_at` if the other side named it.

    `rejection`: what a CA answered, when it did.
    """

    def __init__(
        self, text: str, *, retry_at: datetime | None = None, rejection: Rejection | None = None
    ) -> None:
        super().__init__(text)
        self.retry_at = retry_at
        self.rejection = rejection


class NotShown(NotYet):
    """Our side cannot show a CA that names are ours now: web root, port, DNS provider. No other CA would see more."""


class Refused(Problem):
    """The CA said no; the text carries the CA's own sentence. The same request will be refused again.

    `rejection`: what it answered, when it was one answer.
    """

    def __init__(self, text: str, *, rejection: Rejection | None = None) -> None:
        super().__init__(text)
        self.rejection = rejection


class AccountStopped(Refused):
    """The CA at `directory_url` will have nothing of our account until somebody acts. Nothing is ordered there meanwhile."""

    def __init__(self, text: str, directory_url: str, stop: Stop) -> None:
        super().__init__(text)
        self.directory_url = directory_url
        self.stop = stop


class NotOrdered(Refused):
    """The CA delivered a certificate other than the one ordered, which cost one all the same. `chain`: what it delivered."""

    def __init__(self, text: str, chain: bytes) -> None:
        super().__init__(text)
        self.chain = chain


class Damaged(Problem):
    """Our own files contradict each other, or cannot be read or written; nothing was touched."""


class Busy(Problem):
    """Another companion holds the lock of the volume."""


class NameRefusals(Refused):
    """Names are not to be had without which the certificate is not wanted; `by_name` has a sentence for each.

    `documents`: what the CA said of them; a name that is not there was left out by us, as it could not be shown or seen.
    """

    def __init__(
        self,
        text: str,
        by_name: Mapping[Name, str],
        documents: Mapping[Name, ProblemDocument] | None = None,
    ) -> None:
        super().__init__(text)
        self.by_name = dict(by_name)
        self.documents = dict(documents or {})
