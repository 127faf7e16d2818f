"""Whatever somebody without the signing key does to the stored rows is noticed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.fakes.clock import FakeClock
from tests.fakes.records import FakeLedgerRows

from pleura.crypto.signing import Signer
from pleura.domain.errors import LedgerBroken
from pleura.domain.ports import LedgerRow
from pleura.ledger.entries import Entry, decode, encode
from pleura.ledger.heads import Head, sign_head
from pleura.ledger.ledger import Ledger
from pleura.ledger.tree import Frontier, leaf_hash

SIGNER = Signer.from_bytes(bytes(range(32)))
THIEF = Signer.from_bytes(b"\x07" * 32)
ORIGIN = "pleura.ledger/test"
ENTRIES = 12
MUTATIONS = 2_000

Rows = list[LedgerRow]


def honest() -> Rows:
    rows, ledger = FakeLedgerRows(), Ledger(SIGNER, ORIGIN, FakeClock())
    ledger.append(rows, "init", "cli:root", root_epoch=1)
    for number in range(1, ENTRIES):
        ledger.append(rows, "refusal", "cli:root", reason="not-dicom", content=f"{number:064x}")
    return rows.stored


def edited(entry: bytes, draw: random.Random) -> bytes:
    before = decode(entry)
    return encode(Entry("sign-in", before.at, f"web:{draw.getrandbits(32)}"))


def edit_entry(rows: Rows, draw: random.Random) -> Rows:
    at = draw.randrange(len(rows))
    rows[at] = replace(rows[at], entry=edited(rows[at].entry, draw))
    return rows


def flip_a_bit_of_an_entry(rows: Rows, draw: random.Random) -> Rows:
    at = draw.randrange(len(rows))
    entry = bytearray(rows[at].entry)
    entry[draw.randrange(len(entry))] ^= 1 << draw.randrange(8)
    rows[at] = replace(rows[at], entry=bytes(entry))
    return rows


def change_a_head(rows: Rows, draw: random.Random) -> Rows:
    at = draw.randrange(len(rows))
    head = list(rows[at].head)
    place = draw.randrange(len(head))
    head[place] = draw.choice([letter for letter in "Aa0/ \n—" if letter != head[place]])
    rows[at] = replace(rows[at], head="".join(head))
    return rows


def change_a_frontier(rows: Rows, draw: random.Random) -> Rows:
    at = draw.randrange(len(rows))
    nodes = list(rows[at].frontier)
    nodes[draw.randrange(len(nodes))] = draw.randbytes(32)
    rows[at] = replace(rows[at], frontier=tuple(nodes))
    return rows


def swap_heads(rows: Rows, draw: random.Random) -> Rows:
    one, other = draw.sample(range(len(rows)), 2)
    rows[one] = replace(rows[one], head=rows[other].head)
    return rows


def delete(rows: Rows, draw: random.Random) -> Rows:
    at = draw.randrange(len(rows) - 1)
    return rows[:at] + rows[at + 1 :]


def delete_and_renumber(rows: Rows, draw: random.Random) -> Rows:
    return [replace(row, index=index) for index, row in enumerate(delete(rows, draw))]


def insert(rows: Rows, draw: random.Random) -> Rows:
    at = draw.randrange(len(rows))
    rows.insert(at, replace(rows[at], entry=edited(rows[at].entry, draw)))
    return [replace(row, index=index) for index, row in enumerate(rows)]


def reorder(rows: Rows, draw: random.Random) -> Rows:
    one, other = draw.sample(range(len(rows)), 2)
    rows[one], rows[other] = rows[other], rows[one]
    return [replace(row, index=index) for index, row in enumerate(rows)] if draw.random() < 0.5 else rows


def append_unsigned(rows: Rows, draw: random.Random) -> Rows:
    """Rows that a thief without the key adds at the end, signed by a key of her own."""
    return rewritten(rows, len(rows), draw, THIEF, extra=1)


def fork_with_another_key(rows: Rows, draw: random.Random) -> Rows:
    return rewritten(rows, draw.randrange(len(rows)), draw, THIEF)


def cut_off_the_tail(rows: Rows, draw: random.Random) -> Rows:
    return rows[: draw.randrange(1, len(rows))]


def fork_with_our_key(rows: Rows, draw: random.Random) -> Rows:
    """Another history from some point on, by somebody who holds the signing key."""
    return rewritten(rows, draw.randrange(len(rows)), draw, SIGNER)


def rewritten(rows: Rows, start: int, draw: random.Random, signer: Signer, extra: int = 0) -> Rows:
    entries = [row.entry for row in rows] + [rows[-1].entry] * extra
    entries = [entry if index < start else edited(entry, draw) for index, entry in enumerate(entries)]
    frontier, result = Frontier(), rows[:start]
    for index, entry in enumerate(entries):
        frontier = frontier.append(leaf_hash(entry))
        if index >= start:
            head = sign_head(Head(origin=ORIGIN, size=index + 1, root=frontier.root()), signer)
            result.append(LedgerRow(index=index, entry=entry, frontier=frontier.roots, head=head))
    return result


WITHOUT_THE_KEY: list[Callable[[Rows, random.Random], Rows]] = [
    edit_entry,
    flip_a_bit_of_an_entry,
    change_a_head,
    change_a_frontier,
    swap_heads,
    delete,
    delete_and_renumber,
    insert,
    reorder,
    append_unsigned,
    fork_with_another_key,
]
SEEN_FROM_OUTSIDE_ONLY = [cut_off_the_tail, fork_with_our_key]


def found(rows: Rows, witnessed: str | None = None) -> str | None:
    ledger = Ledger(SIGNER, ORIGIN, FakeClock())
    try:
        ledger.verify(FakeLedgerRows(rows), SIGNER.public, witnessed=witnessed)
    except LedgerBroken as error:
        return error.code
    return None


def test_2000_random_changes_without_the_key_are_all_found() -> None:
    original, draw, outcomes = honest(), random.Random(2), Counter[str | None]()

    for number in range(MUTATIONS):
        changed = WITHOUT_THE_KEY[number % len(WITHOUT_THE_KEY)](list(original), draw)
        assert changed != original
        outcomes[found(changed)] += 1

    assert sum(outcomes.values()) == MUTATIONS
    assert outcomes[None] == 0


@pytest.mark.parametrize("change", SEEN_FROM_OUTSIDE_ONLY)
def test_what_only_an_outside_head_can_show_is_found_with_one(
    change: Callable[[Rows, random.Random], Rows],
) -> None:
    original, draw = honest(), random.Random(3)
    outside = original[-1].head

    codes = {found(change(list(original), draw), outside) for _ in range(100)}

    assert codes <= {"ledger-rolled-back", "ledger-forked"}


@pytest.mark.parametrize("change", SEEN_FROM_OUTSIDE_ONLY)
def test_without_an_outside_head_they_look_like_an_honest_ledger(
    change: Callable[[Rows, random.Random], Rows],
) -> None:
    """This is the limit that docs/formats/ledger.md states; if it ever falls, say so there."""
    assert found(change(honest(), random.Random(4))) is None


def test_a_home_put_back_to_an_earlier_state_and_used_again_is_found_with_a_later_head() -> None:
    original = honest()
    restored = FakeLedgerRows(original[:6])
    ledger = Ledger(SIGNER, ORIGIN, FakeClock())
    for _ in range(10):
        ledger.append(restored, "sign-in", "web:chen")

    assert found(restored.stored) is None
    assert found(restored.stored, original[8].head) == "ledger-forked"
