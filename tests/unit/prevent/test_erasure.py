"""Erasure: nothing that is left opens what was erased; the law can forbid it, two people can be needed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.dicom_files import image as dicom_image
from tests.fakes.dicom_files import part10, ramp
from tests.fakes.house import FakeHouse
from tests.fakes.objects import FakeObjects

from pleura.domain.custody.erasure import kept_until
from pleura.domain.errors import BadInput, EnvironmentFault, LedgerBroken, NotFound, Refused
from pleura.ledger.receipt import verify_receipt, write_receipt
from pleura.prevent.copies import CopyRequest


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


def receive(
    house: FakeHouse, folder: Path, number: int, *, patient: str = "P1", day: str = "20200131"
) -> str:
    made = dicom_image(ramp(40, 40 + number))
    made.PatientID = patient
    made.StudyInstanceUID = f"1.2.3.{number // 2}"
    made.SOPInstanceUID = f"1.2.3.4.{number}"
    made.AcquisitionDate = day
    made.StudyDate = day
    path = folder / f"{number}.dcm"
    path.write_bytes(part10(made))
    return house.receive(path)


def copy_of(house: FakeHouse, image: str) -> str:
    request = CopyRequest(image=image, recipient="Dr Li", purpose="second opinion", form="png")
    return house.copies.issue(request, actor="test").record.copy


def test_an_erased_image_goes_with_its_copies_and_the_others_stay(house: FakeHouse, tmp_path: Path) -> None:
    gone, stays = receive(house, tmp_path, 0), receive(house, tmp_path, 1)
    copy_of(house, gone)

    erased = house.erasure.erase(gone, actor="test")

    assert (erased.images, erased.copies, erased.root_epoch) == ([gone], 1, 2)
    with pytest.raises(NotFound):
        house.vault.original(gone)
    assert house.vault.original(stays)
    assert all(not name.startswith(gone) for name in house.objects.stored)
    assert house.records.state.catalogue.copies == {}
    assert house.kinds()[-2:] == ["erase", "rotate"]


def test_a_study_and_a_patient_go_whole(house: FakeHouse, tmp_path: Path) -> None:
    first, second, third = (receive(house, tmp_path, number) for number in (0, 1, 2))
    other = receive(house, tmp_path, 4, patient="P2")
    facts = house.vault.image(first)

    assert set(house.erasure.plan(facts.study)) == {first, second}
    assert set(house.erasure.plan(facts.patient)) == {first, second, third}
    house.erasure.erase(facts.study, actor="test")
    assert facts.patient in house.records.state.catalogue.patients
    house.erasure.erase(facts.patient, actor="test")

    assert [image.id for image in house.vault.images()] == [other]
    assert list(house.records.state.catalogue.patients) == [house.vault.image(other).patient]


def test_no_path_opens_what_was_erased(house: FakeHouse, tmp_path: Path) -> None:
    """Rows and objects from before, and a backup from before, with every key that is left."""
    gone = receive(house, tmp_path, 0)
    nas = house.folder("nas")
    house.depots.sync("nas", actor="test")
    rows, objects, stored = house.records.state, dict(house.objects.stored), dict(nas.stored)

    erased = house.erasure.erase(gone, actor="test")

    assert erased.depots == {"nas": "erased"}
    assert not [name for name in nas.stored if name.startswith("objects/")]
    root = house.keyring.root
    wrapped = [patient.wrapped_kek for patient in rows.catalogue.patients.values()]
    wrapped += [key.wrapped for key in rows.catalogue.keys.values()]
    for each in wrapped:
        for epoch in (1, 2):
            with pytest.raises(Exception, match="does not open"):
                root.unwrap(each, epoch)
    # The thief puts the old rows and objects back into the living installation.
    house.records.state, house.objects.stored = rows, objects
    with pytest.raises(Exception, match="does not open"):
        house.vault.original(gone)
    nas.stored = stored
    with pytest.raises(Exception, match="does not open"):
        house.depots.test("nas", actor="test")


def test_a_depot_that_cannot_be_reached_is_named_in_the_answer(house: FakeHouse, tmp_path: Path) -> None:
    gone = receive(house, tmp_path, 0)
    house.folder("nas")
    house.depots.sync("nas", actor="test")
    house.places.clear()

    assert house.erasure.erase(gone, actor="test").depots == {"nas": "bucket-unreachable"}


def test_the_receipt_verifies_without_the_house_and_a_changed_one_does_not(
    house: FakeHouse, tmp_path: Path
) -> None:
    gone = receive(house, tmp_path, 0)
    erased = house.erasure.erase(gone, actor="test")

    receipt = write_receipt(erased.receipt, house.keyring.signer.public)
    proven = verify_receipt(receipt)

    assert (proven.entry.kind, proven.entry.facts["subject"], proven.entry.facts["images"]) == (
        "erase",
        gone,
        1,
    )
    assert proven.public_key == house.keyring.signer.public
    refused = 0
    for place in range(len(receipt)):
        changed = bytearray(receipt)
        changed[place] ^= 1
        try:
            found = verify_receipt(bytes(changed))
        except (BadInput, LedgerBroken):
            refused += 1
        else:
            # White space between the lines of the JSON carries nothing.
            assert found == proven
    assert refused > len(receipt) * 0.9


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff" * 99, b"x" * (2 << 20)])
def test_what_is_no_receipt_is_refused(content: bytes) -> None:
    with pytest.raises(BadInput, match="not a receipt"):
        verify_receipt(content)


@pytest.mark.parametrize(
    ("custody", "last_visit", "until"),
    [
        ("personal", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        ("outpatient", datetime(2011, 11, 24, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)),
        ("inpatient", datetime(1996, 2, 29, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_record_is_kept_as_long_as_the_law_says(
    custody: str, last_visit: datetime, until: datetime
) -> None:
    assert kept_until(custody, last_visit) == until


@pytest.mark.parametrize(
    ("custody", "day"), [("personal", "20261101"), ("outpatient", "20111123"), ("inpatient", "19961123")]
)
def test_what_the_law_keeps_no_longer_can_be_erased(
    house: FakeHouse, tmp_path: Path, custody: str, day: str
) -> None:
    gone = receive(house, tmp_path, 0, day=day)
    house.rules.set("custody", custody, actor="test")

    assert house.erasure.erase(gone, actor="test").images == [gone]


@pytest.mark.parametrize(
    ("custody", "day"), [("outpatient", "20111125"), ("inpatient", "20111123"), ("inpatient", "")]
)
def test_a_hospital_cannot_erase_before_the_law_lets_it(
    house: FakeHouse, tmp_path: Path, custody: str, day: str
) -> None:
    gone = receive(house, tmp_path, 0, day=day)
    house.rules.set("custody", custody, actor="test")

    with pytest.raises(Refused, match="pleura restrict"):
        house.erasure.erase(gone, actor="test")
    assert house.vault.original(gone)
    assert house.kinds()[-1] == "erase-refused"


def test_the_last_visit_of_a_patient_counts_for_all_her_images(house: FakeHouse, tmp_path: Path) -> None:
    old = receive(house, tmp_path, 0, day="20050101")
    receive(house, tmp_path, 1, day="20200101")
    house.rules.set("custody", "outpatient", actor="test")

    with pytest.raises(Refused, match="2035-01-01"):
        house.erasure.plan(old)


def test_a_restricted_image_is_kept_and_not_copied_until_the_restriction_ends(
    house: FakeHouse, tmp_path: Path
) -> None:
    kept = receive(house, tmp_path, 0)
    patient = house.vault.image(kept).patient

    house.rules.restrict(patient, actor="test")
    with pytest.raises(Refused, match="restricted"):
        copy_of(house, kept)
    house.rules.lift(patient, actor="test")

    assert copy_of(house, kept)
    for nothing in (patient, "Dr Li", ""):
        with pytest.raises(NotFound):
            house.rules.lift(nothing, actor="test")
    assert house.kinds().count("restrict") == house.kinds().count("lift") == 1


def test_two_people_are_needed_where_the_rule_says_so(house: FakeHouse, tmp_path: Path) -> None:
    gone = receive(house, tmp_path, 0)
    assert house.erasure.ask(gone, actor="cli:ann") is None
    house.rules.set("erasure-approvals", "2", actor="test")

    request = house.erasure.ask(gone, actor="cli:ann")
    assert request is not None
    assert house.erasure.ask(gone, actor="cli:ann") == request
    with pytest.raises(Refused, match="two people"):
        house.erasure.approved(request.name, actor="cli:ann")
    with pytest.raises(NotFound):
        house.erasure.approved("era-unknown", actor="cli:bob")
    assert house.erasure.approved(request.name, actor="cli:bob") == request

    house.erasure.erase(gone, actor="cli:bob", request=request.name)
    with pytest.raises(NotFound):
        house.erasure.approved(request.name, actor="cli:bob")


@pytest.mark.parametrize(
    ("name", "value"), [("custody", "maybe"), ("unknown", "1"), ("erasure-approvals", "")]
)
def test_a_rule_that_does_not_exist_is_refused(house: FakeHouse, name: str, value: str) -> None:
    with pytest.raises(BadInput, match="pleura rule list"):
        house.rules.set(name, value, actor="test")


@pytest.mark.parametrize("subject", ["img-unknown", "stu-unknown", "pat-unknown", "", "../etc"])
def test_what_is_not_there_cannot_be_erased(house: FakeHouse, subject: str) -> None:
    with pytest.raises(NotFound):
        house.erasure.erase(subject, actor="test")
    assert house.kinds() == []


def test_an_erasure_that_was_cut_before_its_objects_went_is_completed_by_the_doctor(
    house: FakeHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, stays = receive(house, tmp_path, 0), receive(house, tmp_path, 1)

    def cut(_: str) -> None:
        raise EnvironmentFault("cut", "the power went", "start again")

    with monkeypatch.context() as power:
        power.setattr(FakeObjects, "delete", lambda self, name: cut(name))
        with pytest.raises(EnvironmentFault):
            house.erasure.erase(gone, actor="test")

    assert [check.name for check in house.doctor.examine() if not check.ok] == ["orphans", "backup"]
    assert house.doctor.repair(actor="test") == (2, 0)
    assert house.vault.original(stays)
    assert all(not name.startswith(gone) for name in house.objects.stored)
