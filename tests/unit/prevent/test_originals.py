"""The search follows the catalogue: what came, what went, whatever the packs say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.fakes.films import film, written
from tests.fakes.house import FakeHouse
from tests.fakes.neighbours import EveryDescriptor

from pleura.adapters.storage.objects import FolderObjects
from pleura.imaging.match.features import Features
from pleura.imaging.match.suspect import views
from pleura.prevent.finding.originals import Originals
from pleura.prevent.finding.packs import Packs
from pleura.prevent.sketcher import Sketcher


@pytest.fixture
def house(tmp_path: Path) -> FakeHouse:
    """Three images, prepared for being found."""
    made = FakeHouse()
    for seed in range(3):
        made.receive(written(tmp_path, seed))
        made.clock.advance(1)
    made.originals.prepare()
    return made


def seen(seed: int) -> Features:
    return next(views(film(seed, 520, 430))).features


def found(house: FakeHouse, seed: int) -> str | None:
    """The likeliest original of a film."""
    house.originals.prepare()
    return next((image for image, _ in house.originals.candidates(seen(seed), 1)), None)


def again(house: FakeHouse) -> FakeHouse:
    """The same home, opened by another process."""
    return FakeHouse(
        records=house.records, objects=house.objects, pack_files=house.pack_files, clock=house.clock
    )


def images(house: FakeHouse) -> list[str]:
    return [image.id for image in house.vault.images()]


def test_every_original_is_found(house: FakeHouse) -> None:
    assert [found(house, seed) for seed in range(3)] == images(house)


def test_what_came_in_since_is_found_too(house: FakeHouse, tmp_path: Path) -> None:
    other = again(house)
    assert found(other, 1) == images(house)[1]
    arrived = house.arrivals.receive(written(tmp_path, 5), actor="test").image

    assert found(other, 5) == arrived


def test_another_process_opens_no_sketch_of_what_is_packed(
    house: FakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = again(house)
    monkeypatch.setattr(other.vault, "features", lambda image: pytest.fail(f"opened {image}"))

    other.originals.prepare()


@pytest.mark.parametrize("damage", [b"", b"no pack", bytes(5000)])
def test_a_damaged_pack_is_made_again(house: FakeHouse, damage: bytes) -> None:
    house.pack_files.stored = dict.fromkeys(house.pack_files.stored, damage)
    other = again(house)

    assert [found(other, seed) for seed in range(3)] == images(house)
    assert other.packs.images() == set(images(house))


def test_a_lost_pack_is_made_again(house: FakeHouse) -> None:
    house.pack_files.stored.clear()

    assert found(again(house), 2) == images(house)[2]
    assert house.packs.images() == set(images(house))


def test_a_pack_ahead_of_the_catalogue_gives_nothing_and_is_swept(house: FakeHouse) -> None:
    gone, *rest = images(house)
    packs = dict(house.pack_files.stored)
    house.erasure.erase(gone, actor="test", keep=house.keep)
    house.pack_files.stored = packs  # as an old copy of the folder has it
    originals = Originals(house.vault, house.sketcher, house.archive, house.packs, EveryDescriptor)

    originals.prepare()
    assert gone not in {image for image, _ in originals.candidates(seen(0), 3)}
    assert set(originals.strays()) == {gone}
    house.doctor.repair(actor="test")
    assert not originals.strays()
    assert house.packs.images() == set(rest)


def test_an_erased_image_is_found_no_more_and_leaves_the_packs(house: FakeHouse) -> None:
    gone = images(house)[0]

    house.erasure.erase(gone, actor="test", keep=house.keep)

    assert gone not in {image for image, _ in house.originals.candidates(seen(0), 3)}
    assert not any(gone.encode() in content for content in house.pack_files.stored.values())
    assert found(house, 1) == images(house)[0]


def test_an_erasure_that_was_cut_before_the_packs_forgot_completes(
    house: FakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = images(house)[0]
    with monkeypatch.context() as cut:
        cut.setattr(house.packs, "forget", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            house.erasure.erase(gone, actor="test", keep=house.keep)
    assert gone in house.packs.images()

    house.erasure.resume(actor="test", keep=house.keep)

    assert gone not in house.packs.images()


def test_the_doctor_says_what_the_packs_hold_beyond_the_catalogue(house: FakeHouse) -> None:
    packs = dict(house.pack_files.stored)
    house.erasure.erase(images(house)[0], actor="test", keep=house.keep)

    def search() -> bool:
        return next(check for check in house.doctor.examine() if check.name == "search").ok

    assert search()
    house.pack_files.stored = packs
    assert not search()


def test_several_searches_at_once_are_all_right(house: FakeHouse) -> None:
    other = again(house)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda seed: found(other, seed), [0, 1, 2] * 4))

    assert answers == images(house) * 4


def test_an_original_whose_sketch_and_object_are_lost_is_left_out(house: FakeHouse) -> None:
    lost = images(house)[1]
    for name in [name for name in house.objects.stored if name.startswith(lost)]:
        del house.objects.stored[name]

    assert found(house, 1) != lost
    assert found(house, 0) == images(house)[0]


def test_features_of_another_version_are_made_again(
    house: FakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.pack_files.stored.clear()
    other, changed = again(house), images(house)[1]
    features, renewed = other.vault.features, other.sketcher.renew
    monkeypatch.setattr(
        other.vault, "features", lambda image: b"PLF0" if image == changed else features(image)
    )
    monkeypatch.setattr(Sketcher, "renew", lambda _, image: (monkeypatch.undo(), renewed(image))[1])

    assert found(other, 1) == changed


def test_a_stray_file_beside_the_packs_stops_neither_search_nor_erasure(tmp_path: Path) -> None:
    folder = tmp_path / "search"
    packs = Packs(FolderObjects(folder))
    packs.write("form", [("img-1", b"one")], lambda _: bytes(32))
    (folder / "pack-1.bak").write_text("by hand")

    assert packs.images() == {"img-1"}
    packs.forget(["img-1"])
    assert packs.images() == set()
    assert (folder / "pack-1.bak").exists()
