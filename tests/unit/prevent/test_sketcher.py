"""Sketches are made after the answer, once, and before anything is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.films import written
from tests.fakes.house import FakeHouse

from pleura.domain.errors import BadInput, NotFound
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
