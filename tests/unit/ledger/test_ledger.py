"""The ledger: append in the caller's transaction, verify everything."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.clock import FakeClock
from tests.fakes.records import FakeLedgerRows, FakeRecords

from pleura.crypto.signing import Signer
from pleura.domain.errors import LedgerBroken, NotFound
from pleura.ledger.entries import decode
from pleura.ledger.heads import open_head
from pleura.ledger.ledger import Ledger
from pleura.ledger.tree import Frontier, leaf_hash, verify_consistency, verify_inclusion

SIGNER = Signer.from_bytes(bytes(range(32)))


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(SIGNER, "pleura.ledger/test", FakeClock())


def filled(ledger: Ledger, count: int) -> FakeLedgerRows:
    rows = FakeLedgerRows()
    ledger.append(rows, "init", "cli:root", root_epoch=1)
    for number in range(1, count):
        ledger.append(rows, "refusal", "cli:root", reason="not-dicom", content=f"{number:064x}")
    return rows


def test_a_receipt_says_where_the_entry_stands(ledger: Ledger) -> None:
    rows = filled(ledger, 6)

    receipt = ledger.append(rows, "sign-in", "web:chen")

    stored = rows.stored[6]
    assert (6, leaf_hash(stored.entry), stored.head) == (receipt.index, receipt.leaf_hash, receipt.head)
    assert open_head(receipt.head, SIGNER.public).size == 7


def test_an_entry_carries_the_time_of_the_clock() -> None:
    clock, rows = FakeClock(), FakeLedgerRows()
    clock.advance(90)

    Ledger(SIGNER, "o", clock).append(rows, "sign-in", "web:chen")

    assert clock.now() == decode(rows.stored[0].entry).at


def test_a_clock_that_was_set_back_shows_in_the_report() -> None:
    clock, rows = FakeClock(), FakeLedgerRows()
    ledger = Ledger(SIGNER, "o", clock)
    for step in (0, 60, -86_400 * 365, 5):
        clock.advance(step)
        ledger.append(rows, "sign-in", "web:chen")

    report = ledger.verify(rows, SIGNER.public)

    assert report.backwards == 1
    assert report.latest == decode(rows.stored[1].entry).at


def test_a_ledger_that_nobody_touched_verifies(ledger: Ledger) -> None:
    rows = filled(ledger, 40)

    report = ledger.verify(rows, SIGNER.public, witnessed=rows.stored[20].head)

    assert (40, rows.stored[-1].head) == (report.entries, report.head)
    assert open_head(report.head, SIGNER.public).root == report.root


def test_an_empty_ledger_does_not_verify(ledger: Ledger) -> None:
    with pytest.raises(LedgerBroken) as caught:
        ledger.verify(FakeLedgerRows(), SIGNER.public)

    assert caught.value.code == "ledger-empty"


def test_the_report_names_the_first_bad_entry(ledger: Ledger) -> None:
    rows = filled(ledger, 30)
    for index in (25, 17):
        rows.stored[index] = replace(rows.stored[index], entry=rows.stored[3].entry)

    with pytest.raises(LedgerBroken) as caught:
        ledger.verify(rows, SIGNER.public)

    assert caught.value.facts == {"index": 17}


def test_nothing_is_appended_to_a_tail_that_somebody_changed(ledger: Ledger) -> None:
    rows, others = filled(ledger, 5), filled(Ledger(SIGNER, "pleura.ledger/test", FakeClock()), 4)
    rows.stored[4] = replace(rows.stored[4], frontier=(leaf_hash(b"something else"),) * 2)
    others.stored[3] = replace(others.stored[3], index=4)

    for changed in (rows, others):
        with pytest.raises(LedgerBroken):
            ledger.append(changed, "sign-in", "web:chen")


def test_nothing_is_appended_on_top_of_a_foreign_head(ledger: Ledger) -> None:
    rows = filled(Ledger(Signer.from_bytes(bytes(32)), "pleura.ledger/test", FakeClock()), 3)

    with pytest.raises(LedgerBroken):
        ledger.append(rows, "sign-in", "web:chen")


def test_an_action_whose_entry_cannot_be_written_is_rolled_back(ledger: Ledger) -> None:
    records = FakeRecords()
    with records.begin() as unit:
        ledger.append(unit.ledger, "init", "cli", root_epoch=1)

    def copy_without_its_facts() -> None:
        with records.begin() as unit:
            ledger.append(unit.ledger, "sign-in", "web:chen")
            ledger.append(unit.ledger, "copy", "web:chen", recipient="hospital")

    with pytest.raises(ValueError, match="facts"):
        copy_without_its_facts()

    assert [row.index for row in records.state.ledger.stored] == [0]


def test_a_proof_shows_an_outsider_that_the_entry_is_in_the_ledger(ledger: Ledger) -> None:
    rows = filled(ledger, 21)

    for index in range(21):
        proof = ledger.proof(rows, index)
        head = open_head(proof.head, SIGNER.public)
        verify_inclusion(leaf_hash(proof.entry), proof.index, head.size, proof.path, head.root)


def test_consistency_links_an_old_head_to_the_present_one(ledger: Ledger) -> None:
    rows = filled(ledger, 21)
    new = open_head(rows.stored[-1].head, SIGNER.public)

    for size in range(1, 22):
        old = open_head(rows.stored[size - 1].head, SIGNER.public)
        verify_consistency(old.size, new.size, ledger.consistency(rows, size), old.root, new.root)


def test_an_entry_is_found_by_its_index(ledger: Ledger) -> None:
    rows = filled(ledger, 19)

    contents = [ledger.entry(rows, index).facts.get("content") for index in range(19)]

    assert contents == [None, *(f"{number:064x}" for number in range(1, 19))]


@pytest.mark.parametrize("index", [0, 1, 7, 18])
def test_an_entry_that_was_changed_is_not_handed_out(ledger: Ledger, index: int) -> None:
    rows = filled(ledger, 19)
    rows.stored[index] = replace(rows.stored[index], entry=rows.stored[5].entry)

    with pytest.raises(LedgerBroken):
        ledger.entry(rows, index)


@pytest.mark.parametrize("index", [1, 7, 18])
def test_an_entry_cannot_be_passed_off_with_a_matching_frontier(ledger: Ledger, index: int) -> None:
    rows = filled(ledger, 19)
    other = rows.stored[5].entry
    before = Frontier(index, rows.stored[index - 1].frontier)
    rows.stored[index] = replace(
        rows.stored[index], entry=other, frontier=before.append(leaf_hash(other)).roots
    )

    with pytest.raises(LedgerBroken) as caught:
        ledger.entry(rows, index)

    assert caught.value.code == "ledger-head-wrong"


def test_an_entry_that_is_not_there_is_not_found(ledger: Ledger) -> None:
    rows = filled(ledger, 3)

    with pytest.raises(NotFound):
        ledger.proof(rows, 3)
    with pytest.raises(NotFound):
        ledger.entry(rows, 3)
    with pytest.raises(NotFound):
        ledger.consistency(rows, 0)
