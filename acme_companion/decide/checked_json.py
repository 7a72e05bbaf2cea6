"""Values of ours as the bytes of a file, and back: with a schema and a checksum, so that damage is seen and never believed.

A value is a dataclass of texts, numbers, times, tuples, mappings and further such dataclasses.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from acme_companion.decide.names import quoted

# What the annotations of such dataclasses use, and their modules import for the type checker only.
_NAMES_IN_ANNOTATIONS = {"Mapping": Mapping, "datetime": datetime}


class NotReadable(ValueError):
    """Bytes that are no such value: cut, changed, or never ours. The message says what is wrong with them."""


class NewerSchema(ValueError):
    """A value that a newer version wrote."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(f"it has schema {found}, this version knows schemas up to {known}")


def dump(value: object, what: str, schema: int) -> bytes:
    """The whole value below the key `what`, with a checksum over its canonical form; the same value gives the same bytes."""
    plain = _plain(value)
    plain.pop("schema", None)
    envelope = {"schema": schema, "checksum": _checksum(plain), what: plain}
    return json.dumps(envelope, indent=1, sort_keys=True).encode() + b"\n"


def load(data: bytes, kind: type, what: str, schema: int, most: int) -> Any:
    """The value of type `kind` that `dump` made these bytes of; raises `NewerSchema` or `NotReadable`, also beyond `most` bytes.

    A field that is missing has its default, and one that is unknown is passed over: versions with the same schema
    read each other's files.
    """
    if len(data) > most:
        raise NotReadable(f"it is larger than {most} bytes")
    try:
        envelope = json.loads(data)
    # RecursionError: a text of nothing but opening brackets.
    except (ValueError, RecursionError) as problem:
        raise NotReadable(f"it is not JSON ({quoted(str(problem))})") from None
    found = envelope.get("schema") if isinstance(envelope, dict) else None
    if type(found) is not int or found < 1:
        raise NotReadable("it has no schema")
    if found > schema:
        raise NewerSchema(found, schema)
    plain = envelope.get(what)
    if envelope.get("checksum") != _checksum(plain):
        raise NotReadable("its checksum does not fit its content")
    return _value(kind, plain, what)


def _checksum(plain: object) -> str:
    try:
        canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise NotReadable("it is nested too deeply") from None
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: object) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case tuple():
            return [_plain(one) for one in value]
        case Mapping():
            return {key: _plain(one) for key, one in value.items()}
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    return value


def _value(kind: Any, plain: Any, where: str) -> Any:
    """`plain` as a value of the annotated type `kind`; what such a dataclass may hold, and nothing else."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        return None if plain is None else _value(arguments[0], plain, where)
    if origin is tuple and isinstance(plain, list):
        return tuple(_value(arguments[0], one, where) for one in plain)
    if origin is Mapping and isinstance(plain, dict):
        return {key: _value(arguments[1], one, f"{where}.{key}") for key, one in plain.items()}
    if kind is datetime and isinstance(plain, str):
        return _moment(plain, where)
    if is_dataclass(kind) and isinstance(plain, dict):
        return _record(kind, plain, where)
    if kind in {str, int, bool} and type(plain) is kind:
        return plain
    raise NotReadable(f"{quoted(where)} is not what belongs there")


def _record(kind: Any, plain: dict[str, Any], where: str) -> Any:
    known = {name: hint for name, hint in _hints(kind).items() if name in plain}
    try:
        return kind(**{name: _value(hint, plain[name], f"{where}.{name}") for name, hint in known.items()})
    except TypeError:
        raise NotReadable(f"{quoted(where)} is incomplete") from None


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, localns=_NAMES_IN_ANNOTATIONS)


def _moment(text: str, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise NotReadable(f"{quoted(where)} is not a time with its zone")
