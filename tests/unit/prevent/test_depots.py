"""Backups and replicas: what was stored comes back, what was changed or lost is noticed, nothing is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from PIL import Image as Picture
from tests.fakes.films import film
from tests.fakes.house import FakeHouse
from tests.fakes.objects import FakeObjects
from tests.fakes.records import FakeRecords

from pleura.crypto.roots.recovery import new_code
from pleura.domain.custody.places import BucketFacts, CloudChecklist, FolderPlace
from pleura.domain.errors import BadInput, EnvironmentFault, NotFound, PleuraError, Refused, SealBroken
from pleura.prevent.depots.boxes import Boxes
from pleura.prevent.depots.depots import SNAPSHOTS_KEPT
from pleura.prevent.depots.restore import fetch_objects, open_newest
from pleura.prevent.depots.snapshot import heads_of
from pleura.prevent.keyring import load_keyring


def receive(house: FakeHouse, folder: Path, seed: int) -> str:
    path = folder / f"{seed}.png"
    Picture.fromarray(film(seed, 160, 120)).save(path)
    return house.receive(path)


@pytest.fixture
def house(tmp_path: Path) -> FakeHouse:
    made = FakeHouse()
    receive(made, tmp_path, 1)
    receive(made, tmp_path, 2)
    return made


@pytest.fixture
def nas(house: FakeHouse) -> FakeObjects:
    return house.folder("nas")


def boxes(store: FakeObjects) -> list[str]:
    return sorted(name for name in store.stored if name.startswith("objects/"))


def test_a_backup_holds_every_object_and_a_snapshot(house: FakeHouse, nas: FakeObjects) -> None:
    done = house.depots.sync("nas", actor="test")

    assert (done.objects, done.added) == (4, 4)
    assert len(boxes(nas)) == 4
    assert [head.snapshot for head in heads_of(nas)] == [done.snapshot]
    assert house.depots.verify("nas").whole
    assert house.depots.test("nas", actor="test").whole
    assert house.kinds()[-2:] == ["backup", "restore-test"]


def test_a_second_backup_adds_only_what_is_new(house: FakeHouse, nas: FakeObjects, tmp_path: Path) -> None:
    house.depots.sync("nas", actor="test")
    before = {name: nas.stored[name] for name in boxes(nas)}
    receive(house, tmp_path, 3)

    done = house.depots.sync("nas", actor="test")

    assert (done.objects, done.added) == (6, 2)
    assert before.items() <= nas.stored.items()


def test_what_comes_in_while_a_backup_runs_is_whole_in_it(
    house: FakeHouse, nas: FakeObjects, tmp_path: Path
) -> None:
    """The snapshot is newer than the list of objects it was begun with, so what it names is sent again."""
    arrived: list[str] = []

    def advance(_: int) -> None:
        if not arrived:
            arrived.append(receive(house, tmp_path, 7))

    house.depots.sync("nas", actor="test", advance=advance)

    report = house.depots.test("nas", actor="test")
    assert (report.objects, report.whole) == (6, True)


def test_a_backup_that_was_cut_goes_on_where_it_stopped(
    house: FakeHouse, nas: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, left = nas.put, [3]

    def failing(name: str, pieces: object) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise EnvironmentFault("disk-full", "the disk is full", "free some space")
        return put(name, pieces)  # type: ignore[arg-type]

    with monkeypatch.context() as full:
        full.setattr(nas, "put", failing)
        with pytest.raises(EnvironmentFault):
            house.depots.sync("nas", actor="test")
    assert (len(boxes(nas)), heads_of(nas)) == (3, [])
    assert len(house.depots.status("nas").missing) == 1

    assert house.depots.sync("nas", actor="test").added == 1
    assert house.depots.verify("nas").whole


def test_a_home_comes_back_with_the_recovery_code_alone(house: FakeHouse, nas: FakeObjects) -> None:
    code = house.keys.reissue(actor="test", keep=house.keep)
    house.depots.sync("nas", actor="test")
    originals = {image.id: house.vault.original(image.id) for image in house.vault.images()}

    head, root, pieces = open_newest(nas, code)
    with FakeRecords.rehearsal(pieces) as records, records.begin() as unit:
        keyring = load_keyring(root, unit.catalogue)
        images = list(unit.catalogue.images())
    objects = FakeObjects()
    lacking = fetch_objects(Boxes(nas, keyring.depot_key), images, objects, lambda _: None)

    assert lacking == []
    assert objects.stored == house.objects.stored
    assert {sealed.image.id for sealed in images} == originals.keys()
    assert head.epoch == 1


def test_another_recovery_code_opens_no_snapshot(house: FakeHouse, nas: FakeObjects) -> None:
    house.depots.sync("nas", actor="test")

    with pytest.raises(EnvironmentFault, match="recovery code"):
        open_newest(nas, new_code())


@pytest.mark.parametrize("part", ["heads/", "snapshots/", "objects/"])
def test_a_flipped_bit_in_any_part_of_a_backup_is_noticed(
    house: FakeHouse, nas: FakeObjects, part: str
) -> None:
    house.depots.sync("nas", actor="test")
    name = next(name for name in nas.stored if name.startswith(part))
    content = bytearray(nas.stored[name])
    content[len(content) // 2] ^= 1
    nas.stored[name] = bytes(content)

    try:
        whole = house.depots.test("nas", actor="test").whole
    except PleuraError:
        whole = False

    assert not whole
    result = house.depots.all()[0].test_result
    assert result != ""


def test_a_head_that_lies_about_its_day_or_number_opens_nothing(house: FakeHouse, nas: FakeObjects) -> None:
    house.depots.sync("nas", actor="test")
    name = next(name for name in nas.stored if name.startswith("heads/"))
    nas.stored[name] = nas.stored[name].replace(b"2026-", b"2027-")

    with pytest.raises(SealBroken):
        house.depots.test("nas", actor="test")


def test_boxes_that_changed_places_are_noticed(house: FakeHouse, nas: FakeObjects) -> None:
    house.depots.sync("nas", actor="test")
    first, second = boxes(nas)[:2]
    nas.stored[first], nas.stored[second] = nas.stored[second], nas.stored[first]

    assert len(house.depots.verify("nas").damaged) == 2


def test_a_lost_box_is_named_and_sent_again(house: FakeHouse, nas: FakeObjects) -> None:
    house.depots.sync("nas", actor="test")
    del nas.stored[boxes(nas)[0]]

    assert len(house.depots.verify("nas").missing) == 1
    assert house.depots.sync("nas", actor="test").added == 1
    assert house.depots.verify("nas").whole


def test_objects_lost_here_come_back_for_one_study_or_for_all(house: FakeHouse, nas: FakeObjects) -> None:
    house.depots.sync("nas", actor="test")
    before = dict(house.objects.stored)
    one, other = house.vault.images()
    house.objects.stored.clear()

    assert house.depots.fetch("nas", one.study, actor="test") == 2
    assert house.vault.original(one.id)
    with pytest.raises(NotFound):
        house.vault.original(other.id)
    assert house.depots.fetch("nas", actor="test") == 2
    assert house.objects.stored == before


def test_nothing_in_a_backup_names_an_image_or_a_patient(house: FakeHouse, nas: FakeObjects) -> None:
    house.depots.sync("nas", actor="test")
    everything = repr(nas.stored).encode() + b"".join(nas.stored.values())

    for image in house.vault.images():
        for name in (image.id, image.study, image.patient):
            assert name.encode() not in everything


def test_old_snapshots_go_and_so_do_those_of_a_destroyed_epoch(house: FakeHouse, nas: FakeObjects) -> None:
    for _ in range(SNAPSHOTS_KEPT + 2):
        house.clock.advance(60)
        house.depots.sync("nas", actor="test")
    assert len(heads_of(nas)) == SNAPSHOTS_KEPT

    house.keys.rotate(actor="test", keep=house.keep)
    house.clock.advance(60)
    done = house.depots.sync("nas", actor="test")

    assert [head.snapshot for head in heads_of(nas)] == [done.snapshot]
    assert len([name for name in nas.stored if name.startswith("snapshots/")]) == 1


def test_no_snapshot_is_made_of_a_rotation_that_was_cut(
    house: FakeHouse, nas: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be wrapped by two roots, and the recovery code of neither sheet opens both."""

    def cut() -> None:
        raise EnvironmentFault("cut", "the power went", "start again")

    with monkeypatch.context() as power:
        power.setattr(house.records, "scrub", cut)
        with pytest.raises(EnvironmentFault):
            house.keys.rotate(actor="test", keep=house.keep)

    with pytest.raises(Refused, match="pleura key rotate"):
        house.depots.sync("nas", actor="test")
    house.keys.rotate(actor="test", keep=house.keep)
    assert house.depots.sync("nas", actor="test").added == 4


def test_a_place_is_remembered_once_and_only_when_it_answers(house: FakeHouse, nas: FakeObjects) -> None:
    with pytest.raises(BadInput, match="already"):
        house.depots.add("nas", "backup", FolderPlace(folder="/mnt/nas"), None, actor="test")
    with pytest.raises(EnvironmentFault):
        house.depots.add("gone", "backup", FolderPlace(folder="/mnt/gone"), None, actor="test")
    with pytest.raises(NotFound, match="no backup or replica"):
        house.depots.sync("unknown", actor="test")
    assert [depot.name for depot in house.depots.all()] == ["nas"]
    assert b"/mnt/nas" not in repr(house.records.state).encode()


def test_an_empty_place_that_was_full_is_not_filled_again(house: FakeHouse, nas: FakeObjects) -> None:
    """The disk is not mounted: the folder it belongs in is there, and empty."""
    house.depots.sync("nas", actor="test")
    nas.stored.clear()

    with pytest.raises(Refused, match="mount the disk"):
        house.depots.sync("nas", actor="test")

    assert nas.stored == {}


@pytest.mark.parametrize("name", ["", "NAS", "a b", "x" * 41, "../x", "备份"])
def test_a_name_that_cannot_stand_in_the_ledger_is_refused(house: FakeHouse, name: str) -> None:
    with pytest.raises(BadInput, match="a-z, 0-9"):
        house.depots.add(name, "backup", FolderPlace(folder="/mnt/x"), None, actor="test")


@pytest.mark.parametrize("day", ["", "soon", "2027-13-01", "31.12.2027"])
def test_a_certificate_has_a_real_last_day(day: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month"):
        replace(GOOD, mlps_expires=day)


GOOD = CloudChecklist(
    provider="Cloud",
    region="cn-north-4",
    mlps_level=3,
    mlps_certificate="11010813001-20001",
    mlps_expires="2027-12-31",
    tls=True,
    private_bucket=True,
    object_lock=True,
    versioning=False,
    logging=True,
)


@pytest.mark.parametrize(
    ("answers", "told", "warnings"),
    [
        (GOOD, BucketFacts(), []),
        (replace(GOOD, mlps_level=2), BucketFacts(), ["mlps-level-below-3"]),
        (replace(GOOD, mlps_expires="2026-11-23"), BucketFacts(), ["mlps-expired"]),
        (replace(GOOD, mlps_expires="2026-11-24"), BucketFacts(), ["mlps-expires-soon"]),
        (replace(GOOD, mlps_expires="2027-01-22"), BucketFacts(), ["mlps-expires-soon"]),
        (replace(GOOD, mlps_expires="2027-01-23"), BucketFacts(), []),
        (GOOD, BucketFacts(tls=False), ["no-tls"]),
        (GOOD, BucketFacts(public=True), ["bucket-public"]),
        (GOOD, BucketFacts(object_lock=False, logging=False), ["no-object-lock", "no-logging"]),
        (GOOD, BucketFacts(versioning=True), ["versions-outlive-erasure"]),
    ],
)
def test_the_checklist_of_a_cloud_store_warns(
    answers: CloudChecklist, told: BucketFacts, warnings: list[str]
) -> None:
    assert answers.warnings(date(2026, 11, 24), told) == warnings


def test_what_the_store_says_is_asked_and_an_unreachable_store_says_nothing(house: FakeHouse) -> None:
    house.folder("nas")
    assert house.depots.bucket_facts("nas") == BucketFacts()


def test_a_restore_test_grows_old(house: FakeHouse, nas: FakeObjects) -> None:
    house.depots.sync("nas", actor="test")
    house.depots.test("nas", actor="test")
    assert all(check.ok for check in house.doctor.examine())

    house.clock.advance(timedelta(days=6).total_seconds())
    assert all(check.ok for check in house.doctor.examine())
    house.clock.advance(timedelta(days=2).total_seconds())
    wrong = [check for check in house.doctor.examine() if not check.ok]
    assert [check.fix for check in wrong] == ["pleura backup create nas"]
    house.depots.sync("nas", actor="test")
    house.clock.advance(timedelta(days=6).total_seconds())
    house.depots.sync("nas", actor="test")
    house.clock.advance(timedelta(days=6).total_seconds())
    house.depots.sync("nas", actor="test")
    house.clock.advance(timedelta(days=6).total_seconds())
    house.depots.sync("nas", actor="test")
    house.clock.advance(timedelta(days=6).total_seconds())
    wrong = [check for check in house.doctor.examine() if not check.ok]
    assert [check.fix for check in wrong] == ["pleura backup verify nas"]
