"""The doctor finds what is broken, names the repair, and removes only what nothing names."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image as Picture
from tests.fakes.films import film
from tests.fakes.house import FakeHouse
from tests.fakes.objects import FakeObjects

from pleura.domain.custody.places import BucketFacts, BucketPlace, CloudChecklist
from pleura.domain.errors import EnvironmentFault
from pleura.prevent.health.doctor import LEAST_FREE, Check


@pytest.fixture
def house(tmp_path: Path) -> FakeHouse:
    made = FakeHouse()
    for seed in range(2):
        path = tmp_path / f"{seed}.png"
        Picture.fromarray(film(seed, 160, 120)).save(path)
        made.receive(path)
    made.folder("nas")
    made.depots.sync("nas", actor="test")
    made.depots.test("nas", actor="test")
    return made


def wrong(house: FakeHouse, *, deep: bool = False) -> dict[str, Check]:
    return {check.name: check for check in house.doctor.examine(deep=deep) if not check.ok}


def test_a_sound_house_passes_every_check(house: FakeHouse) -> None:
    assert wrong(house) == wrong(house, deep=True) == {}


def test_a_broken_object_is_found(house: FakeHouse) -> None:
    name = next(name for name in house.objects.stored if name.endswith("/original"))
    house.objects.stored[name] = house.objects.stored[name][:-1]

    assert list(wrong(house)) == ["objects"]
    assert "fetch" in wrong(house)["objects"].fix


def test_a_missing_object_is_found(house: FakeHouse) -> None:
    del house.objects.stored[next(iter(house.objects.stored))]

    assert list(wrong(house)) == ["objects"]


@pytest.mark.parametrize("how", ["lost", "cut", "damaged in the middle"])
def test_a_sketch_that_does_not_open_is_made_again_by_the_repair(house: FakeHouse, how: str) -> None:
    image = house.vault.images()[1].id
    name = next(name for name in house.objects.stored if name.startswith(f"{image}/skt-"))
    sealed = house.objects.stored.pop(name)
    half = len(sealed) // 2
    harmed = {"cut": sealed[:-1], "damaged in the middle": sealed[:half] + b"?!" + sealed[half + 2 :]}
    if how in harmed:
        house.objects.stored[name] = harmed[how]

    found = wrong(house, deep=True)
    assert list(found) == ["sketches"]
    assert (found["sketches"].facts["some"], found["sketches"].fix) == (image, "pleura doctor --repair")
    assert house.doctor.repair(actor="test") == (0, 0)

    assert wrong(house, deep=True) == {}
    assert name not in house.objects.stored


def test_an_erased_object_that_is_still_in_a_backup_is_found(house: FakeHouse) -> None:
    image = house.vault.images()[1].id
    reachable = dict(house.places)
    house.places.clear()
    house.erasure.erase(image, actor="test", keep=house.keep)
    house.places.update(reachable)

    assert wrong(house)["erasures"].facts == {"count": 2, "some": "nas"}


def test_an_older_sealing_put_back_under_the_same_key_is_refused(house: FakeHouse) -> None:
    """Roll-back: another sealing of the same object under the same DEK has another commitment."""
    image = house.vault.images()[0].id
    sealed = house.records.state.catalogue.sealed_images[image]
    older = house.objects.stored[sealed.object_name]
    with house.records.begin() as unit:
        patient = unit.catalogue.patient(sealed.image.patient)
    clear, dek = house.vault.original(image), house.vault._dek(sealed, patient)
    del house.objects.stored[sealed.object_name]
    again = house.vault._keep(sealed.object_name, io.BytesIO(clear), dek, 256 * 1024)

    assert again.commitment != sealed.object_commitment
    assert list(wrong(house)) == ["objects"]
    house.objects.stored[sealed.object_name] = older
    assert wrong(house) == {}


def test_orphans_are_found_and_only_they_are_swept(house: FakeHouse) -> None:
    house.objects.put("img-orphan/original", [b"sealed"])
    house.machine.left = [Path("/scratch/left")]

    assert list(wrong(house)) == ["orphans", "leftovers"]
    assert house.doctor.repair(actor="test") == (1, 1)

    assert wrong(house, deep=True) == {}
    assert house.kinds()[-1] == "repair"


def test_an_object_whose_row_was_lost_is_no_orphan_to_be_swept(house: FakeHouse) -> None:
    """It may be all that is left of an image that was answered as stored."""
    image = house.vault.images()[0].id
    objects = dict(house.objects.stored)
    del house.records.state.catalogue.sealed_images[image]

    found = wrong(house)
    assert list(found) == ["rows", "orphans"]
    assert (found["rows"].facts["some"], "backup restore" in found["rows"].fix) == (image, True)
    assert house.doctor.repair(actor="test") == (0, 0)

    assert house.objects.stored == objects


def test_a_row_that_was_changed_is_found(house: FakeHouse) -> None:
    image = house.vault.images()[1].id
    rows = house.records.state.catalogue.sealed_images
    rows[image] = replace(rows[image], image=replace(rows[image].image, modality="CT"))

    assert list(wrong(house)) == ["rows"]


def test_a_clock_that_was_set_back_and_forth_is_told_of(house: FakeHouse, tmp_path: Path) -> None:
    house.clock.advance(-timedelta(days=365).total_seconds())
    house.rules.set("custody", "personal", actor="test")
    assert "timedatectl" in wrong(house)["clock"].fix

    house.clock.advance(timedelta(days=366).total_seconds())

    (clock,) = [check for check in house.doctor.examine() if check.name == "clock"]
    assert (clock.ok, clock.facts) == (True, {"count": 1})


def test_a_clock_that_was_set_back_a_year_is_found(house: FakeHouse) -> None:
    house.clock.advance(-timedelta(days=365).total_seconds())

    assert "timedatectl" in wrong(house)["clock"].fix


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"private": False}, "home"),
        ({"free": LEAST_FREE - 1}, "space"),
        ({"chinese": None}, "font"),
        ({"chromium": None}, "browser"),
    ],
)
def test_what_the_machine_lacks_is_named(house: FakeHouse, change: dict[str, object], name: str) -> None:
    for field, value in change.items():
        setattr(house.machine, field, value)

    assert list(wrong(house)) == [name]
    assert wrong(house)[name].fix


def test_a_changed_ledger_is_found(house: FakeHouse) -> None:
    house.records.state.ledger.stored.pop(1)

    assert "ledger" in wrong(house)


def test_a_certificate_that_runs_out_is_warned_of(house: FakeHouse) -> None:
    place = BucketPlace(endpoint="https://s3.example", bucket="b", access_key="a", secret_key="s")
    house.places[place] = FakeObjects()
    checklist = CloudChecklist(
        provider="Cloud",
        region="cn-north-4",
        mlps_level=3,
        mlps_certificate="1",
        mlps_expires="2026-12-01",
        tls=True,
        private_bucket=True,
        object_lock=True,
        versioning=False,
        logging=True,
    )
    house.depots.add("cloud", "replica", place, checklist, actor="test")
    house.depots.sync("cloud", actor="test")
    house.depots.test("cloud", actor="test")
    house.bucket = BucketFacts(public=True)

    found = [check for check in house.doctor.examine() if not check.ok]

    assert {check.name for check in found} == {"cloud checklist cloud"}
    assert [check.code for check in found] == ["mlps-expires-soon", "bucket-public"]
    assert found[0].detail.format(**found[0].facts) == "the MLPS certificate runs out on 2026-12-01"
    assert "s3.example" not in repr(house.records.state)


@pytest.mark.parametrize("act", ["rotate", "reissue"])
def test_backups_that_the_sheet_in_force_does_not_open_are_none(house: FakeHouse, act: str) -> None:
    getattr(house.keys, act)(actor="test", keep=house.keep)

    found = wrong(house)

    assert list(found) == ["backup nas"]
    assert "recovery sheet" in found["backup nas"].detail
    assert found["backup nas"].fix == "pleura backup create nas"
    house.clock.advance(60)
    house.depots.sync("nas", actor="test")
    assert wrong(house) == {}


def test_a_place_that_cannot_be_reached_is_one_failing_check(house: FakeHouse) -> None:
    house.places.clear()

    assert list(wrong(house)) == ["backup nas"]
    assert wrong(house)["backup nas"].fix == "check the network"


def test_a_disk_that_fails_makes_its_checks_fail_and_no_other(
    house: FakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> object:
        raise EnvironmentFault("disk-failing", "the disk reports a fault", "check the disk")

    monkeypatch.setattr(house.objects, "open", failing)
    monkeypatch.setattr(house.objects, "names", failing)
    monkeypatch.setattr(house.machine, "leftovers", failing)

    found = wrong(house)

    assert list(found) == ["objects", "orphans", "sketches", "leftovers"]
    assert found["objects"].facts["count"] == 2
    assert found["leftovers"].fix == "check the disk"


def test_a_sound_object_beside_those_that_rows_name_is_an_orphan(house: FakeHouse) -> None:
    image = house.vault.images()[0].id
    house.objects.put(f"{image}/0123456789abcdef", [b"sealed"])

    assert house.doctor.orphans() == [f"{image}/0123456789abcdef"]
