"""The companion's memory as a file."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_companion.decide.ledger import Attempt, Ledger
from acme_companion.decide.memory import SCHEMA, Authority, Failures, Memory, RenewalWindow
from acme_companion.decide.memory_json import MOST_BYTES, NewerMemory, NotMemory, from_json, to_json

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
moments = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
failures = st.builds(
    Failures, st.integers(0, 99), last=moments, wait_until=moments, because=texts, asked_by_ca=st.booleans()
)
windows = st.builds(RenewalWindow, moments, moments, moments, moments, texts)
authorities = st.builds(
    Authority,
    texts,
    st.none() | texts,
    st.lists(texts, max_size=3).map(tuple),
    texts,
    st.none() | st.lists(texts, max_size=3).map(tuple),
)
ledgers = st.builds(
    Ledger,
    st.dictionaries(texts, moments, max_size=3),
    st.dictionaries(texts, st.builds(Attempt, moments, texts, st.integers(0, 99)), max_size=3),
    st.none() | moments,
    texts,
    st.none() | moments,
    st.none() | moments,
)
fields = {
    "issued": st.dictionaries(texts, texts, max_size=3),
    "lineage_failures": st.dictionaries(texts, failures, max_size=3),
    "name_failures": st.dictionaries(texts, failures, max_size=3),
    "not_ready_since": st.dictionaries(texts, moments, max_size=3),
    "windows": st.dictionaries(texts, windows, max_size=3),
    "authorities": st.dictionaries(texts, authorities, max_size=3),
    "undeployed": st.lists(texts, max_size=3).map(tuple),
    "ledgers": st.dictionaries(texts, ledgers, max_size=3),
    "rehearsed": st.dictionaries(texts, moments, max_size=3),
    "advice_failures": st.dictionaries(texts, failures, max_size=3),
    "directories_read": st.dictionaries(texts, moments, max_size=3),
    "own_addresses": st.lists(texts, max_size=3).map(tuple),
    "last_success": st.none() | moments,
    "unwanted_since": st.dictionaries(texts, moments, max_size=3),
    "missing_since": st.dictionaries(texts, moments, max_size=3),
    "unknown_since": st.dictionaries(texts, moments, max_size=3),
    "rolled_back": st.lists(texts, max_size=3).map(tuple),
    "touched": st.lists(texts, max_size=3).map(tuple),
    "under_way": st.lists(texts, max_size=3).map(tuple),
    "gone": st.lists(texts, max_size=3).map(tuple),
    "ended": st.lists(texts, max_size=3).map(tuple),
    "revoked": st.lists(texts, max_size=3).map(tuple),
    "compromised": st.lists(texts, max_size=3).map(tuple),
    "forced": st.lists(texts, max_size=3).map(tuple),
}
memories = st.builds(Memory, **fields)


def envelope(memory: object, schema: object = SCHEMA) -> bytes:
    canonical = json.dumps(memory, sort_keys=True, separators=(",", ":")).encode()
    return json.dumps(
        {"schema": schema, "checksum": hashlib.sha256(canonical).hexdigest(), "memory": memory}
    ).encode()


def test_the_round_trip_leaves_nothing_out() -> None:
    """Every field of the memory is drawn below."""
    assert fields.keys() | {"schema"} == Memory.__dataclass_fields__.keys()


@given(memories)
def test_round_trip(memory: Memory) -> None:
    """What is remembered comes back whole, and the same memory always has the same bytes."""
    data = to_json(memory)

    assert memory == from_json(data)
    assert data == to_json(from_json(data))


@given(st.binary(max_size=300) | texts.map(str.encode))
def test_any_bytes_are_refused_in_one_way(data: bytes) -> None:
    """A state file of any bytes is no memory, said so; never anything else."""
    with pytest.raises((NotMemory, NewerMemory)):
        from_json(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
field_names = st.sampled_from([*Memory.__dataclass_fields__])


@given(st.dictionaries(field_names | texts, json_values, max_size=4))
def test_a_right_checksum_is_not_trusted_either(memory: dict[str, object]) -> None:
    """Values of the wrong type are refused although the checksum fits; nothing else is raised."""
    with suppress(NotMemory):
        assert isinstance(from_json(envelope(memory)), Memory)


@given(memories, st.data())
def test_one_changed_byte_is_noticed(memory: Memory, data: st.DataObject) -> None:
    """A byte that changes is noticed, unless it changes nothing that is meant (white space)."""
    written = bytearray(to_json(memory))
    written[data.draw(st.integers(0, len(written) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = from_json(bytes(written))
    except (NotMemory, NewerMemory):
        return
    assert memory == found


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        pytest.param(b"", "it is not JSON", id="a file of no bytes (power loss)"),
        pytest.param(to_json(Memory())[:-9], "it is not JSON", id="a file that was cut"),
        pytest.param(
            to_json(Memory()) + b"}", "it is not JSON", id="a spare bracket after a shorter rewrite"
        ),
        pytest.param(b"\0" * 4096, "it is not JSON", id="zeros"),
        pytest.param(b"[" * 100_000, "it is not JSON", id="a text of opening brackets"),
        pytest.param(b"[]", "it has no schema", id="a list"),
        pytest.param(envelope({}, True), "it has no schema", id="a schema that is a truth"),
        pytest.param(b'{"schema": 1}', "its checksum does not fit", id="nothing but a schema"),
        pytest.param(envelope({"undeployed": "abc"}), "undeployed", id="a text where a list belongs"),
        pytest.param(
            envelope({"last_success": "2026-01-01"}), "not a time with its zone", id="a time without zone"
        ),
        pytest.param(envelope({"name_failures": {"a": {"count": 1}}}), "incomplete", id="half a record"),
        pytest.param(b" " * (MOST_BYTES + 1), "larger than", id="a file of any size"),
    ],
)
def test_not_memory(data: bytes, complaint: str) -> None:
    """Each kind of damage is named."""
    with pytest.raises(NotMemory, match=complaint):
        from_json(data)


def test_newer_schema() -> None:
    """A newer version's memory is not read as if it were ours: both versions are named."""
    with pytest.raises(NewerMemory, match=f"it has schema 99, this version knows schemas up to {SCHEMA}"):
        from_json(envelope({}, 99))


def test_versions_with_one_schema_read_each_other() -> None:
    """A field that only the other version knows is passed over, and a missing one has its default."""
    assert Memory(undeployed=("a",)) == from_json(envelope({"undeployed": ["a"], "mood": "good"}))
