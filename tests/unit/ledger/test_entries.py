"""Entries: canonical bytes, and nothing in them that names a person."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleura.domain.errors import LedgerBroken
from pleura.ledger.entries import KINDS, MAX_ENTRY_BYTES, Entry, decode, encode

AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=64)
INTEGERS = st.integers(0, 2**53 - 1)
NUMBERS = {
    *("root_epoch", "size", "mark_version", "comparisons", "needed", "shares"),
    *("images", "copies", "objects", "added", "orphans", "leftovers", "lacking"),
    *("pages", "pictures", "sightings", "refused"),
}
ACTORS = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=80)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    kind = draw(st.sampled_from(sorted(KINDS)))
    optional = draw(st.sets(st.sampled_from(sorted(KINDS[kind].optional)))) if KINDS[kind].optional else set()
    facts: dict[str, str | int] = {
        name: draw(INTEGERS if name in NUMBERS else TOKENS) for name in KINDS[kind].required | optional
    }
    return Entry(kind, draw(st.datetimes(timezones=st.just(UTC))), draw(ACTORS), facts)


@given(entries())
def test_an_entry_survives_the_way_there_and_back(entry: Entry) -> None:
    encoded = encode(entry)

    assert entry == decode(encoded)
    assert len(encoded) <= MAX_ENTRY_BYTES


@given(entries(), st.data())
def test_no_other_bytes_decode_to_the_same_entry(entry: Entry, data: st.DataObject) -> None:
    encoded = bytearray(encode(entry))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))

    with contextlib.suppress(LedgerBroken):
        assert entry != decode(bytes(encoded))


@given(st.binary(max_size=300))
def test_any_bytes_decode_or_are_refused(content: bytes) -> None:
    with pytest.raises(LedgerBroken):
        decode(content)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_any_json_in_place_of_a_fact_is_refused(value: object) -> None:
    text = encode(Entry("init", AT, "cli", {"root_epoch": 1})).decode()

    with pytest.raises(LedgerBroken):
        decode(text.replace('"root_epoch":1', f'"root_epoch":{json.dumps(value)}').encode())


def test_the_canonical_form_is_pinned() -> None:
    entry = Entry(
        "copy",
        AT,
        "web:管理员",
        {
            "record": "ab" * 32,
            "copy": "cpy-1",
            "image": "img-1",
            "form": "png",
            "mark_version": 1,
        },
    )
    expected = (
        '{"actor":"web:管理员","at":"2026-11-24T09:30:00.000000Z","facts":{"copy":"cpy-1","form":"png",'
        '"image":"img-1","mark_version":1,"record":"' + "ab" * 32 + '"},"kind":"copy","v":1}'
    )

    assert expected.encode() == encode(entry)


def test_another_time_zone_is_written_as_utc() -> None:
    beijing = timezone(timedelta(hours=8))

    here = Entry("sign-in", AT.astimezone(beijing), "web:chen")

    assert encode(Entry("sign-in", AT, "web:chen")) == encode(here)


@pytest.mark.parametrize(
    ("kind", "actor", "facts"),
    [
        ("rumour", "cli", {}),
        ("init", "cli", {}),
        ("init", "cli", {"root_epoch": 1, "note": "x"}),
        ("init", "cli", {"root_epoch": "1"}),
        ("init", "cli", {"root_epoch": True}),
        ("init", "cli", {"root_epoch": -1}),
        ("init", "cli", {"root_epoch": 2**53}),
        ("refusal", "cli", {"reason": "Zhang San", "content": "ab"}),
        ("refusal", "cli", {"reason": "张三", "content": "ab"}),
        ("refusal", "cli", {"reason": "", "content": "ab"}),
        ("refusal", "cli", {"reason": "a" * 65, "content": "ab"}),
        ("sign-in", "", {}),
        ("sign-in", "a\nb", {}),
        ("sign-in", "a" * 81, {}),
    ],
)
def test_an_entry_cannot_be_built_wrong(kind: str, actor: str, facts: Mapping[str, str | int]) -> None:
    with pytest.raises(ValueError, match=r"entry|fact|actor"):
        Entry(kind, AT, actor, facts)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Entry("sign-in", datetime(2026, 11, 24, 9, 30), "web:chen")  # noqa: DTZ001 - the fault


def test_the_facts_of_an_entry_cannot_be_changed_from_outside() -> None:
    facts: dict[str, str | int] = {"root_epoch": 1}
    entry = Entry("init", AT, "cli", facts)

    facts["root_epoch"] = 2

    assert entry.facts["root_epoch"] == 1
