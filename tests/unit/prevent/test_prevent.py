"""Arrivals, copies and accounts over fakes: what is answered is recorded, and what fails leaves nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pytest
from PIL import Image as Picture
from tests.fakes.dicom_files import image, part10, ramp
from tests.fakes.films import film
from tests.fakes.house import FakeHouse
from tests.fakes.records import FakeLedgerRows

from pleura.crypto.passwords import hash_password
from pleura.domain.copies import CopyForm
from pleura.domain.errors import BadInput, EnvironmentFault, LedgerBroken, NotFound, Refused, SealBroken
from pleura.domain.images import UNDESCRIBED, Description, Device, Identity
from pleura.domain.installation import Account
from pleura.domain.ports import LedgerRow
from pleura.domain.rasters import Received
from pleura.imaging.rasters import to_array
from pleura.prevent.copies import CopyRequest
from pleura.prevent.patients import identity_of

IDENTITY = Identity(
    patient_name="Secretive^Patience",
    patient_id="PID-SECRET-77",
    issuer="ward-nine",
    birth_date="19610203",
    accession_number="ACC-SECRET-5",
)
ABOUT = Description(identity=IDENTITY, device=Device(serial_number="SN-31"))


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[int], Path]:
    def write(seed: int) -> Path:
        path = tmp_path / f"film-{seed}.png"
        Picture.fromarray(film(seed, 320, 260)).save(path)
        return path

    return write


def request(image: str, *, recipient: str = "Dr Li", form: CopyForm = "png") -> CopyRequest:
    return CopyRequest(image=image, recipient=recipient, purpose="second opinion", form=form)


def everything_stored(house: FakeHouse) -> bytes:
    """All bytes that the fakes hold."""
    objects = b"".join(house.objects.stored.values())
    return objects + repr(house.records.state).encode()


def test_a_film_is_stored_and_recorded(house: FakeHouse, write: Callable[[int], Path]) -> None:
    arrival = house.arrivals.receive(write(1), actor="test")

    assert arrival.status == "stored"
    assert house.kinds() == ["import"]
    assert [found.id for found in house.vault.images()] == [arrival.image]


def test_the_same_bytes_are_a_duplicate_and_change_nothing(
    house: FakeHouse, write: Callable[[int], Path]
) -> None:
    first = house.receive(write(1))
    before = len(house.objects.stored)

    again = house.arrivals.receive(write(1), actor="test")

    assert (again.status, again.image) == ("duplicate", first)
    assert len(house.objects.stored) == before


@pytest.mark.parametrize("harm", ["lost", "damaged"])
def test_a_film_whose_stored_image_does_not_open_is_no_duplicate(
    house: FakeHouse, write: Callable[[int], Path], harm: str
) -> None:
    """Whoever hears "duplicate" may delete what is the only good copy."""
    first = house.receive(write(1))
    sealed = house.objects.stored.pop(f"{first}/original")
    if harm == "damaged":
        house.objects.stored[f"{first}/original"] = sealed[:-1]

    again = house.arrivals.receive(write(1), actor="test")

    assert again.refusal is not None
    assert (again.status, again.refusal.code) == ("refused", "stored-image-damaged")
    assert again.refusal.facts == {"image": first}
    assert "keep this file" in again.refusal.next_step
    assert house.kinds() == ["import", "refusal"]


def test_a_film_whose_sketch_alone_is_lost_is_a_duplicate(
    house: FakeHouse, write: Callable[[int], Path]
) -> None:
    first = house.receive(write(1))
    del house.objects.stored[next(name for name in house.objects.stored if name.startswith(f"{first}/skt-"))]

    assert house.arrivals.receive(write(1), actor="test").status == "duplicate"


def test_a_refused_file_is_recorded_and_nothing_of_it_is_kept(house: FakeHouse, tmp_path: Path) -> None:
    path = tmp_path / "letter.dcm"
    path.write_text("Dear colleague,")

    arrival = house.arrivals.receive(path, actor="test")

    assert arrival.status == "refused"
    assert arrival.refusal is not None
    assert arrival.refusal.code == "not-an-image"
    assert house.kinds() == ["refusal"]
    assert house.objects.stored == {}


def test_the_same_instance_with_other_pixels_is_refused(house: FakeHouse, tmp_path: Path) -> None:
    first, second = tmp_path / "a.dcm", tmp_path / "b.dcm"
    dataset = image(ramp(), 12)
    first.write_bytes(part10(dataset))
    dataset.PixelData = bytes(len(dataset.PixelData))
    second.write_bytes(part10(dataset))
    stored = house.receive(first)

    arrival = house.arrivals.receive(second, actor="test")

    assert arrival.refusal is not None
    assert arrival.refusal.code == "instance-conflict"
    assert [found.id for found in house.vault.images()] == [stored]


def test_the_original_comes_back_to_the_byte(house: FakeHouse, tmp_path: Path) -> None:
    path = tmp_path / "film.dcm"
    path.write_bytes(part10(image(ramp(), 12), preamble=b"MZ" + bytes(126)))

    stored = house.receive(path)

    assert house.vault.original(stored) == path.read_bytes()


def test_nothing_that_names_the_patient_is_stored_in_clear(
    house: FakeHouse, write: Callable[[int], Path]
) -> None:
    arrival = house.arrivals.receive(write(1), actor="test", about=ABOUT)
    assert arrival.image is not None
    house.copies.issue(request(arrival.image, recipient="Dr Whispering"), actor="test")

    stored = everything_stored(house)

    for secret in (
        "Secretive",
        "PID-SECRET-77",
        "19610203",
        "ACC-SECRET-5",
        "ward-nine",
        "Dr Whispering",
        "second opinion",
    ):
        assert secret.encode() not in stored, secret
    patient_id = house.vault.image(arrival.image).patient
    with house.records.begin() as unit:
        patient = unit.catalogue.patient(patient_id)
    assert identity_of(patient, house.keyring) == IDENTITY


def test_two_films_of_one_patient_share_her_key_and_strangers_do_not(
    house: FakeHouse, write: Callable[[int], Path]
) -> None:
    def patient(seed: int, about: Description) -> str:
        arrival = house.arrivals.receive(write(seed), actor="test", about=about)
        assert arrival.image is not None
        return house.vault.image(arrival.image).patient

    unnamed = Description()

    assert patient(1, ABOUT) == patient(2, ABOUT)
    assert len({patient(3, unnamed), patient(4, unnamed), patient(1, ABOUT)}) == 3


def test_a_copy_carries_who_what_when_and_from_which_device(
    house: FakeHouse, write: Callable[[int], Path]
) -> None:
    arrival = house.arrivals.receive(write(1), actor="test", about=ABOUT)
    assert arrival.image is not None

    record = house.copies.issue(request(arrival.image), actor="test").record

    assert (record.recipient, record.patient_id, record.device_serial) == ("Dr Li", "PID-SECRET-77", "SN-31")
    assert record.issued_at == house.clock.now()
    assert house.copies.records_of(arrival.image) == [record]
    assert house.kinds() == ["import", "copy"]


@pytest.mark.parametrize("form", ["png", "jpeg"])
def test_a_rendition_looks_like_the_film_and_is_not_it(
    house: FakeHouse, write: Callable[[int], Path], form: CopyForm
) -> None:
    path = write(1)
    stored = house.receive(path)

    content = house.copies.issue(request(stored, form=form), actor="test").content

    with Picture.open(io.BytesIO(content)) as copy, Picture.open(path) as original:
        assert copy.size == original.size
        assert copy.tobytes() != original.tobytes()


def test_a_dicom_copy_is_another_instance_with_marked_values(house: FakeHouse, tmp_path: Path) -> None:
    path = tmp_path / "film.dcm"
    path.write_bytes(part10(image(ramp(200, 300), 12)))
    stored = house.receive(path)

    content = house.copies.issue(request(stored, form="dicom"), actor="test").content

    before, after = house.worker.stored(path.read_bytes()), house.worker.stored(content)
    change = to_array(after.raster).astype(int) - to_array(before.raster)
    assert 0 < abs(change).max() <= 16
    assert after.bits_stored == 12


def test_two_copies_differ(house: FakeHouse, write: Callable[[int], Path]) -> None:
    stored = house.receive(write(1))

    copies = {house.copies.issue(request(stored), actor="test").content for _ in range(3)}

    assert len(copies) == 3


class FullLedger(FakeLedgerRows):
    """Rows on a disk that is full."""

    def add(self, row: LedgerRow) -> None:
        raise EnvironmentFault("disk-full", "the disk is full", "free some space")


def test_a_file_that_changes_after_its_check_is_refused(house: FakeHouse, tmp_path: Path) -> None:
    """What is sealed is what was decoded: a modality may be writing the file still."""
    path = tmp_path / "a.dcm"
    path.write_bytes(part10(image(ramp(), 12)))
    check = house.worker.receive

    def changed_after_check(source: BinaryIO, about: Description = UNDESCRIBED) -> Received:
        received = check(source, about)
        path.write_bytes(path.read_bytes()[:-1] + b"!")
        return received

    house.worker.receive = changed_after_check  # type: ignore[method-assign]
    arrival = house.arrivals.receive(path, actor="test")

    assert arrival.refusal is not None
    assert arrival.refusal.code == "file-changed"
    assert (house.vault.images(), house.objects.stored, house.kinds()) == ([], {}, ["refusal"])


def test_a_picture_that_changes_after_its_check_is_refused(
    house: FakeHouse, write: Callable[[int], Path]
) -> None:
    path, check = write(1), house.worker.receive

    def changed_after_check(source: BinaryIO, about: Description = UNDESCRIBED) -> Received:
        received = check(source, about)
        path.write_bytes(write(2).read_bytes())
        return received

    house.worker.receive = changed_after_check  # type: ignore[method-assign]
    arrival = house.arrivals.receive(path, actor="test")

    assert arrival.refusal is not None
    assert arrival.refusal.code == "file-changed"
    assert house.objects.stored == {}


def test_two_imports_of_one_instance_with_other_pixels_at_once_store_one(
    house: FakeHouse, tmp_path: Path
) -> None:
    """Both pass every check before either is recorded; the transaction decides."""
    first, second = tmp_path / "a.dcm", tmp_path / "b.dcm"
    dataset = image(ramp(), 12)
    first.write_bytes(part10(dataset))
    dataset.PixelData = bytes(len(dataset.PixelData))
    second.write_bytes(part10(dataset))
    check = house.worker.receive

    def overtaken(source: BinaryIO, about: Description = UNDESCRIBED) -> Received:
        house.worker.receive = check  # type: ignore[method-assign]
        received = check(source, about)
        house.receive(second)
        return received

    house.worker.receive = overtaken  # type: ignore[method-assign]
    arrival = house.arrivals.receive(first, actor="test")

    assert arrival.refusal is not None
    assert arrival.refusal.code == "instance-conflict"
    assert len(house.vault.images()) == 1
    assert len([name for name in house.objects.stored if name.endswith("/original")]) == 1


def test_no_byte_leaves_when_the_ledger_cannot_be_written(
    house: FakeHouse, write: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = house.receive(write(1))
    embedded: list[object] = []
    monkeypatch.setattr("pleura.prevent.copies.embed", lambda *given: embedded.append(given))
    monkeypatch.setattr(FakeLedgerRows, "add", FullLedger.add)

    with pytest.raises(EnvironmentFault, match="full"):
        house.copies.issue(request(stored), actor="test")

    assert embedded == []
    assert house.copies.marks(stored) == {}


def test_an_import_that_cannot_be_recorded_is_not_listed(
    house: FakeHouse, write: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(1)
    with monkeypatch.context() as full:
        full.setattr(FakeLedgerRows, "add", FullLedger.add)
        with pytest.raises(EnvironmentFault):
            house.arrivals.receive(path, actor="test")
        assert house.vault.images() == []

    assert house.arrivals.receive(path, actor="test").status == "stored"


def test_a_changed_copy_record_is_noticed(house: FakeHouse, write: Callable[[int], Path]) -> None:
    stored = house.receive(write(1))
    first = house.copies.issue(request(stored, recipient="Dr Li"), actor="test").record
    second = house.copies.issue(request(stored, recipient="Dr Wu"), actor="test").record
    copies = house.records.state.catalogue.copies
    copies[first.copy] = replace(copies[first.copy], ledger_index=copies[second.copy].ledger_index)

    with pytest.raises(LedgerBroken, match="not the one that the ledger holds"):
        house.copies.record(stored, first.copy)


def test_a_record_moved_to_another_copy_does_not_open(house: FakeHouse, write: Callable[[int], Path]) -> None:
    stored = house.receive(write(1))
    first = house.copies.issue(request(stored), actor="test").record
    second = house.copies.issue(request(stored), actor="test").record
    copies = house.records.state.catalogue.copies
    copies[first.copy] = replace(copies[first.copy], sealed_record=copies[second.copy].sealed_record)

    with pytest.raises(SealBroken):
        house.copies.record(stored, first.copy)


def test_swapped_objects_do_not_open(house: FakeHouse, write: Callable[[int], Path]) -> None:
    first, second = house.receive(write(1)), house.receive(write(2))
    stored = house.objects.stored
    names = f"{first}/original", f"{second}/original"
    stored[names[0]], stored[names[1]] = stored[names[1]], stored[names[0]]

    with pytest.raises(SealBroken):
        house.vault.original(first)


def test_a_copy_of_nothing_is_not_found_and_not_recorded(house: FakeHouse) -> None:
    with pytest.raises(NotFound, match="img-000000000000"):
        house.copies.issue(request("img-000000000000"), actor="test")

    assert house.kinds() == []


def test_a_copy_for_nobody_is_refused_and_not_recorded(
    house: FakeHouse, write: Callable[[int], Path]
) -> None:
    stored = house.receive(write(1))

    with pytest.raises(BadInput, match="recipient"):
        house.copies.issue(request(stored, recipient=" "), actor="test")

    assert house.kinds() == ["import"]


@pytest.mark.parametrize("form", ["png", "dicom"])
def test_no_copy_leaves_once_a_restriction_is_answered(
    house: FakeHouse, write: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch, form: CopyForm
) -> None:
    stored = house.receive(write(1))
    method = {"png": "display", "dicom": "stored"}[form]
    decode = getattr(house.worker, method)

    def restricted_meanwhile(original: bytes) -> object:
        house.rules.restrict(stored, actor="test")
        return decode(original)

    monkeypatch.setattr(house.worker, method, restricted_meanwhile)

    with pytest.raises(Refused, match="restricted"):
        house.copies.issue(request(stored, form=form), actor="test")

    assert house.copies.marks(stored) == {}
    assert house.kinds() == ["import", "restrict", "copy-refused"]


def test_every_sign_in_is_recorded_whichever_way_it_ends(house: FakeHouse) -> None:
    account = Account(
        name="admin",
        role="administrator",
        password_hash=hash_password("twelve quiet herons wade"),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    with house.records.begin() as unit:
        unit.catalogue.add_account(account)

    assert house.accounts.sign_in("admin", "twelve quiet herons wade") == account
    for name in ("admin", "nobody"):
        with pytest.raises(Refused):
            house.accounts.sign_in(name, "a wrong password")
    assert house.kinds() == ["sign-in", "sign-in-refused", "sign-in-refused"]
