"""Where a setting's text comes from: the process environment, else the env file, else its default."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, TypeVar

from acme_companion.decide.settings.env_file import MOST_LINE_CHARACTERS
from acme_companion.decide.settings.values import ValueRefused
from acme_companion.decide.settings.variables import SETTINGS, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from acme_companion.decide.settings.env_file import EnvFile

_T = TypeVar("_T")
_VARIABLES = {variable.name: variable for variable in SETTINGS}
_FILES_OF_SECRETS = {f"{variable.name}_FILE" for variable in SETTINGS if variable.secret}


class Source:
    """Gives out values and collects every complaint and warning on the way, each with its place.

    An empty value is no value: Compose passes `VAR=` for what is not set.
    """

    def __init__(self, environment: Mapping[str, str], env_file: EnvFile | None) -> None:
        entries = env_file.entries if env_file else ()
        self._in_file = {e.key: (text, e.place) for e in entries if (text := _bare(e.key, e.value))}
        self._in_environment = {
            key: text for key in _VARIABLES if (text := _bare(key, environment.get(key, "")))
        }
        self._unset_place = env_file.file if env_file else "environment"
        self.misspelt: list[str] = []
        self.complaints = list(env_file.complaints) if env_file else []
        self.warnings = list(env_file.warnings) if env_file else []
        for entry in entries:
            if entry.key in _VARIABLES:
                self.warnings += entry.warnings
                self._compare(entry.key)
            elif entry.key in _FILES_OF_SECRETS:
                self.misspelt.append(
                    f"{entry.place}: {entry.key} has no effect here: only the environment of the container may name a file"
                )
            else:
                self._compare_spelling(entry.key, entry.place)
        for key in environment:
            if key not in _FILES_OF_SECRETS:
                self._compare_spelling(key, "environment")

    def text(self, name: str) -> str:
        """The text that counts for `name`, its default included."""
        return self._in_environment.get(name) or self._in_file.get(name, ("",))[0] or _VARIABLES[name].default

    def is_set(self, name: str) -> bool:
        return name in self._in_environment or name in self._in_file

    def get(self, name: str, parse: Callable[[str], _T]) -> _T:
        """The value of `name`; when it is wrong, a complaint is noted and the default's value returned."""
        text = self.text(name)
        try:
            check_text(text)
            return parse(text)
        except ValueRefused as problem:
            for sentence in problem.sentences:
                self.complain(name, sentence)
            return parse(_VARIABLES[name].default)

    def complain(self, name: str, sentence: str) -> None:
        self.complaints.append(f"{self.place(name)}: {name}: {sentence}")

    def warn(self, name: str, sentence: str) -> None:
        self.warnings.append(f"{self.place(name)}: {name}: {sentence}")

    def place(self, name: str) -> str:
        """Where it is set, for complaints."""
        if name in self._in_environment:
            return "environment"
        return self._in_file[name][1] if name in self._in_file else self._unset_place

    def _compare_spelling(self, key: str, place: str) -> None:
        if meant := nearest(key):
            self.misspelt.append(f"{place}: {key} is unknown and has no effect: did you mean {meant}?")

    def _compare(self, name: str) -> None:
        ours, (theirs, place) = self._in_environment.get(name), self._in_file.get(name, ("", ""))
        if ours and theirs and ours != theirs:
            self.warnings.append(f"{place}: {name} has another value in the environment, which wins")


def _bare(name: str, text: str) -> str:
    # Blanks around a value are never meant, except in a password.
    return text if name in _VARIABLES and _VARIABLES[name].secret else text.strip()


def check_text(text: str) -> None:
    """Raises `ValueRefused` for what stands in no setting."""
    # The value is not shown: it may be a password.
    if len(text) > MOST_LINE_CHARACTERS:
        raise ValueRefused(f"longer than {MOST_LINE_CHARACTERS} characters")
    if any(unicodedata.category(c) in {"Cc", "Cs"} and c != "\t" for c in text):
        raise ValueRefused("contains a control character or a byte that is not UTF-8")
