"""A row that was lost or changed behind our back differs from the ledger, and is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image as Picture
from tests.fakes.films import film
from tests.fakes.house import FakeHouse
from tests.fakes.records import FakeLedgerRows

from pleura.domain.images import SealedImage
from pleura.domain.ports import LedgerRow
from pleura.prevent.copies import CopyRequest
from pleura.prevent.health.inventory import Finding, Inventory


@pytest.fixture
def house(tmp_path: Path) -> FakeHouse:
    """Three images of three patients, one copy of the first."""
    made = FakeHouse()
    for seed in range(3):
        path = tmp_path / f"{seed}.png"
        Picture.fromarray(film(seed, 160, 120)).save(path)
        made.receive(path)
        made.clock.advance(1)
    first = made.vault.images()[0].id
    made.copies.issue(
        CopyRequest(image=first, recipient="Dr Li", purpose="opinion", form="png"), actor="test"
    )
    return made


def findings(house: FakeHouse) -> list[Finding]:
    found = Inventory(records=house.records, vault=house.vault, copies=house.copies, keyring=house.keyring)
    return found.findings()


def test_a_sound_house_and_its_ledger_agree(house: FakeHouse) -> None:
    assert findings(house) == []


CHANGES: dict[str, Callable[[SealedImage], SealedImage]] = {
    "sealed facts": lambda row: replace(row, sealed_facts=bytes(len(row.sealed_facts))),
    "content": lambda row: replace(row, content_index=bytes(32)),
    "instance": lambda row: replace(row, instance_index=bytes(32)),
    "size": lambda row: replace(row, object_size=row.object_size + 1),
    "modality": lambda row: replace(row, image=replace(row.image, modality="CT")),
    "device": lambda row: replace(row, image=replace(row.image, device_serial="SN-0")),
    "time": lambda row: replace(
        row, image=replace(row.image, received_at=row.image.received_at - timedelta(days=6000))
    ),
    "study": lambda row: replace(row, image=replace(row.image, study="stu-000000000000")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_row_is_named(house: FakeHouse, name: str) -> None:
    image = house.vault.images()[1].id
    rows = house.records.state.catalogue.sealed_images
    rows[image] = CHANGES[name](rows[image])

    assert findings(house) == [Finding(image, "changed")]


def test_a_row_that_was_taken_away_is_lost(house: FakeHouse) -> None:
    image = house.vault.images()[2].id
    del house.records.state.catalogue.sealed_images[image]

    assert findings(house) == [Finding(image, "lost")]


def test_a_copy_that_was_taken_away_changes_its_image(house: FakeHouse) -> None:
    house.records.state.catalogue.copies.clear()

    assert findings(house) == [Finding(house.vault.images()[0].id, "changed")]


def test_a_copy_record_that_does_not_open_changes_its_image(house: FakeHouse) -> None:
    copies = house.records.state.catalogue.copies
    for name, copy in list(copies.items()):
        copies[name] = replace(copy, sealed_record=bytes(len(copy.sealed_record)))

    assert findings(house) == [Finding(house.vault.images()[0].id, "changed")]


def test_an_image_that_nobody_recorded_is_named(house: FakeHouse) -> None:
    image = house.vault.images()[0].id
    rows = house.records.state.catalogue.sealed_images
    stranger = "img-000000000000"
    rows[stranger] = replace(rows[image], image=replace(rows[image].image, id=stranger))

    assert Finding(stranger, "unrecorded") in findings(house)


def test_an_identity_that_does_not_open_names_the_patient(house: FakeHouse) -> None:
    name = house.vault.images()[1].patient
    patients = house.records.state.catalogue.patients
    patients[name] = replace(patients[name], sealed_identity=bytes(40))

    assert findings(house) == [Finding(name, "changed")]


@pytest.mark.parametrize("by", ["image", "study", "patient"])
def test_what_was_erased_is_not_lost(house: FakeHouse, by: str) -> None:
    image = house.vault.images()[1]
    subject = {"image": image.id, "study": image.study, "patient": image.patient}[by]

    house.erasure.erase(subject, actor="test", keep=house.keep)

    assert findings(house) == []


@pytest.mark.parametrize("meanwhile", ["an import", "a copy"])
def test_who_works_while_rows_and_ledger_are_compared_raises_no_alarm(
    house: FakeHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    image, path = house.vault.images()[0].id, tmp_path / "9.png"
    Picture.fromarray(film(9, 160, 120)).save(path)
    request = CopyRequest(image=image, recipient="Dr Wu", purpose="opinion", form="png")
    acts: dict[str, Callable[[], object]] = {
        "an import": lambda: house.arrivals.receive(path, actor="test"),
        "a copy": lambda: house.copies.issue(request, actor="test"),
    }
    rows, done = FakeLedgerRows.rows, list[str]()

    def worked(read: FakeLedgerRows, start: int = 0) -> Iterator[LedgerRow]:
        found = list(rows(read, start))
        if not done:
            done.append(meanwhile)
            acts[meanwhile]()
        return iter(found)

    monkeypatch.setattr(FakeLedgerRows, "rows", worked)

    assert (findings(house), done) == ([], [meanwhile])
    assert findings(house) == []
