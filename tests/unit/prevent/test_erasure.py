"""Erasure: nothing that is left opens what was erased; the law can forbid it, two people can be needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.dicom_files import image as dicom_image
from tests.fakes.dicom_files import part10, ramp
from tests.fakes.films import film
from tests.fakes.house import FakeHouse
from tests.fakes.objects import FakeObjects
from tests.fakes.records import FakeCatalogue, FakeRecords

from pleura.crypto.roots.root import recover
from pleura.domain.custody.erasure import kept_until
from pleura.domain.errors import BadInput, EnvironmentFault, LedgerBroken, NotFound, Refused, SealBroken
from pleura.domain.installation import Account
from pleura.domain.tracing import Verdict
from pleura.ledger.receipt import verify_receipt, write_receipt
from pleura.prevent.copies import CopyRequest
from pleura.prevent.custody.keys import Keys
from pleura.prevent.depots.depots import Depots
from pleura.prevent.depots.restore import open_newest
from pleura.prevent.patients import identity_of


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

    erased = house.erasure.erase(gone, actor="test", keep=house.keep)

    assert (erased.images, erased.copies, erased.root_epoch) == ((gone,), 1, 2)
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
    house.erasure.erase(facts.study, actor="test", keep=house.keep)
    assert facts.patient in house.records.state.catalogue.patients
    house.erasure.erase(facts.patient, actor="test", keep=house.keep)

    assert [image.id for image in house.vault.images()] == [other]
    assert list(house.records.state.catalogue.patients) == [house.vault.image(other).patient]


def test_no_path_opens_what_was_erased(house: FakeHouse, tmp_path: Path) -> None:
    """Rows and objects from before, and a backup from before, with every key that is left."""
    gone = receive(house, tmp_path, 0)
    nas = house.folder("nas")
    house.depots.sync("nas", actor="test")
    rows, objects, stored = house.records.state, dict(house.objects.stored), dict(nas.stored)

    erased = house.erasure.erase(gone, actor="test", keep=house.keep)

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

    assert house.erasure.erase(gone, actor="test", keep=house.keep).depots == {"nas": "bucket-unreachable"}


def test_the_receipt_verifies_without_the_house_and_a_changed_one_does_not(
    house: FakeHouse, tmp_path: Path
) -> None:
    gone = receive(house, tmp_path, 0)
    erased = house.erasure.erase(gone, actor="test", keep=house.keep)

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

    assert house.erasure.erase(gone, actor="test", keep=house.keep).images == (gone,)


@pytest.mark.parametrize(
    ("custody", "day"), [("outpatient", "20111125"), ("inpatient", "20111123"), ("inpatient", "")]
)
def test_a_hospital_cannot_erase_before_the_law_lets_it(
    house: FakeHouse, tmp_path: Path, custody: str, day: str
) -> None:
    gone = receive(house, tmp_path, 0, day=day)
    house.rules.set("custody", custody, actor="test")

    with pytest.raises(Refused, match="pleura restrict"):
        house.erasure.erase(gone, actor="test", keep=house.keep)
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


def people(house: FakeHouse) -> tuple[Account, Account]:
    for name in ("ann", "bob"):
        house.accounts.add_custodian(name, f"{name} has a long password", actor="cli:root")
    ann, bob = (house.accounts.sign_in(name, f"{name} has a long password") for name in ("ann", "bob"))
    return ann, bob


def test_two_people_are_needed_where_the_rule_says_so(house: FakeHouse, tmp_path: Path) -> None:
    gone = receive(house, tmp_path, 0)
    ann, bob = people(house)
    assert house.erasure.ask(gone, actor="cli:ann", account=ann) is None
    house.rules.set("erasure-approvals", "2", actor="test")

    with pytest.raises(NotFound, match="--as"):
        house.erasure.approved(gone, account=bob)
    request = house.erasure.ask(gone, actor="cli:ann", account=ann)
    assert request is not None
    assert house.erasure.ask(gone, actor="cli:ann", account=ann) == request
    with pytest.raises(Refused, match="two people"):
        house.erasure.approved(request.name, account=ann)
    assert house.erasure.approved(request.name, account=bob) == request

    house.erasure.erase(gone, actor="cli:bob", keep=house.keep, request=request.name)
    with pytest.raises(NotFound):
        house.erasure.approved(request.name, account=bob)


def test_a_user_of_the_machine_cannot_be_one_of_the_two(house: FakeHouse, tmp_path: Path) -> None:
    gone, other = receive(house, tmp_path, 0), receive(house, tmp_path, 2)
    ann, _ = people(house)
    house.rules.set("erasure-approvals", "2", actor="test")

    with pytest.raises(Refused, match="an account of their own"):
        house.erasure.ask(gone, actor="cli:root", account=None)
    request = house.erasure.ask(other, actor="cli:ann", account=ann)
    assert request is not None
    for name in ("", "era-unknown", request.name):
        with pytest.raises(Refused, match="two people"):
            house.erasure.erase(gone, actor="cli:root", keep=house.keep, request=name)
    assert house.vault.original(gone)


def test_one_person_alone_cannot_end_that_erasures_need_two(house: FakeHouse) -> None:
    ann, bob = people(house)
    house.rules.set("erasure-approvals", "2", actor="test")

    for alone in ([], [ann], [ann, ann]):
        with pytest.raises(Refused, match="two people"):
            house.rules.set("erasure-approvals", "1", actor="test", people=alone)
    assert house.rules.all()["erasure-approvals"] == "2"
    house.rules.set("erasure-approvals", "2", actor="test")
    house.rules.set("erasure-approvals", "1", actor="test", people=[ann, bob])

    assert house.rules.all()["erasure-approvals"] == "1"


@pytest.mark.parametrize(
    ("name", "value"), [("custody", "maybe"), ("unknown", "1"), ("erasure-approvals", "")]
)
def test_a_rule_that_does_not_exist_is_refused(house: FakeHouse, name: str, value: str) -> None:
    with pytest.raises(BadInput, match="pleura rule list"):
        house.rules.set(name, value, actor="test")


@pytest.mark.parametrize("subject", ["img-unknown", "stu-unknown", "pat-unknown", "", "../etc"])
def test_what_is_not_there_cannot_be_erased(house: FakeHouse, subject: str) -> None:
    with pytest.raises(NotFound):
        house.erasure.erase(subject, actor="test", keep=house.keep)
    assert house.kinds() == []


# A patient who keeps some of her images


def test_what_was_erased_of_a_patient_opens_with_nothing_of_today(house: FakeHouse, tmp_path: Path) -> None:
    """Yesterday's row and object of the image, today's keys of the patient, whose other images stay."""
    gone, stays = receive(house, tmp_path, 0), receive(house, tmp_path, 1)
    copy, facts = copy_of(house, stays), house.vault.facts(stays)
    row = house.records.state.catalogue.sealed_images[gone]
    objects = {name: whole for name, whole in house.objects.stored.items() if name.startswith(gone)}
    before = house.records.state.catalogue.patients[row.image.patient]

    house.erasure.erase(gone, actor="test", keep=house.keep)

    assert house.vault.original(stays)
    assert house.vault.features(stays)
    assert house.vault.facts(stays) == facts
    assert house.copies.record(stays, copy).recipient == "Dr Li"
    now = house.records.state.catalogue.patients[row.image.patient]
    assert identity_of(now, house.keyring).patient_id == "P1"
    house.records.state.catalogue.sealed_images[gone] = row
    house.objects.stored |= objects
    for attempt in (house.vault.original, house.vault.facts, house.vault.features):
        with pytest.raises(SealBroken):
            attempt(gone)
    house.records.state.catalogue.patients[row.image.patient] = before
    with pytest.raises(SealBroken):
        house.vault.original(gone)


def test_a_copy_is_traced_after_another_image_of_the_patient_was_erased(
    house: FakeHouse, tmp_path: Path
) -> None:
    gone = receive(house, tmp_path, 0)
    path = tmp_path / "film.dcm"
    made = dicom_image(film(7, 400, 320).astype("uint16"), 8)
    made.PatientID, made.SOPInstanceUID = "P1", "1.2.3.4.99"
    path.write_bytes(part10(made))
    stays = house.receive(path)
    request = CopyRequest(image=stays, recipient="Dr Li", purpose="second opinion", form="png")
    issued = house.copies.issue(request, actor="test")
    (tmp_path / "leak.png").write_bytes(issued.content)

    house.erasure.erase(gone, actor="test", keep=house.keep)

    trace = house.tracer.trace(tmp_path / "leak.png", actor="test")
    assert (trace.report.verdict, trace.report.record) == (Verdict.TRACED, issued.record)


# An erasure that is cut


class PowerCut(Exception):
    """The machine goes off."""


def cut(*_: object, **__: object) -> None:
    raise PowerCut


def erase_and_cut(house: FakeHouse, subject: str, cuts: Callable[[pytest.MonkeyPatch], None]) -> None:
    with pytest.MonkeyPatch.context() as power:
        cuts(power)
        with pytest.raises(PowerCut):
            house.erasure.erase(subject, actor="test", keep=house.keep)


CUTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "before its objects go": lambda power: power.setattr(FakeObjects, "delete", cut),
    "before the root is rotated": lambda power: power.setattr(Keys, "retire", cut),
    "in the middle of the rotation": lambda power: power.setattr(FakeRecords, "scrub", cut),
    "before the depots are reached": lambda power: power.setattr(Depots, "erase", cut),
    "before its note is removed": lambda power: power.setattr(FakeCatalogue, "end_erasure", cut),
}


@pytest.mark.parametrize("where", CUTS)
@pytest.mark.parametrize("again", ["erase", "repair", "rotate"])
def test_an_erasure_that_was_cut_is_shown_and_completed(
    house: FakeHouse, tmp_path: Path, where: str, again: str
) -> None:
    gone, stays = receive(house, tmp_path, 0), receive(house, tmp_path, 1)
    nas = house.folder("nas")
    house.depots.sync("nas", actor="test")
    before = dict(nas.stored)

    erase_and_cut(house, gone, CUTS[where])

    assert [check.fix for check in house.doctor.examine() if check.name == "erasures"] == [
        "pleura doctor --repair"
    ]
    with pytest.raises(NotFound):
        house.vault.original(gone)
    if again == "rotate":
        house.keys.rotate(actor="test", keep=house.keep)
    if again == "erase":
        receipt = house.erasure.erase(gone, actor="test", keep=house.keep).receipt
        assert (
            verify_receipt(write_receipt(receipt, house.keyring.signer.public)).entry.facts["subject"] == gone
        )
    else:
        house.erasure.resume(actor="test", keep=house.keep)
    assert next(check for check in house.doctor.examine() if check.name == "erasures").ok
    assert house.vault.original(stays)
    assert all(not name.startswith(gone) for name in house.objects.stored)
    assert len([name for name in nas.stored if name.startswith("objects/")]) == 2
    assert house.keyring.root.epochs == recover(house.root_file.document, house.codes[-1]).epochs
    assert min(house.keyring.root.epochs) > 1
    # The backup from before opens with today's sheet no more.
    nas.stored = before
    with pytest.raises(EnvironmentFault, match="sheet"):
        open_newest(nas, house.codes[-1])


def test_what_is_complete_is_not_rotated_again(house: FakeHouse, tmp_path: Path) -> None:
    gone = receive(house, tmp_path, 0)
    erase_and_cut(house, gone, CUTS["before the depots are reached"])

    erased = house.erasure.erase(gone, actor="test", keep=house.keep)

    assert (erased.root_epoch, erased.recovery_code, len(house.codes)) == (2, b"", 1)
    assert house.erasure.resume(actor="test", keep=house.keep) == []


def test_nothing_is_erased_while_a_rotation_is_cut_halfway(house: FakeHouse, tmp_path: Path) -> None:
    """Its newer epoch wraps keys already and would outlive the erasure."""
    gone = receive(house, tmp_path, 0)
    with pytest.MonkeyPatch.context() as power:
        power.setattr(FakeRecords, "scrub", cut)
        with pytest.raises(PowerCut):
            house.keys.rotate(actor="test", keep=house.keep)

    with pytest.raises(Refused, match="pleura key rotate"):
        house.erasure.erase(gone, actor="test", keep=house.keep)
    assert house.vault.original(gone)
    house.keys.rotate(actor="test", keep=house.keep)

    assert house.erasure.erase(gone, actor="test", keep=house.keep).root_epoch == 3


# Depots that are not there


def boxes_in(depot: FakeObjects) -> int:
    return sum(name.startswith("objects/") for name in depot.stored)


@pytest.mark.parametrize("gone_how", ["unreachable", "not mounted"])
@pytest.mark.parametrize("again", ["sync", "repair", "another erasure"])
def test_what_lies_in_a_depot_that_is_away_is_deleted_when_it_is_back(
    house: FakeHouse, tmp_path: Path, gone_how: str, again: str
) -> None:
    gone, other, _ = (receive(house, tmp_path, number) for number in (0, 2, 4))
    nas = house.folder("nas")
    house.depots.sync("nas", actor="test")
    (place,) = house.places
    drawer = house.places.pop(place)
    if gone_how == "not mounted":
        house.places[place] = FakeObjects()

    erased = house.erasure.erase(gone, actor="test", keep=house.keep)

    code = {"unreachable": "bucket-unreachable", "not mounted": "depot-emptied"}[gone_how]
    assert erased.depots == {"nas": code}
    assert boxes_in(nas) == 6
    (check,) = [check for check in house.doctor.examine() if check.name == "erasures"]
    assert (check.ok, check.facts) == (False, {"count": 2, "some": "nas"})
    house.places[place] = drawer
    if again == "sync":
        house.depots.sync("nas", actor="test")
    elif again == "repair":
        assert house.depots.erase(actor="test") == {"nas": "erased"}
    else:
        assert house.erasure.erase(other, actor="test", keep=house.keep).depots == {"nas": "erased"}
    assert boxes_in(nas) == (2 if again == "another erasure" else 4)
    assert next(check for check in house.doctor.examine() if check.name == "erasures").ok


def test_a_first_backup_that_was_cut_and_put_away_is_not_taken_for_an_empty_place(
    house: FakeHouse, tmp_path: Path
) -> None:
    gone = receive(house, tmp_path, 0)
    nas = house.folder("nas")
    with pytest.MonkeyPatch.context() as power:
        power.setattr(FakeRecords, "dump", cut)
        with pytest.raises(PowerCut):
            house.depots.sync("nas", actor="test")
    (place,) = house.places
    house.places[place] = FakeObjects()

    assert house.erasure.erase(gone, actor="test", keep=house.keep).depots == {"nas": "depot-unmarked"}
    house.places[place] = nas

    assert house.depots.erase(actor="test") == {"nas": "erased"}
    assert boxes_in(nas) == 0


def test_a_request_is_listed_and_withdrawn_and_cannot_be_approved_then(
    house: FakeHouse, tmp_path: Path
) -> None:
    kept = receive(house, tmp_path, 0)
    ann, bob = people(house)
    house.rules.set("erasure-approvals", "2", actor="test")
    request = house.erasure.ask(kept, actor="cli:ann", account=ann)
    assert request is not None
    assert house.erasure.requests() == [request]

    assert house.erasure.withdraw(kept, actor="cli:ann") == request

    assert house.erasure.requests() == []
    assert (house.kinds()[-1], house.facts()[-1]) == (
        "erase-withdrawn",
        {"subject": kept, "request": request.name},
    )
    with pytest.raises(NotFound):
        house.erasure.approved(kept, account=bob)
    with pytest.raises(NotFound):
        house.erasure.withdraw(kept, actor="cli:ann")
