"""Sketches are made after the answer, once, and before anything is looked for."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import pytest
from tests.fakes.films import written
from tests.fakes.house import FakeHouse

from pleura.domain.errors import BadInput, EnvironmentFault, NotFound
from pleura.domain.tracing import Verdict


@pytest.fixture
def house(tmp_path: Path) -> FakeHouse:
    """Three images whose sketches are not made yet."""
    made = FakeHouse()
    for seed in range(3):
        made.arrivals.receive(written(tmp_path, seed), actor="test")
        made.clock.advance(1)
    return made


def sketches(house: FakeHouse) -> list[str]:
    return [name for name in house.objects.stored if "/skt-" in name]


def test_an_arrival_is_answered_before_its_sketch_is_made(house: FakeHouse) -> None:
    images = [image.id for image in house.vault.images()]

    assert house.sketcher.pending() == images
    assert sketches(house) == []
    with pytest.raises(NotFound, match="no sketch"):
        house.vault.features(images[0])


def test_every_missing_sketch_is_made_once(house: FakeHouse) -> None:
    told: list[int] = []
    house.sketcher.catch_up(told.append)
    made = sketches(house)

    house.sketcher.catch_up(told.append)

    assert told == [1, 1, 1]
    assert len(made) == 3
    assert sketches(house) == made
    assert house.sketcher.pending() == []


def test_a_trace_makes_the_missing_sketches_first(house: FakeHouse, tmp_path: Path) -> None:
    report = house.tracer.trace(written(tmp_path, 1), actor="test").report

    assert (report.verdict, report.image) == (Verdict.MATCHED, house.vault.images()[1].id)
    assert house.sketcher.pending() == []


def test_an_original_that_cannot_be_decoded_now_holds_nobody_up(
    house: FakeHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = house.vault.images()[0].id
    refused, display = house.vault.original(first), house.worker.display

    def failing(original: bytes) -> object:
        if original == refused:
            raise BadInput("decode-memory", "it needs too much memory", "free some memory")
        return display(original)

    monkeypatch.setattr(house.worker, "display", failing)

    report = house.tracer.trace(written(tmp_path, 2), actor="test").report

    assert report.verdict is Verdict.MATCHED
    assert house.sketcher.pending() == [first]


def test_a_second_sketch_of_the_same_image_is_not_kept(house: FakeHouse) -> None:
    house.sketcher.catch_up()
    before, image = sketches(house), house.vault.images()[0].id

    house.vault.add_sketch(image, b"made by somebody who was slower")

    assert sketches(house) == before


def test_an_image_that_was_erased_meanwhile_leaves_no_sketch(
    house: FakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = house.vault.images()[0].id
    put = house.objects.put

    def erased_meanwhile(name: str, pieces: object) -> int:
        house.records.state.catalogue.erase_image(image)
        return put(name, pieces)  # type: ignore[arg-type]

    monkeypatch.setattr(house.objects, "put", erased_meanwhile)

    house.vault.add_sketch(image, b"too late")

    assert sketches(house) == []


def test_whoever_is_stopped_leaves_the_rest_for_the_next(house: FakeHouse) -> None:
    house.sketcher.catch_up(is_stopped=lambda: True)

    assert 1 <= len(sketches(house)) < 3 or not house.sketcher.pending()
    house.sketcher.catch_up()
    assert house.sketcher.pending() == []


def test_the_doctor_counts_missing_sketches_and_makes_them(house: FakeHouse) -> None:
    check = next(check for check in house.doctor.examine() if check.name == "sketches")
    assert (check.ok, check.facts["count"], check.fix) == (False, 3, "pleura doctor --repair")

    house.doctor.repair(actor="test")

    assert next(check for check in house.doctor.examine() if check.name == "sketches").ok


def lose(house: FakeHouse, number: int, monkeypatch: pytest.MonkeyPatch, code: str) -> str:
    """The name of the image whose original does not open any more."""
    image = house.vault.images()[number].id
    name, stored, opened = f"{image}/original", house.objects.stored, house.objects.open
    if code == "seal-broken":
        stored[name] = stored[name][:-1] + bytes([stored[name][-1] ^ 1])
    elif code == "object-unknown":
        del stored[name]

    def failing(wanted: str) -> BinaryIO:
        if wanted == name and code in {"object-unreadable", "disk-failing"}:
            raise EnvironmentFault(code, "the object cannot be read", "check the disk")
        return opened(wanted)

    monkeypatch.setattr(house.objects, "open", failing)
    return image


@pytest.mark.parametrize("code", ["seal-broken", "object-unknown", "object-unreadable", "disk-failing"])
def test_an_original_that_does_not_open_holds_nobody_up(
    house: FakeHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    image = lose(house, 0, monkeypatch, code)

    house.sketcher.catch_up()
    report = house.tracer.trace(written(tmp_path, 2), actor="test").report

    assert report.verdict is Verdict.MATCHED
    assert house.sketcher.pending() == [image]
    assert house.doctor.repair(actor="test") == (0, 0)


@pytest.mark.parametrize("port", ["open", "put"])
def test_what_is_wrong_with_the_whole_disk_is_said(
    house: FakeHouse, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    def full(*_: object) -> object:
        raise EnvironmentFault("disk-full", "the disk is full", "free some space")

    monkeypatch.setattr(house.objects, port, full)

    with pytest.raises(EnvironmentFault, match="full"):
        house.sketcher.catch_up()


def test_of_two_who_renew_one_sketch_one_is_kept(house: FakeHouse) -> None:
    house.sketcher.catch_up()
    image = house.vault.images()[0].id
    old = house.records.state.catalogue.sealed_images[image].sketch_name

    for made in (b"the first", b"the second"):
        house.vault.add_sketch(image, made, instead_of=old)

    assert old not in sketches(house)
    assert len(sketches(house)) == 3
    assert house.vault.features(image) == b"the first"


def test_nothing_is_renewed_of_what_was_erased_or_lost(house: FakeHouse) -> None:
    house.sketcher.catch_up()
    before = sketches(house)
    erased, lost = (image.id for image in house.vault.images()[:2])
    house.records.state.catalogue.erase_image(erased)
    del house.objects.stored[f"{lost}/original"]

    assert not house.sketcher.renew(erased)
    assert not house.sketcher.renew(lost)
    assert sketches(house) == before


def test_a_depot_loses_the_box_of_a_sketch_that_was_replaced(house: FakeHouse) -> None:
    nas = house.folder("nas")
    house.sketcher.catch_up()
    house.depots.sync("nas", actor="test")
    boxes = {name for name in nas.stored if name.startswith("objects/")}
    house.sketcher.renew(house.vault.images()[0].id)

    checks = {check.name: check.ok for check in house.doctor.examine()}
    assert (checks["erasures"], checks["sketches"]) == (True, True)
    house.depots.sync("nas", actor="test")

    after = {name for name in nas.stored if name.startswith("objects/")}
    assert (len(after), len(after - boxes), len(boxes - after)) == (6, 1, 1)
    assert house.depots.test("nas", actor="test", whole=True).whole
