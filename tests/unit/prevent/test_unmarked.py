"""A copy leaves without a mark only where the rule allows it, and never without its record."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from tests.fakes.dicom_files import image, part10, ramp
from tests.fakes.films import written
from tests.fakes.house import FakeHouse
from tests.fakes.records import FakeLedgerRows

from pleura.domain.copies import NO_MARK, CopyForm, CopyRecord
from pleura.domain.errors import BadInput, EnvironmentFault, LedgerBroken, Refused
from pleura.domain.tracing import Verdict
from pleura.prevent.copies import CopyRequest, IssuedCopy

REASON = "first reading at level 2"


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


@pytest.fixture
def stored(house: FakeHouse, tmp_path: Path) -> str:
    """The name of one film in the vault."""
    return house.receive(written(tmp_path, 1))


def request(image: str, form: CopyForm = "dicom", reason: str | None = REASON) -> CopyRequest:
    return CopyRequest(image=image, recipient="Ward 3", purpose="diagnosis", form=form, no_mark_reason=reason)


def allow(house: FakeHouse) -> None:
    house.rules.set("unmarked-copies", "primary-diagnosis", actor="test")


def unmarked(house: FakeHouse, image: str) -> IssuedCopy:
    allow(house)
    return house.copies.issue(request(image), actor="test")


def test_every_copy_is_marked_unless_somebody_set_the_rule(house: FakeHouse) -> None:
    assert house.rules.all()["unmarked-copies"] == "never"


def test_without_the_rule_nothing_leaves_unmarked_and_the_refusal_is_recorded(
    house: FakeHouse, stored: str
) -> None:
    with pytest.raises(Refused, match="rule unmarked-copies") as caught:
        house.copies.issue(request(stored), actor="test")

    assert caught.value.exit_code == 3
    assert house.kinds() == ["import", "copy-refused"]
    assert house.facts()[-1] == {"image": stored, "reason": "unmarked-not-allowed"}
    assert house.copies.records_of(stored) == []


def test_with_the_rule_it_leaves_with_the_stored_values_of_the_original(
    house: FakeHouse, tmp_path: Path
) -> None:
    pixels, path = ramp(), tmp_path / "film.dcm"
    path.write_bytes(part10(image(pixels, 12)))

    issued = unmarked(house, house.receive(path))

    dataset = pydicom.dcmread(BytesIO(issued.content))
    assert (dataset.pixel_array == pixels).all()
    assert "without a mark" in dataset.DerivationDescription
    assert dataset.SOPInstanceUID != "1.2.3.4"


def test_record_and_ledger_say_that_it_is_unmarked_why_and_for_whom(house: FakeHouse, stored: str) -> None:
    issued = unmarked(house, stored)

    record = house.copies.record(stored, issued.record.copy)
    assert (record.recipient, record.no_mark_reason) == ("Ward 3", REASON)
    assert (record.mark_version, record.is_marked) == (NO_MARK, False)
    assert house.kinds() == ["import", "policy", "copy"]
    facts = house.facts()[-1]
    assert (facts["mark_version"], facts["unmarked"]) == (0, "primary-diagnosis")


@pytest.mark.parametrize("form", ["png", "jpeg"])
def test_what_is_not_for_diagnosis_does_not_leave_unmarked(
    house: FakeHouse, stored: str, form: CopyForm
) -> None:
    allow(house)

    with pytest.raises(Refused, match=f"{form} is not"):
        house.copies.issue(request(stored, form), actor="test")

    assert house.facts()[-1]["reason"] == "unmarked-form"
    assert house.copies.records_of(stored) == []


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_no_reason_is_not_a_reason(house: FakeHouse, stored: str, reason: str) -> None:
    allow(house)

    with pytest.raises(BadInput, match="reason"):
        house.copies.issue(request(stored, reason=reason), actor="test")

    assert house.copies.records_of(stored) == []


def test_an_unmarked_copy_does_not_leave_when_the_ledger_cannot_be_written(
    house: FakeHouse, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(house)
    made: list[object] = []
    monkeypatch.setattr(house.worker, "derive", lambda *given: made.append(given))

    def full(*_: object) -> None:
        raise EnvironmentFault("disk-full", "the disk is full", "free some space")

    monkeypatch.setattr(FakeLedgerRows, "add", full)

    with pytest.raises(EnvironmentFault, match="full"):
        house.copies.issue(request(stored), actor="test")

    assert made == []
    assert house.copies.records_of(stored) == []


def test_no_unmarked_copy_leaves_once_the_rule_is_withdrawn(
    house: FakeHouse, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(house)
    decode = house.worker.stored

    def meanwhile(original: bytes) -> object:
        house.rules.set("unmarked-copies", "never", actor="test")
        return decode(original)

    monkeypatch.setattr(house.worker, "stored", meanwhile)

    with pytest.raises(Refused, match="without a mark"):
        house.copies.issue(request(stored), actor="test")

    assert house.copies.records_of(stored) == []
    assert house.kinds()[-1] == "copy-refused"


def test_a_marked_copy_needs_no_rule_and_gives_no_reason(house: FakeHouse, stored: str) -> None:
    issued = house.copies.issue(request(stored, reason=None), actor="test")

    assert issued.record.is_marked
    assert "unmarked" not in house.facts()[-1]


@pytest.mark.parametrize(("version", "reason"), [(NO_MARK, None), (2, REASON)])
def test_a_record_cannot_be_built_that_hides_or_invents_a_mark(
    house: FakeHouse, stored: str, version: int, reason: str | None
) -> None:
    record: CopyRecord = house.copies.issue(request(stored, reason=None), actor="test").record

    with pytest.raises(ValueError, match="without a mark"):
        replace(record, mark_version=version, no_mark_reason=reason)


# What a trace says of it


def suspect(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "found.dcm"
    path.write_bytes(content)
    return path


def test_a_trace_never_names_an_unmarked_copy_and_says_how_many_left(
    house: FakeHouse, stored: str, tmp_path: Path
) -> None:
    first, second = unmarked(house, stored), unmarked(house, stored)
    house.copies.issue(request(stored, reason=None), actor="test")

    report = house.tracer.trace(suspect(tmp_path, second.content), actor="test").report

    assert (report.verdict, report.record) == (Verdict.MATCHED, None)
    assert (report.comparisons, report.unmarked) == (1, 2)
    assert {first.record.copy, second.record.copy}.isdisjoint(house.copies.marks(stored))


def test_a_marked_copy_is_named_beside_unmarked_ones(house: FakeHouse, stored: str, tmp_path: Path) -> None:
    unmarked(house, stored)
    leaked = house.copies.issue(request(stored, reason=None), actor="test")

    report = house.tracer.trace(suspect(tmp_path, leaked.content), actor="test").report

    assert (report.record, report.unmarked) == (leaked.record, 1)


def test_a_row_that_hides_a_marked_copy_as_unmarked_ends_the_trace(
    house: FakeHouse, stored: str, tmp_path: Path
) -> None:
    leaked = house.copies.issue(request(stored, reason=None), actor="test")
    copies = house.records.state.catalogue.copies
    copies[leaked.record.copy] = replace(copies[leaked.record.copy], mark_version=NO_MARK)

    with pytest.raises(LedgerBroken, match="not the one that the ledger holds"):
        house.tracer.trace(suspect(tmp_path, leaked.content), actor="test")


@pytest.mark.parametrize("version", [NO_MARK, 1, 3])
def test_the_doctor_notices_a_row_that_says_another_mark_than_the_ledger(
    house: FakeHouse, stored: str, version: int
) -> None:
    issued = house.copies.issue(request(stored, reason=None), actor="test")
    copies = house.records.state.catalogue.copies
    copies[issued.record.copy] = replace(copies[issued.record.copy], mark_version=version)

    found = house.doctor.inventory.findings()

    assert [(each.subject, each.difference) for each in found] == [(stored, "changed")]


def test_an_unmarked_copy_troubles_no_doctor(house: FakeHouse, stored: str) -> None:
    unmarked(house, stored)

    assert house.doctor.inventory.findings() == []
