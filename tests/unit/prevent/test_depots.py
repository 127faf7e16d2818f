"""Backups and replicas: what was stored comes back, what was changed or lost is noticed, nothing is shown."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from PIL import Image as Picture
from tests.fakes.films import film
from tests.fakes.house import FakeHouse
from tests.fakes.objects import FakeObjects
from tests.fakes.records import FakeRecords

from pleura.crypto.keys import digest
from pleura.crypto.roots.recovery import new_code
from pleura.domain.custody.places import BucketFacts, BucketPlace, CloudChecklist, FolderPlace, read_answers
from pleura.domain.errors import BadInput, EnvironmentFault, NotFound, PleuraError, Refused, SealBroken
from pleura.prevent.depots.boxes import Boxes, Present
from pleura.prevent.depots.proving import Fetched
from pleura.prevent.depots.restore import fetch_objects, open_newest
from pleura.prevent.depots.snapshot import SNAPSHOTS_KEPT, heads_of, newest_head, survey
from pleura.prevent.keyring import load_keyring
from pleura.prevent.vault import every_image


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


def test_a_damaged_snapshot_is_told_with_the_way_to_an_older_one(house: FakeHouse, nas: FakeObjects) -> None:
    code = house.keys.reissue(actor="test", keep=house.keep)
    done = house.depots.sync("nas", actor="test")
    flip(nas, f"snapshots/{done.snapshot}")

    with pytest.raises(NotFound, match="--snapshot") as caught:
        list(open_newest(nas, code)[2])

    assert caught.value.facts == {"snapshot": done.snapshot}


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

    assert house.depots.fetch("nas", one.study, actor="test").objects == 2
    assert house.vault.original(one.id)
    with pytest.raises(NotFound):
        house.vault.original(other.id)
    assert house.depots.fetch("nas", actor="test").objects == 2
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
    with pytest.raises(BadInput) as caught:
        read_answers({**asdict(GOOD), "mlps_expires": day})

    assert caught.value.facts == {"answer": "mlps_expires"}


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("provider", " "),
        ("region", ""),
        ("region", "elsewhere-1"),
        ("mlps_certificate", ""),
        ("mlps_level", True),
        ("mlps_level", "3"),
        ("mlps_level", 9),
        ("tls", "perhaps"),
        ("colour", "red"),
    ],
)
def test_an_answer_that_cannot_be_used_is_named(name: str, answer: object) -> None:
    with pytest.raises(BadInput) as caught:
        read_answers({**asdict(GOOD), name: answer}, "cn-north-4")

    assert (caught.value.code, caught.value.facts) == ("bad-checklist", {"answer": name})


def test_an_answer_that_is_left_out_is_named_and_complete_answers_are_read() -> None:
    given = asdict(GOOD)
    assert read_answers(given, "cn-north-4") == GOOD
    del given["logging"]

    with pytest.raises(BadInput, match="logging is missing"):
        read_answers(given)


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
        (GOOD, BucketFacts(versioning=True), []),
        (GOOD, BucketFacts(versioning=True, object_lock=True), []),
        (
            GOOD,
            BucketFacts(versioning=True, object_lock=False),
            ["no-object-lock", "versions-outlive-erasure"],
        ),
        (
            replace(GOOD, object_lock=False, versioning=True),
            BucketFacts(),
            ["no-object-lock", "versions-outlive-erasure"],
        ),
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


def test_a_backup_that_was_never_filled_is_not_called_a_week_old(house: FakeHouse, nas: FakeObjects) -> None:
    (check,) = [check for check in house.doctor.examine() if check.name == "backup nas"]

    assert (check.ok, check.detail) == (False, "it was never filled")


def test_a_subject_that_nothing_has_is_not_fetched(house: FakeHouse, nas: FakeObjects) -> None:
    house.depots.sync("nas", actor="test")

    with pytest.raises(NotFound, match="nonsense"):
        house.depots.fetch("nas", "nonsense", actor="test")

    assert house.kinds()[-1] == "backup"


# One home, one depot, one run at a time


def test_a_second_run_to_the_same_depot_is_refused_while_the_first_one_works(
    house: FakeHouse, nas: FakeObjects
) -> None:
    """The second would take the first one's snapshot, which has no head yet, for the rest of a cut run."""
    refused: list[str] = []

    def advance(_: int) -> None:
        with pytest.raises(Refused) as caught:
            house.depots.sync("nas", actor="test")
        refused.append(caught.value.code)

    done = house.depots.sync("nas", actor="test", advance=advance)

    assert set(refused) == {"depot-busy"}
    assert [head.snapshot for head in heads_of(nas)] == [done.snapshot]
    assert house.depots.test("nas", actor="test").whole


def test_a_box_that_came_to_be_meanwhile_counts_as_there(
    house: FakeHouse, nas: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.depots.sync("nas", actor="test")
    monkeypatch.setattr(Boxes, "present", lambda _: Present())

    done = house.depots.sync("nas", actor="test")

    assert (done.objects, done.added, done.lacking) == (4, 0, [])
    assert house.depots.verify("nas").whole


def test_a_snapshot_without_a_head_goes_only_when_it_is_older_than_a_day(
    house: FakeHouse, nas: FakeObjects
) -> None:
    young, old = "snapshots/snp-000000000001", "snapshots/snp-000000000002"
    for name in (young, old):
        nas.put(name, [b"being written, or cut"])
    nas.times = {
        young: house.clock.now() - timedelta(hours=23),
        old: house.clock.now() - timedelta(hours=25),
    }

    house.depots.sync("nas", actor="test")

    assert young in nas.stored
    assert old not in nas.stored


def test_rests_of_killed_writes_are_swept_after_a_day(house: FakeHouse, nas: FakeObjects) -> None:
    nas.unfinished = {
        "objects/.young": house.clock.now() - timedelta(hours=23),
        "objects/.old": house.clock.now() - timedelta(hours=25),
        "snapshots/.old": house.clock.now() - timedelta(hours=25),
    }

    house.depots.sync("nas", actor="test")

    assert list(nas.unfinished) == ["objects/.young"]


def test_a_clock_that_was_set_back_stops_a_backup_with_the_doctors_words(
    house: FakeHouse, nas: FakeObjects
) -> None:
    house.clock.advance(-timedelta(days=365).total_seconds())

    with pytest.raises(EnvironmentFault, match="timedatectl") as caught:
        house.depots.sync("nas", actor="test")

    assert caught.value.code == "clock-behind"
    assert list(nas.stored) == ["owner"]


def test_the_newest_snapshot_is_the_one_with_the_longest_ledger_whatever_the_clock_said(
    house: FakeHouse, nas: FakeObjects
) -> None:
    """Old heads from the future: the new one is the newest all the same, and is never pruned."""
    house.clock.advance(timedelta(days=365).total_seconds())
    for _ in range(SNAPSHOTS_KEPT):
        house.depots.sync("nas", actor="test")
    house.clock.advance(-timedelta(days=365).total_seconds())
    with pytest.MonkeyPatch.context() as unchecked:
        unchecked.setattr("pleura.prevent.depots.depots.refuse_clock_behind", lambda *_: None)
        done = house.depots.sync("nas", actor="test")

    heads = heads_of(nas)
    assert (len(heads), heads[-1].snapshot) == (SNAPSHOTS_KEPT, done.snapshot)
    assert newest_head(nas).snapshot == done.snapshot


# Whose a depot is


def other_home(house: FakeHouse, nas: FakeObjects) -> FakeHouse:
    """Another home, with its own keys, at the same place."""
    other = FakeHouse()
    other.places[PLACE] = nas
    return other


def drill(house: FakeHouse) -> FakeHouse:
    """A copy of the home, as a restore makes one: the same rows and keys, another instance."""
    copy = FakeHouse(records=house.records.copied(), clock=house.clock, instance="restored")
    copy.places = house.places
    return copy


PLACE = FolderPlace(folder="/mnt/nas")


def test_a_second_home_cannot_use_the_depot_of_the_first(house: FakeHouse, nas: FakeObjects) -> None:
    house.depots.sync("nas", actor="test")
    before = dict(nas.stored)
    other = other_home(house, nas)

    with pytest.raises(Refused) as caught:
        other.depots.add("nas", "backup", PLACE, None, actor="test")

    assert caught.value.code == "depot-of-another-home"
    assert nas.stored == before


def test_a_restored_copy_neither_fills_nor_erases_nor_tests_what_belongs_to_the_first(
    house: FakeHouse, nas: FakeObjects
) -> None:
    house.depots.sync("nas", actor="test")
    before, copy = dict(nas.stored), drill(house)

    for act in (copy.depots.sync, copy.depots.test):
        with pytest.raises(Refused) as caught:
            act("nas", actor="test")
        assert caught.value.code == "depot-of-a-copy"
    with copy.records.begin() as unit:
        unit.catalogue.note_deletions("nas", list(house.objects.stored))
    assert copy.depots.erase(actor="test") == {"nas": "depot-of-a-copy"}

    assert nas.stored == before
    (check,) = [check for check in copy.doctor.examine() if check.name == "backup nas"]
    assert (check.ok, "pleura backup adopt" in check.fix) == (False, True)
    assert house.depots.sync("nas", actor="test").added == 0


def test_a_restored_home_takes_its_depot_over_and_the_first_one_is_refused_then(
    house: FakeHouse, nas: FakeObjects
) -> None:
    """Its ledger may be shorter than that of the first, and its backups are the newest all the same."""
    early = drill(house)
    for _ in range(3):
        house.depots.sync("nas", actor="test")
    copy = drill(house)
    copy.records.state.ledger = early.records.state.ledger
    copy.objects.stored = dict(house.objects.stored)

    copy.depots.adopt("nas", actor="test")
    done = copy.depots.sync("nas", actor="test")

    assert newest_head(nas).snapshot == done.snapshot
    assert copy.depots.view("nas").opens
    assert copy.kinds()[-2:] == ["depot", "backup"]
    with pytest.raises(Refused, match="another copy"):
        house.depots.sync("nas", actor="test")


def adopted_from_a_home_that_rotated(house: FakeHouse, nas: FakeObjects) -> tuple[FakeHouse, str]:
    """A copy from before the first home rotated and filled the depot once more; it has adopted it."""
    house.depots.sync("nas", actor="test")
    copy = drill(house)
    copy.objects.stored = dict(house.objects.stored)
    house.keys.rotate(actor="test", keep=house.keep)
    lost = house.depots.sync("nas", actor="test").snapshot
    copy.depots.adopt("nas", actor="test")
    return copy, lost


def test_a_newer_backup_of_the_home_before_stays_while_nothing_is_erased(
    house: FakeHouse, nas: FakeObjects
) -> None:
    copy, lost = adopted_from_a_home_that_rotated(house, nas)

    first = copy.depots.sync("nas", actor="test").snapshot
    copy.keys.rotate(actor="test", keep=copy.keep)
    second = copy.depots.sync("nas", actor="test").snapshot

    assert first != second
    assert [head.snapshot for head in heads_of(nas)] == [lost, second]
    assert list(open_newest(nas, house.codes[-1], lost)[2])


@pytest.mark.parametrize("reached", [True, False])
def test_an_erasure_takes_the_backup_of_another_root_of_the_same_epoch_along(
    house: FakeHouse,
    nas: FakeObjects,
    reached: bool,  # noqa: FBT001
) -> None:
    """The sheet of the home before would open what was erased, though the numbers of both epochs are one."""
    copy, lost = adopted_from_a_home_that_rotated(house, nas)
    copy.depots.sync("nas", actor="test")
    store = copy.places[PLACE] if reached else copy.places.pop(PLACE)

    copy.erasure.erase(copy.vault.images()[0].id, actor="test", keep=copy.keep)
    copy.places[PLACE] = store
    done = copy.depots.sync("nas", actor="test")

    assert [(head.snapshot, head.epoch) for head in heads_of(nas)] == [(done.snapshot, 2)]
    with pytest.raises(NotFound):
        open_newest(nas, house.codes[-1], lost)


def test_an_erasure_before_the_depot_was_adopted_takes_that_backup_along_too(
    house: FakeHouse, nas: FakeObjects
) -> None:
    house.depots.sync("nas", actor="test")
    copy = drill(house)
    copy.objects.stored = dict(house.objects.stored)
    house.keys.rotate(actor="test", keep=house.keep)
    house.depots.sync("nas", actor="test")
    erased = copy.erasure.erase(copy.vault.images()[0].id, actor="test", keep=copy.keep)

    copy.depots.adopt("nas", actor="test")
    done = copy.depots.sync("nas", actor="test")

    assert erased.depots == {"nas": "depot-of-a-copy"}
    assert [head.snapshot for head in heads_of(nas)] == [done.snapshot]


def test_a_place_with_backups_and_no_mark_belongs_to_nobody_until_its_own_home_takes_it(
    house: FakeHouse, nas: FakeObjects
) -> None:
    house.depots.sync("nas", actor="test")
    del nas.stored["owner"]
    other = other_home(house, nas)

    with pytest.raises(Refused) as caught:
        other.depots.add("nas", "backup", PLACE, None, actor="test")
    assert caught.value.code == "depot-occupied"
    with pytest.raises(Refused, match="adopt"):
        house.depots.sync("nas", actor="test")

    house.depots.adopt("nas", actor="test")
    assert house.depots.sync("nas", actor="test").added == 0


def test_an_erasure_does_not_take_an_empty_mount_point_for_the_depot(
    house: FakeHouse, nas: FakeObjects
) -> None:
    house.depots.sync("nas", actor="test")
    nas.stored.clear()
    with house.records.begin() as unit:
        unit.catalogue.note_deletions("nas", ["img-x/original"])

    assert house.depots.erase(actor="test") == {"nas": "depot-emptied"}


def test_an_erasure_says_that_a_bucket_keeps_old_versions(house: FakeHouse) -> None:
    place = BucketPlace(endpoint="https://s3.example", bucket="b", access_key="a", secret_key="s")
    house.places[place] = FakeObjects()
    house.depots.add("cloud", "replica", place, None, actor="test")
    house.depots.sync("cloud", actor="test")
    house.bucket = BucketFacts(object_lock=True, versioning=True)
    with house.records.begin() as unit:
        unit.catalogue.note_deletions("cloud", ["img-x/original"])

    assert house.depots.erase(actor="test") == {"cloud": "erased-versions-stay"}


def test_one_place_has_one_name(house: FakeHouse, nas: FakeObjects) -> None:
    moved = FolderPlace(folder="/media/nas")
    house.places[moved] = nas

    for place in (PLACE, moved):
        with pytest.raises(Refused, match="another name here: nas"):
            house.depots.add("again", "backup", place, None, actor="test")


def test_a_depot_that_was_forgotten_comes_back_under_another_name_when_it_is_adopted(
    house: FakeHouse, nas: FakeObjects
) -> None:
    house.depots.sync("nas", actor="test")
    house.depots.forget("nas", actor="test")

    house.depots.add("other", "backup", PLACE, None, actor="test")

    with pytest.raises(Refused, match="pleura backup adopt other"):
        house.depots.sync("other", actor="test")
    house.depots.adopt("other", actor="test")
    assert house.depots.sync("other", actor="test").added == 0


def test_a_restored_home_that_does_not_know_its_depot_takes_it_over_only_when_it_is_told_to(
    house: FakeHouse,
) -> None:
    copy = drill(house)
    nas = house.folder("nas")
    house.depots.sync("nas", actor="test")
    copy.objects.stored = dict(house.objects.stored)
    before = dict(nas.stored)

    copy.depots.add("nas", "backup", PLACE, None, actor="test")

    with pytest.raises(Refused, match="pleura backup adopt nas"):
        copy.depots.sync("nas", actor="test")
    assert nas.stored == before
    copy.depots.adopt("nas", actor="test")
    assert copy.depots.sync("nas", actor="test").added == 0


@pytest.mark.parametrize("failing", [False, True])
def test_a_depot_whose_mark_is_damaged_is_taken_by_the_home_that_opens_its_snapshots(
    house: FakeHouse, nas: FakeObjects, monkeypatch: pytest.MonkeyPatch, *, failing: bool
) -> None:
    house.depots.sync("nas", actor="test")
    house.keys.reissue(actor="test", keep=house.keep)
    nas.stored["owner"] = b"\0\0"
    if failing:
        cannot_be_read(nas, "owner", monkeypatch)
    else:
        with pytest.raises(Refused, match="pleura backup adopt nas"):
            house.depots.sync("nas", actor="test")

    house.depots.adopt("nas", actor="test")

    assert house.depots.sync("nas", actor="test").added == 0
    assert newest_head(nas).taken == 2


def test_a_depot_whose_mark_is_damaged_is_nobodys_where_no_snapshot_opens(
    house: FakeHouse, nas: FakeObjects
) -> None:
    nas.stored["owner"] = b"\0\0"
    other = other_home(house, nas)

    with pytest.raises(Refused) as caught:
        house.depots.adopt("nas", actor="test")
    assert caught.value.code == "depot-occupied"
    with pytest.raises(Refused) as caught:
        other.depots.add("nas", "backup", PLACE, None, actor="test")
    assert (caught.value.code, nas.stored) == ("depot-occupied", {"owner": b"\0\0"})


def test_a_forgotten_backup_is_left_as_it_is_and_nothing_waits_for_it(
    house: FakeHouse, nas: FakeObjects
) -> None:
    house.depots.sync("nas", actor="test")
    before = dict(nas.stored)
    with house.records.begin() as unit:
        unit.catalogue.note_deletions("nas", ["img-x/original"])

    house.depots.forget("nas", actor="test")

    assert (house.depots.all(), nas.stored) == ([], before)
    with house.records.begin() as unit:
        assert unit.catalogue.waiting_deletions() == {}
    assert house.facts()[-1] == {"depot": "nas", "form": "forgotten"}
    house.depots.add("nas", "backup", PLACE, None, actor="test")
    assert house.depots.sync("nas", actor="test").added == 0


def test_rotated_keys_are_taken_for_the_same_bucket_only(house: FakeHouse) -> None:
    old = BucketPlace(endpoint="https://s3.example", bucket="b", access_key="old", secret_key="s")
    new, other = replace(old, access_key="new"), replace(old, bucket="c", access_key="new")
    house.places[old] = house.places[new] = FakeObjects()
    house.places[other] = FakeObjects()
    house.depots.add("cloud", "replica", old, None, actor="test")

    with pytest.raises(BadInput, match="another bucket"):
        house.depots.change("cloud", other, actor="test")
    house.depots.change("cloud", new, actor="test")

    assert house.depots.place("cloud") == new
    house.places[new] = FakeObjects()
    with pytest.raises(Refused, match="mark"):
        house.depots.change("cloud", new, actor="test")


def during(house: FakeHouse, act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another process *act* just before the next transaction that writes."""
    begin, waiting = house.records.begin, [act]

    def beginning() -> object:
        if waiting:
            waiting.pop()()
        return begin()

    monkeypatch.setattr(house.records, "begin", beginning)


def test_new_keys_and_answers_leave_what_a_test_found_meanwhile(
    house: FakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = BucketPlace(endpoint="https://s3.example", bucket="b", access_key="old", secret_key="s")
    new = replace(old, access_key="new")
    store = house.places[old] = house.places[new] = FakeObjects()
    house.depots.add("cloud", "replica", old, None, actor="test")
    house.depots.sync("cloud", actor="test")
    flip(store, boxes(store)[0])
    acts = [
        lambda: house.depots.change("cloud", new, actor="test"),
        lambda: house.depots.answer("cloud", GOOD, actor="test"),
    ]
    for act in acts:
        house.clock.advance(60)
        with monkeypatch.context() as other:
            during(house, lambda: house.depots.test("cloud", actor="test"), other)
            act()
        (depot,) = house.depots.all()
        assert (depot.test_result, depot.tested_at) == ("objects-damaged", house.clock.now())
    assert house.depots.place("cloud") == new


def test_answers_do_not_bring_back_a_depot_that_was_forgotten_meanwhile(
    house: FakeHouse, nas: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    during(house, lambda: house.depots.forget("nas", actor="test"), monkeypatch)

    with pytest.raises(NotFound):
        house.depots.answer("nas", GOOD, actor="test")

    assert house.depots.all() == []


# What is not as it should be


class Failing(io.BytesIO):
    """What a disk with a bad sector gives."""

    def readinto(self, buffer: object) -> int:
        raise EnvironmentFault("disk-failing", "the disk reports a fault", "check the disk")

    def read(self, size: int | None = -1) -> bytes:
        return bytes(self.readinto(bytearray(1)))


def cannot_be_read(
    store: FakeObjects, name: str, monkeypatch: pytest.MonkeyPatch, *, opens: bool = True
) -> None:
    """Let the disk fail to read what *name* is now; what is stored anew is sound."""
    read, bad = store.open, store.stored[name]

    def failing(asked: str) -> object:
        if asked != name or store.stored.get(name) is not bad:
            return read(asked)
        if opens:
            return Failing(bad)
        raise EnvironmentFault("object-unreadable", "it cannot be read", "check the disk")

    monkeypatch.setattr(store, "open", failing)


@pytest.mark.parametrize("opens", [True, False])
def test_a_box_that_the_disk_cannot_read_is_a_damaged_one_and_stops_nothing(
    house: FakeHouse, nas: FakeObjects, monkeypatch: pytest.MonkeyPatch, *, opens: bool
) -> None:
    house.depots.sync("nas", actor="test")
    image = house.vault.images()[0].id
    kept, name = Boxes(nas, house.keyring.depot_key), f"{image}/original"
    cannot_be_read(nas, kept.box(name), monkeypatch, opens=opens)

    restored = FakeObjects()
    assert fetch_objects(kept, every_image(house.records), restored, lambda _: None) == [name]
    assert len(restored.stored) == 3
    copy = drill(house)
    assert copy.depots.fetch("nas", actor="test") == Fetched(objects=3, lacking=[image])
    assert house.depots.verify("nas").damaged == [name]
    assert house.depots.test("nas", actor="test").result == "objects-damaged"
    assert house.depots.sync("nas", actor="test").added == 1
    assert house.depots.verify("nas").whole


def test_a_place_that_fails_as_a_whole_is_not_taken_for_a_damaged_box(
    house: FakeHouse, nas: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.depots.sync("nas", actor="test")
    cannot_be_read(nas, boxes(nas)[0], monkeypatch)

    def gone(_: str = "") -> object:
        raise EnvironmentFault("disk-failing", "the disk reports a fault", "check the disk")

    monkeypatch.setattr(nas, "names", gone)

    with pytest.raises(EnvironmentFault):
        house.depots.verify("nas")


def test_a_fault_of_the_disk_that_is_restored_to_is_not_taken_for_a_damaged_box(
    house: FakeHouse, nas: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.depots.sync("nas", actor="test")
    restored = FakeObjects()

    def failing(name: str, pieces: object) -> int:
        raise EnvironmentFault("disk-failing", "the disk reports a fault", "check the disk")

    monkeypatch.setattr(restored, "put", failing)

    with pytest.raises(EnvironmentFault):
        fetch_objects(
            Boxes(nas, house.keyring.depot_key), every_image(house.records), restored, lambda _: None
        )


def test_a_head_or_a_snapshot_that_the_disk_cannot_read_is_a_damaged_one(
    house: FakeHouse, nas: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = house.keys.reissue(actor="test", keep=house.keep)
    first = house.depots.sync("nas", actor="test").snapshot
    second = house.depots.sync("nas", actor="test").snapshot
    cannot_be_read(nas, f"heads/{first}", monkeypatch)
    cannot_be_read(nas, f"snapshots/{second}", monkeypatch)

    assert survey(nas).unreadable == [f"heads/{first}"]
    with pytest.raises(NotFound, match="--snapshot"):
        list(open_newest(nas, code)[2])


def test_an_object_that_is_missing_here_stops_no_backup_and_is_named(
    house: FakeHouse, nas: FakeObjects
) -> None:
    lost, sound = house.vault.images()
    del house.objects.stored[f"{lost.id}/original"]

    done = house.depots.sync("nas", actor="test")

    assert (done.objects, done.added, done.lacking) == (4, 3, [lost.id])
    assert [head.snapshot for head in heads_of(nas)] == [done.snapshot]
    assert house.facts()[-1]["lacking"] == 1
    assert {sound.id} & set(done.lacking) == set()


def test_an_object_that_the_disk_cannot_read_stops_no_backup(
    house: FakeHouse, nas: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = house.vault.images()[0].id
    read = house.objects.open

    def failing(name: str) -> object:
        return Failing(b"x") if name == f"{bad}/original" else read(name)

    monkeypatch.setattr(house.objects, "open", failing)

    assert house.depots.sync("nas", actor="test").lacking == [bad]


def test_a_fault_of_the_depot_is_not_taken_for_one_of_the_home(
    house: FakeHouse, nas: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(name: str, pieces: object) -> int:
        raise EnvironmentFault("disk-full", "the disk is full", "free some space")

    monkeypatch.setattr(nas, "put", full)

    with pytest.raises(EnvironmentFault, match="full"):
        house.depots.sync("nas", actor="test")


def test_a_damaged_object_is_replaced_by_a_sound_one_and_its_bytes_are_set_aside(
    house: FakeHouse, nas: FakeObjects
) -> None:
    house.depots.sync("nas", actor="test")
    image = house.vault.images()[0].id
    name, sound = f"{image}/original", house.objects.stored[f"{image}/original"]
    damaged = sound[:200] + bytes([sound[200] ^ 1]) + sound[201:]
    house.objects.stored[name] = damaged

    assert house.depots.fetch("nas", actor="test") == Fetched(objects=1, lacking=[])

    assert house.objects.stored[name] == sound
    assert house.objects.aside == [damaged]
    assert house.doctor.orphans() == []


def test_a_damaged_object_stays_as_it_is_when_the_depot_has_no_better_one(
    house: FakeHouse, nas: FakeObjects
) -> None:
    """It was damaged here already when it was sent: the box opens, and what is in it does not."""
    image = house.vault.images()[0].id
    name = f"{image}/original"
    damaged = damage(house, name)
    Boxes(nas, house.keyring.depot_key).put(name, house.objects)
    house.depots.sync("nas", actor="test")

    assert house.depots.fetch("nas", actor="test") == Fetched(objects=0, lacking=[image])

    assert (house.objects.stored[name], house.objects.aside) == (damaged, [])
    assert house.doctor.orphans() == []


def flip(store: FakeObjects, name: str) -> None:
    content = store.stored[name]
    store.stored[name] = content[:200] + bytes([content[200] ^ 1]) + content[201:]


def damage(house: FakeHouse, name: str) -> bytes:
    flip(house.objects, name)
    return house.objects.stored[name]


def test_an_object_that_is_damaged_here_is_not_sent_and_is_named(house: FakeHouse, nas: FakeObjects) -> None:
    lost = house.vault.images()[0].id
    damage(house, f"{lost}/original")

    done = house.depots.sync("nas", actor="test")

    assert (done.added, done.lacking) == (3, [lost])
    assert house.depots.verify("nas").missing == [f"{lost}/original"]


def test_a_sound_box_around_a_damaged_object_is_not_called_whole(house: FakeHouse, nas: FakeObjects) -> None:
    name = f"{house.vault.images()[0].id}/original"
    sound = house.objects.stored[name]
    damage(house, name)
    Boxes(nas, house.keyring.depot_key).put(name, house.objects)
    house.depots.sync("nas", actor="test")
    house.objects.stored[name] = sound

    assert house.depots.verify("nas").damaged == [name]
    assert house.depots.test("nas", actor="test").damaged == [name]
    assert house.depots.sync("nas", actor="test").added == 1
    assert house.depots.verify("nas").whole


def test_a_damaged_box_that_a_test_found_is_sent_anew_by_the_next_run(
    house: FakeHouse, nas: FakeObjects
) -> None:
    house.depots.sync("nas", actor="test")
    bad = boxes(nas)[0]
    flip(nas, bad)
    assert house.depots.sync("nas", actor="test").added == 0

    assert len(house.depots.test("nas", actor="test").damaged) == 1
    assert house.facts()[-1]["result"] == "objects-damaged"
    assert house.depots.sync("nas", actor="test").added == 1

    assert house.depots.test("nas", actor="test").whole
    assert all(check.ok for check in house.doctor.examine())


def test_a_damaged_box_stays_while_the_object_here_is_no_better(house: FakeHouse, nas: FakeObjects) -> None:
    house.depots.sync("nas", actor="test")
    image = house.vault.images()[0].id
    damage(house, f"{image}/original")
    box = Boxes(nas, house.keyring.depot_key).box(f"{image}/original")
    flip(nas, box)
    house.depots.test("nas", actor="test")

    assert house.depots.sync("nas", actor="test").lacking == [image]
    assert box in nas.stored


def test_runs_say_what_is_damaged_and_heal_until_a_run_leaves_nothing_damaged(
    house: FakeHouse, nas: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.depots.sync("nas", actor="test")
    image = house.vault.images()[0].id
    name = f"{image}/original"
    sound = house.objects.stored[name]
    flip(nas, Boxes(nas, house.keyring.depot_key).box(name))
    damage(house, name)
    house.depots.test("nas", actor="test")

    for _ in range(2):
        house.clock.advance(60)
        assert house.depots.sync("nas", actor="test").lacking == [image]
    house.objects.stored[name] = sound
    house.clock.advance(60)
    done = house.depots.sync("nas", actor="test")

    assert (done.added, done.lacking) == (1, [])
    assert house.depots.all()[0].test_result == "objects-healed"
    with monkeypatch.context() as unread:
        unread.setattr(Boxes, "opened", None)
        house.depots.sync("nas", actor="test")
    assert house.depots.test("nas", actor="test").whole
    assert house.depots.all()[0].test_result == ""


def test_what_a_test_finds_while_a_run_heals_is_not_called_healed(house: FakeHouse, nas: FakeObjects) -> None:
    house.depots.sync("nas", actor="test")
    first, *_, last = [f"{sealed.image.id}/original" for sealed in every_image(house.records)]
    kept = Boxes(nas, house.keyring.depot_key)
    flip(nas, kept.box(last))
    house.depots.test("nas", actor="test")

    def advance(_: int) -> None:
        house.clock.advance(60)
        flip(nas, kept.box(first))
        house.depots.test("nas", actor="test")

    house.depots.sync("nas", actor="test", advance=advance)

    assert house.depots.all()[0].test_result == "objects-damaged"
    assert house.depots.sync("nas", actor="test").added == 1


def test_a_whole_test_does_not_miss_what_came_in_since_the_backup(
    house: FakeHouse, nas: FakeObjects, tmp_path: Path
) -> None:
    house.depots.sync("nas", actor="test")
    receive(house, tmp_path, 3)

    report = house.depots.test("nas", actor="test", whole=True)

    assert (report.objects, report.whole) == (4, True)
    assert all(check.ok for check in house.doctor.examine())


def test_after_a_test_that_failed_the_next_one_reads_every_object(
    house: FakeHouse, nas: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pleura.prevent.depots.depots.TESTED_OBJECTS", 1)
    house.depots.sync("nas", actor="test")
    last = max(image.id for image in house.vault.images())
    box = Boxes(nas, house.keyring.depot_key).box(f"{last}/original")
    flip(nas, box)
    assert house.depots.test("nas", actor="test").whole

    assert not house.depots.test("nas", actor="test", whole=True).whole
    assert not house.depots.test("nas", actor="test").whole


@pytest.mark.parametrize(
    ("name", "content"),
    [("heads/Thumbs.db", b"\0"), ("heads/snp-000000000001", b""), ("heads/snp-000000000001", b"{}")],
)
def test_what_lies_among_the_heads_and_is_none_hides_no_snapshot(
    house: FakeHouse, nas: FakeObjects, name: str, content: bytes
) -> None:
    first = house.depots.sync("nas", actor="test").snapshot
    nas.put(name, [content])
    code = house.keys.reissue(actor="test", keep=house.keep)

    second = house.depots.sync("nas", actor="test").snapshot

    found = survey(nas)
    assert ([head.snapshot for head in found.heads], found.unreadable) == ([first, second], [name])
    assert house.depots.test("nas", actor="test").whole
    assert open_newest(nas, code)[0].snapshot == second
    (check,) = [check for check in house.doctor.examine() if check.name == "backup nas"]
    assert (check.ok, check.facts["some"]) == (False, name)


def test_the_snapshot_of_a_damaged_head_is_kept_for_a_person_to_look_at(
    house: FakeHouse, nas: FakeObjects
) -> None:
    first = house.depots.sync("nas", actor="test").snapshot
    nas.stored[f"heads/{first}"] = b"damaged"
    nas.times[f"snapshots/{first}"] = house.clock.now() - timedelta(days=9)

    house.depots.sync("nas", actor="test")

    assert f"snapshots/{first}" in nas.stored


def test_a_store_that_is_silent_is_not_taken_for_one_without_heads(
    house: FakeHouse, nas: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.depots.sync("nas", actor="test")

    def silent(_: str) -> object:
        raise EnvironmentFault("bucket-unreachable", "the store does not answer", "check the network")

    monkeypatch.setattr(nas, "open", silent)

    with pytest.raises(EnvironmentFault):
        survey(nas)


def test_a_run_that_is_told_to_stop_does_so_at_the_next_object_and_goes_on_later(
    house: FakeHouse, nas: FakeObjects
) -> None:
    sent: list[int] = []

    with pytest.raises(EnvironmentFault) as caught:
        house.depots.sync("nas", actor="test", advance=sent.append, is_stopped=lambda: len(sent) >= 2)

    assert (caught.value.code, len(sent), heads_of(nas)) == ("stopped", 2, [])
    assert house.depots.sync("nas", actor="test").added == 2


def test_many_boxes_are_remembered_in_little_memory() -> None:
    present = Present()
    names = [f"objects/{digest(str(number).encode()).hex()}" for number in range(2000)]
    for name in names[:1000]:
        present.add(name)
    present.add("objects/Thumbs.db")

    assert all(name in present for name in names[:1000])
    assert not any(name in present for name in names[1000:])
