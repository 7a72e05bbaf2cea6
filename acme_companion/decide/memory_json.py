"""Memory as the bytes of a file, and back. Whatever the bytes are, the answer is a `Memory` or one of two refusals."""

from __future__ import annotations

from acme_companion.decide import checked_json
from acme_companion.decide.checked_json import NewerSchema, NotReadable
from acme_companion.decide.memory import SCHEMA, Memory

MOST_BYTES = 64 * 1024 * 1024
"""A memory of 10,000 lineages over ten years stays below it; anything larger is not ours."""

NotMemory, NewerMemory = NotReadable, NewerSchema


def to_json(memory: Memory) -> bytes:
    """See `checked_json.dump`."""
    return checked_json.dump(memory, "memory", SCHEMA)


def from_json(data: bytes) -> Memory:
    """The memory that `to_json` made these bytes of; raises `NewerMemory` or `NotMemory`."""
    memory: Memory = checked_json.load(data, Memory, "memory", SCHEMA, MOST_BYTES)
    return memory
