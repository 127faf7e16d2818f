"""Catalogue and ledger in a real SQLite file and a real PostgreSQL: threads, kills, faults, migrations."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.fakes.records import FakeRecords
from tests.servers.postgres import fresh_database

from pleura.adapters.clock import SystemClock
from pleura.adapters.database import engine as engine_module
from pleura.adapters.database import migrate, transfer
from pleura.adapters.database.engine import open_engine, open_schema_engine
from pleura.adapters.database.migrate import current, downgrade, head, upgrade
from pleura.adapters.database.records import Database
from pleura.adapters.database.records import fill as fill_database
from pleura.adapters.database.schema import metadata
from pleura.adapters.database.transfer import census
from pleura.crypto.signing import Signer
from pleura.domain.copies import SealedCopy
from pleura.domain.custody.erasure import BegunErasure, ErasureRequest, Restriction
from pleura.domain.errors import BadInput, EnvironmentFault, LedgerBroken, NotFound
from pleura.domain.images import MOST_TEXT, Image, Patient, SealedImage, Study
from pleura.domain.installation import Account, Depot, InstallationKey
from pleura.domain.ports import Records, Unit
from pleura.entrypoints.cli.vault.move import database_url
from pleura.ledger.ledger import Ledger

SIGNER = Signer.from_bytes(bytes(range(32)))
ORIGIN = "pleura.ledger/test"
AT = datetime(2026, 11, 24, 9, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pleura.db"


@pytest.fixture
def url(file: Path) -> str:
    address = f"sqlite:///{file}"
    upgrade(address)
    return address


@pytest.fixture
def records(url: str) -> Iterator[Database]:
    with contextlib.closing(Database(url)) as database:
        yield database


@pytest.fixture
def server_url(sockets: str) -> str:
    return database_url(fresh_database(sockets, f"test_{secrets.token_hex(6)}"))


@pytest.fixture
def on_server(server_url: str) -> Iterator[Database]:
    upgrade(server_url)
    with contextlib.closing(Database(server_url)) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, file: Path) -> str:
    """Where a database is to be."""
    if request.param == "sqlite":
        return f"sqlite:///{file}"
    return str(request.getfixturevalue("server_url"))


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Records]:
    """The fake and the real things: what the unit tests rely on is checked on all."""
    if request.param == "fake":
        yield FakeRecords()
    else:
        yield request.getfixturevalue({"sqlite": "records", "postgresql": "on_server"}[request.param])


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(SIGNER, ORIGIN, SystemClock())


def count_copies(unit: Unit) -> int:
    catalogue = unit.catalogue
    return sum(len(catalogue.copies_of(sealed.image.id)) for sealed in catalogue.images())


def patient(number: int = 1) -> Patient:
    return Patient(
        id=f"pat-{number}",
        index=b"p%d" % number,
        root_epoch=3,
        wrapped_kek=b"kek",
        sealed_identity=b"\x00identity\xff",
    )


def study(number: int = 1) -> Study:
    return Study(id=f"stu-{number}", patient="pat-1", index=b"s%d" % number)


def image(number: int = 1) -> SealedImage:
    return SealedImage(
        image=Image(
            id=f"img-{number}",
            study="stu-1",
            patient="pat-1",
            modality="DX",
            device_serial="SN 42 胸",
            rows=2500,
            columns=2048,
            bits_stored=12,
            origin="dicom",
            received_at=AT + timedelta(seconds=number),
        ),
        content_index=b"c%d" % number,
        instance_index=b"i%d" % number,
        object_name=f"img-{number}/original",
        object_size=5 << 32,
        object_commitment=b"o%d" % number,
        sketch_name=f"img-{number}/sketch",
        sketch_commitment=b"s%d" % number,
        wrapped_dek=b"dek",
        sealed_facts=b"facts",
    )


def copy(number: int, ledger_index: int) -> SealedCopy:
    return SealedCopy(
        copy=f"cpy-{number}",
        image="img-1",
        issued_at=AT,
        ledger_index=ledger_index,
        mark_version=1,
        sealed_record=b"record",
    )


ACCOUNT = Account(name="管理员", role="administrator", password_hash="$argon2id$…", created_at=AT)


def fill(records: Records) -> None:
    with records.begin() as unit:
        unit.catalogue.add_patient(patient())
        unit.catalogue.add_study(study())
        for number in (2, 1, 3):
            unit.catalogue.add_image(image(number))


def fill_more(records: Records) -> None:
    with records.begin() as unit:
        unit.catalogue.add_image(image(9))


def fill_with_copies(records: Records, ledger: Ledger) -> None:
    """Rows in every table that the first release had."""
    fill(records)
    with records.begin() as unit:
        unit.catalogue.add_key(InstallationKey(purpose="index", root_epoch=3, wrapped=b"wrapped"))
        unit.catalogue.add_account(ACCOUNT)
        for number in (1, 2):
            index = ledger.append(unit.ledger, "sign-in", "web:管理员").index
            unit.catalogue.add_copy(copy(number, index))


def reflected(connection: sqlalchemy.Connection) -> list[sqlalchemy.Table]:
    """The tables that are there now, whatever this program thinks."""
    found = sqlalchemy.MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def rows_of(url: str) -> dict[str, tuple[int, set[tuple[object, ...]]]]:
    """For every table the number of its rows and the rows."""
    engine = open_engine(url)
    with engine.begin() as connection:
        rows = {table.name: connection.execute(table.select()).all() for table in reflected(connection)}
    engine.dispose()
    return {name: (len(found), {tuple(row) for row in found}) for name, found in rows.items()}


def dump_of_today(url: str, revision: str) -> Iterator[bytes]:
    """What an older program, whose tables are the ones at *url* now, would have dumped."""
    yield transfer._frame(transfer.Header(format="pleura-dump-1", revision=revision))
    engine, counts = open_engine(url), {}
    with engine.begin() as connection:
        for table in reflected(connection):
            rows = [[with_zone(value) for value in row] for row in connection.execute(table.select())]
            counts[str(table.name)] = len(rows)
            columns = [str(column.name) for column in table.columns]
            yield transfer._frame(transfer._Rows(table=str(table.name), columns=columns, rows=rows))
    engine.dispose()
    yield transfer._frame(transfer._End(counts=counts))


def with_zone(value: object) -> object:
    is_bare = isinstance(value, datetime) and value.tzinfo is None
    return value.replace(tzinfo=UTC) if is_bare else value  # type: ignore[attr-defined]


def stored_rows(file: Path) -> int:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        (count,) = connection.execute("select count(*) from ledger").fetchone()
    return int(count)


# What comes back


def test_what_was_stored_comes_back_equal(either: Records) -> None:
    key = InstallationKey(purpose="index", root_epoch=3, wrapped=b"wrapped")
    fill(either)
    with either.begin() as unit:
        unit.catalogue.add_key(key)
        unit.catalogue.add_account(ACCOUNT)

    with either.begin() as unit:
        catalogue = unit.catalogue
        assert catalogue.patient("pat-1") == catalogue.patient_by_index(b"p1") == patient()
        assert catalogue.study_by_index(b"s1") == study()
        assert catalogue.image("img-2") == catalogue.image_by_content(b"c2") == image(2)
        assert catalogue.image_by_instance(b"i3") == image(3)
        assert catalogue.key("index") == key
        assert catalogue.account("管理员") == ACCOUNT


def test_images_come_oldest_first(either: Records) -> None:
    fill(either)

    with either.begin() as unit:
        assert [sealed.image.id for sealed in unit.catalogue.images()] == ["img-1", "img-2", "img-3"]


def test_a_sketch_is_forgotten_by_its_name_and_set_once(either: Records) -> None:
    fill(either)

    with either.begin() as unit:
        rows = unit.catalogue
        assert not rows.forget_sketch("img-1", "img-2/sketch")
        assert not rows.forget_sketch("img-9", "img-9/sketch")
        assert rows.unsketched() == []
        assert rows.forget_sketch("img-1", "img-1/sketch")
        assert not rows.forget_sketch("img-1", "img-1/sketch")

    with either.begin() as unit:
        assert unit.catalogue.unsketched() == ["img-1"]
        assert unit.catalogue.image("img-1").sketch_commitment is None
        assert unit.catalogue.set_sketch("img-1", "img-1/another", b"s")
        assert not unit.catalogue.set_sketch("img-1", "img-1/third", b"t")
        assert unit.catalogue.image("img-1").sketch_name == "img-1/another"


def test_copies_come_in_the_order_of_the_ledger(either: Records, ledger: Ledger) -> None:
    fill(either)
    with either.begin() as unit:
        indexes = [ledger.append(unit.ledger, "sign-in", "web").index for _ in range(3)]
        for number, index in zip((7, 5, 6), reversed(indexes), strict=True):
            unit.catalogue.add_copy(copy(number, index))

    with either.begin() as unit:
        assert [one.copy for one in unit.catalogue.copies_of("img-1")] == ["cpy-6", "cpy-5", "cpy-7"]
        assert unit.catalogue.copies_of("img-2") == []
        assert count_copies(unit) == 3


def test_what_is_not_there_is_none_or_not_found(either: Records) -> None:
    with either.begin() as unit:
        catalogue = unit.catalogue
        found = [
            catalogue.key("mark"),
            catalogue.account("nobody"),
            catalogue.patient_by_index(b""),
            catalogue.study_by_index(b""),
            catalogue.image_by_content(b""),
            catalogue.image_by_instance(b""),
            unit.ledger.last(),
        ]
        assert found == [None] * 7
        assert (list(unit.ledger.rows()), list(catalogue.images())) == ([], [])
        with pytest.raises(NotFound):
            catalogue.patient("pat-1")
        with pytest.raises(NotFound):
            catalogue.image("img-1")


def test_a_unit_that_raises_leaves_nothing(either: Records, ledger: Ledger) -> None:
    fill(either)

    def half() -> None:
        with either.begin() as unit:
            index = ledger.append(unit.ledger, "sign-in", "web").index
            unit.catalogue.add_copy(copy(1, index))
            raise NotFound("gone", "it is gone", "look elsewhere")

    with pytest.raises(NotFound):
        half()

    with either.begin() as unit:
        assert (count_copies(unit), unit.ledger.last()) == (0, None)


def test_a_unique_value_is_stored_once(either: Records) -> None:
    fill(either)
    twin = replace(image(9), content_index=b"c1")

    def add_twin() -> None:
        with either.begin() as unit:
            unit.catalogue.add_image(twin)

    with pytest.raises((ValueError, sqlalchemy.exc.IntegrityError)):
        add_twin()


def test_rows_of_the_ledger_come_back_as_they_went_in(either: Records, ledger: Ledger) -> None:
    with either.begin() as unit:
        for _ in range(1100):
            ledger.append(unit.ledger, "sign-in", "web:管理员")

    with either.begin() as unit:
        last = unit.ledger.last()
        assert last is not None
        assert [row.index for row in unit.ledger.rows(1097)] == [1097, 1098, 1099]
        assert last == list(unit.ledger.rows())[-1]
        assert ledger.verify(unit.ledger, SIGNER.public).entries == 1100


def test_a_moment_keeps_its_instant_whatever_its_time_zone(records: Database) -> None:
    beijing = timezone(timedelta(hours=8))
    with records.begin() as unit:
        unit.catalogue.add_account(replace(ACCOUNT, created_at=AT.astimezone(beijing)))

    with records.begin() as unit:
        account = unit.catalogue.account("管理员")
    assert account is not None
    assert (account.created_at, account.created_at.tzinfo) == (AT, UTC)


def test_a_copy_cannot_name_an_entry_that_is_not_in_the_ledger(records: Database) -> None:
    fill(records)

    def add_copy() -> None:
        with records.begin() as unit:
            unit.catalogue.add_copy(copy(1, 0))

    with pytest.raises(sqlalchemy.exc.IntegrityError):
        add_copy()


def test_deleting_the_row_of_her_key_is_all_that_erasing_a_patient_takes(
    records: Database, file: Path
) -> None:
    marker = b"KEK-THAT-MUST-VANISH-0123456789"
    with records.begin() as unit:
        unit.catalogue.add_patient(replace(patient(), wrapped_kek=marker))
    engine = open_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("delete from patient_keys where patient = 'pat-1'"))
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()

    with records.begin() as unit, pytest.raises(NotFound):
        unit.catalogue.patient("pat-1")
    assert all(marker not in path.read_bytes() for path in file.parent.iterdir())


def test_a_page_of_images_is_newest_first_and_goes_on_where_the_last_ended(either: Records) -> None:
    with either.begin() as unit:
        unit.catalogue.add_patient(patient())
        unit.catalogue.add_patient(patient(2))
        unit.catalogue.add_study(study())
        for number in range(1, 8):
            made = image(number)
            of = "pat-2" if number % 3 == 0 else "pat-1"
            # Two arrive in the same moment: the name decides.
            at = AT + timedelta(seconds=number // 2)
            unit.catalogue.add_image(replace(made, image=replace(made.image, patient=of, received_at=at)))

    with either.begin() as unit:
        page = unit.catalogue.image_page
        names = [found.id for found in page(100, None, None)]
        assert names == ["img-7", "img-6", "img-5", "img-4", "img-3", "img-2", "img-1"]
        assert [found.id for found in page(3, None, None)] == names[:3]
        assert [found.id for found in page(3, "img-5", None)] == names[3:6]
        assert [found.id for found in page(3, "img-1", None)] == []
        assert [found.id for found in page(9, None, "pat-2")] == ["img-6", "img-3"]
        sealed = unit.catalogue.sealed_page
        assert [found.image.id for found in sealed("", 3)] == ["img-1", "img-2", "img-3"]
        assert [found.image.id for found in sealed("img-5", 9)] == ["img-6", "img-7"]
        assert sealed("img-7", 9) == []
        assert [found.id for found in page(9, "img-6", "pat-2")] == ["img-3"]
        assert unit.catalogue.image_count() == 7


def test_an_erased_image_takes_its_copies_and_its_empty_study_along(either: Records, ledger: Ledger) -> None:
    fill(either)
    with either.begin() as unit:
        index = ledger.append(unit.ledger, "sign-in", "web").index
        unit.catalogue.add_copy(copy(1, index))

    with either.begin() as unit:
        unit.catalogue.erase_image("img-1")
        assert [found.image.id for found in unit.catalogue.images_of_study("stu-1")] == ["img-2", "img-3"]
        assert unit.catalogue.copies_of("img-1") == []
        unit.catalogue.erase_image("img-2")
        unit.catalogue.erase_image("img-3")
        assert unit.catalogue.study_by_index(b"s1") is None
        unit.catalogue.erase_patient("pat-1")
        assert unit.catalogue.patient_by_index(b"p1") is None


def test_a_patient_gets_another_key_with_all_that_hangs_on_it(either: Records, ledger: Ledger) -> None:
    fill(either)
    with either.begin() as unit:
        for number in (1, 2):
            unit.catalogue.add_copy(copy(number, ledger.append(unit.ledger, "sign-in", "web").index))
    new_patient = replace(patient(), root_epoch=4, wrapped_kek=b"new kek", sealed_identity=b"new identity")
    new_image = replace(image(1), wrapped_dek=b"new dek", sealed_facts=b"new facts")
    new_copy = replace(copy(1, 0), sealed_record=b"new record")

    with either.begin() as unit:
        unit.catalogue.rekey(new_patient, [new_image], [new_copy])

    with either.begin() as unit:
        assert unit.catalogue.patient("pat-1") == new_patient
        assert unit.catalogue.image("img-1") == new_image
        assert unit.catalogue.image("img-2") == image(2)
        assert unit.catalogue.copies_of("img-1") == [new_copy, copy(2, 1)]
        unit.catalogue.rekey(patient(), [], [])
        assert unit.catalogue.patient("pat-1") == patient()


def test_what_an_erasure_still_has_to_do_is_remembered_until_it_is_done(
    either: Records, ledger: Ledger
) -> None:
    with either.begin() as unit:
        indexes = [ledger.append(unit.ledger, "sign-in", "web").index for _ in range(2)]
        begun = [
            BegunErasure(
                subject=subject, images=("img-1", "img-2"), copies=3, root_epoch=1, ledger_index=index
            )
            for subject, index in zip(("stu-2", "stu-1"), indexes, strict=True)
        ]
        for each in begun:
            unit.catalogue.begin_erasure(each)
        for place in ("", "nas"):
            unit.catalogue.note_deletions(place, ["img-2/original", "img-1/original"])

    with either.begin() as unit:
        rows = unit.catalogue
        assert rows.begun_erasures() == begun
        assert rows.waiting_deletions() == {"": 2, "nas": 2}
        assert rows.deletions("nas") == ["img-1/original", "img-2/original"]
        assert rows.deletions("cloud") == []
        rows.drop_deletions("nas", ["img-1/original"])
        rows.drop_deletions("", ["img-1/original", "img-2/original"])
        rows.end_erasure("stu-2")

    with either.begin() as unit:
        assert unit.catalogue.begun_erasures() == begun[1:]
        assert unit.catalogue.waiting_deletions() == {"nas": 1}


def test_patient_keys_are_wrapped_again_page_by_page(either: Records) -> None:
    with either.begin() as unit:
        for number in range(5):
            unit.catalogue.add_patient(patient(number))
        unit.catalogue.add_key(InstallationKey(purpose="index", root_epoch=3, wrapped=b"old"))

    with either.begin() as unit:
        page = unit.catalogue.patient_keys("pat-1", 2)
        assert [key.patient for key in page] == ["pat-2", "pat-3"]
        unit.catalogue.replace_patient_keys([replace(key, root_epoch=4, wrapped_kek=b"new") for key in page])
        unit.catalogue.replace_key(InstallationKey(purpose="index", root_epoch=4, wrapped=b"new"))

    with either.begin() as unit:
        everything = unit.catalogue.patient_keys("", 9)
        assert [key.root_epoch for key in everything] == [3, 3, 4, 4, 3]
        assert unit.catalogue.patient("pat-2").wrapped_kek == b"new"
        key = unit.catalogue.key("index")
        assert key is not None
        assert (key.root_epoch, key.wrapped) == (4, b"new")


def test_rules_restrictions_requests_and_depots_come_back(either: Records) -> None:
    request = ErasureRequest(name="era-1", subject="img-1", asked_by="cli:a", asked_at=AT)
    depot = Depot(name="nas", kind="backup", sealed_place=b"place", checklist="")
    with either.begin() as unit:
        rows = unit.catalogue
        assert rows.policy("custody") is None
        rows.set_policy("custody", "outpatient")
        rows.set_policy("custody", "inpatient")
        rows.restrict(Restriction(subject="stu-1", since=AT))
        rows.restrict(Restriction(subject="stu-1", since=AT + timedelta(days=1)))
        rows.add_erasure_request(request)
        rows.put_depot(depot)
        rows.put_depot(replace(depot, synced_at=AT, test_result="seal-broken"))

    with either.begin() as unit:
        rows = unit.catalogue
        assert rows.policy("custody") == "inpatient"
        assert rows.restricted(["img-1", "stu-1"]) == Restriction(subject="stu-1", since=AT)
        assert rows.restricted(["img-1"]) is None
        assert rows.erasure_request("era-1") == rows.erasure_request("img-1") == request
        assert rows.erasure_requests() == [request]
        assert rows.depots() == [replace(depot, synced_at=AT, test_result="seal-broken")]
        rows.lift("stu-1")
        rows.drop_erasure_request("era-1")
        assert (rows.restricted(["stu-1"]), rows.erasure_request("era-1")) == (None, None)


# From one database to another


def test_a_dump_fills_another_database_with_the_same(
    records: Database, on_server: Database, sockets: str, tmp_path: Path, ledger: Ledger
) -> None:
    fill(records)
    with records.begin() as unit:
        index = ledger.append(unit.ledger, "sign-in", "web:管理员").index
        unit.catalogue.add_copy(copy(1, index))
        unit.catalogue.add_account(ACCOUNT)
    there = database_url(fresh_database(sockets, "filled"))
    back = f"sqlite:///{tmp_path / 'back.db'}"

    fill_database(there, records.dump())
    with contextlib.closing(Database(there)) as copied:
        fill_database(back, copied.dump())
        counted = census(copied.dump())
        with copied.begin() as unit:
            assert ledger.verify(unit.ledger, SIGNER.public).entries == 1

    assert counted == census(records.dump())
    with contextlib.closing(Database(back)) as again:
        assert census(again.dump()) == counted
    assert counted["images"][0] == 3


def test_one_changed_byte_shows_in_the_census(records: Database, tmp_path: Path) -> None:
    fill(records)
    before = census(records.dump())
    with records.begin() as unit:
        unit.catalogue.replace_patient_keys(
            [replace(key, wrapped_kek=b"keK") for key in unit.catalogue.patient_keys("", 1)]
        )

    after = census(records.dump())

    assert {name for name in after if after[name] != before[name]} == {"patient_keys"}


@pytest.mark.parametrize("damage", ["cut", "cut-frame", "other", "grown", "doubled", "twice", "followed"])
def test_a_damaged_dump_fills_nothing(records: Database, tmp_path: Path, damage: str) -> None:
    fill(records)
    pieces = list(records.dump())
    target = tmp_path / "target.db"
    damaged = {
        "cut": pieces[:-1],
        "cut-frame": [*pieces[:-1], pieces[-1][:-1]],
        "other": [b"\x00\x00\x00\x01\xc0"],
        "grown": [*pieces[:2], *pieces[1:]],
        "doubled": [b"\xff\xff\xff\xff", *pieces],
        "twice": [*pieces, *pieces[1:]],
        "followed": [*pieces, b"\0"],
    }[damage]

    with pytest.raises((BadInput, sqlalchemy.exc.IntegrityError)):
        fill_database(f"sqlite:///{target}", damaged)

    if target.exists() and current(f"sqlite:///{target}") is not None:
        with contextlib.closing(Database(f"sqlite:///{target}")) as filled, filled.begin() as unit:
            assert unit.catalogue.image_count() == 0


def test_a_database_that_holds_something_is_not_filled(records: Database, url: str) -> None:
    with pytest.raises(BadInput, match="not empty"):
        fill_database(url, records.dump())


def test_a_dump_of_the_first_release_fills_a_database_of_this_one(tmp_path: Path) -> None:
    frames = [
        transfer._frame(transfer.Header(format="pleura-dump-1", revision="0001")),
        transfer._frame(
            transfer._Rows(
                table="patients",
                columns=["id", "index", "sealed_identity"],
                rows=[["pat-1", b"p1", b"sealed"]],
            )
        ),
        transfer._frame(
            transfer._Rows(
                table="patient_keys",
                columns=["patient", "root_epoch", "wrapped_kek"],
                rows=[["pat-1", 3, b"kek"]],
            )
        ),
        transfer._frame(transfer._End(counts={"patients": 1, "patient_keys": 1})),
    ]
    target = f"sqlite:///{tmp_path / 'new.db'}"

    fill_database(target, frames)

    assert current(target) == head()
    with contextlib.closing(Database(target)) as records, records.begin() as unit:
        assert unit.catalogue.patient("pat-1").wrapped_kek == b"kek"


def test_a_dump_of_the_first_release_with_copies_fills_a_database_of_this_one(
    empty_url: str, tmp_path: Path, ledger: Ledger
) -> None:
    upgrade(empty_url)
    with contextlib.closing(Database(empty_url)) as records:
        fill_with_copies(records, ledger)
        before = census(records.dump())
    downgrade(empty_url, "0001")
    target = f"sqlite:///{tmp_path / 'new.db'}"

    fill_database(target, dump_of_today(empty_url, "0001"))

    with contextlib.closing(Database(target)) as filled:
        after = census(filled.dump())
        with filled.read() as unit:
            assert unit.catalogue.image("img-2").image == image(2).image
    assert set(after) == set(before)
    assert {name: after[name] for name in after if name != "images"} == {
        name: before[name] for name in before if name != "images"
    }


def test_a_dump_of_rows_that_refer_to_nothing_fills_nothing(tmp_path: Path) -> None:
    frames = [
        transfer._frame(transfer.Header(format="pleura-dump-1", revision=head())),
        transfer._frame(
            transfer._Rows(
                table="studies", columns=["id", "patient", "index"], rows=[["stu-1", "pat-9", b"s"]]
            )
        ),
        transfer._frame(transfer._End(counts={"studies": 1})),
    ]
    target = f"sqlite:///{tmp_path / 'new.db'}"

    with pytest.raises(BadInput, match="not whole"):
        fill_database(target, frames)

    assert current(target) is None


def test_a_dump_sees_one_moment_and_keeps_no_writer_waiting(either: Records, ledger: Ledger) -> None:
    if isinstance(either, FakeRecords):
        pytest.skip("the fake has no moments")
    with either.begin() as unit:
        for _ in range(1200):
            ledger.append(unit.ledger, "sign-in", "web")

    dumping = either.dump()
    first = [next(dumping), next(dumping)]
    with either.begin() as unit:
        ledger.append(unit.ledger, "sign-in", "web")
    rest = list(dumping)

    assert census([*first, *rest])["ledger"][0] == 1200


# Readers


def test_a_reader_that_stays_keeps_no_writer_waiting_and_sees_one_moment(
    either: Records, ledger: Ledger
) -> None:
    fill(either)
    with either.begin() as unit:
        for _ in range(1200):
            ledger.append(unit.ledger, "sign-in", "web")

    with either.read() as reader:
        rows = reader.ledger.rows()
        first = next(rows)
        with either.begin() as unit:
            ledger.append(unit.ledger, "sign-in", "web")
            unit.catalogue.add_image(image(9))
        rest = list(rows)
        assert reader.catalogue.image_count() == 3

    assert (first.index, rest[-1].index) == (0, 1199)
    with either.read() as reader:
        assert reader.catalogue.image_count() == 4


def test_a_reader_writes_nothing(either: Records) -> None:
    fill(either)

    def write() -> None:
        with either.read() as unit:
            unit.catalogue.add_account(ACCOUNT)

    with pytest.raises(EnvironmentFault):
        write()

    with either.read() as unit:
        assert unit.catalogue.account("管理员") is None


def test_a_writer_on_the_server_waits_for_another_one_but_not_for_ever(
    on_server: Database, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = tuple(each.replace("30s", "50ms") for each in engine_module._BEGIN_ALONE)
    assert impatient != engine_module._BEGIN_ALONE
    with contextlib.closing(Database(server_url)) as other, on_server.begin():
        monkeypatch.setattr(engine_module, "_BEGIN_ALONE", impatient)
        assert code_of(other) == "database-locked"


def test_a_commit_on_the_server_is_durable_whatever_the_server_was_told(
    on_server: Database, server_url: str
) -> None:
    engine = open_engine(server_url)
    with engine.begin() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    engine.dispose()
    found = []
    for opened in (open_engine(server_url), open_schema_engine(server_url)):
        with opened.begin() as connection:
            found.append(connection.exec_driver_sql("SHOW synchronous_commit").scalar_one())
        opened.dispose()
    plain = sqlalchemy.create_engine(server_url)
    with plain.begin() as connection:
        found.append(connection.exec_driver_sql("SHOW synchronous_commit").scalar_one())
    plain.dispose()

    assert found == ["on", "on", "off"]


def test_what_keeps_erased_bytes_from_being_scrubbed_is_said(
    url: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = tuple(each.replace("30000", "50") for each in engine_module._PRAGMAS)
    monkeypatch.setattr(engine_module, "_PRAGMAS", quick)
    with (
        contextlib.closing(Database(url)) as records,
        contextlib.closing(sqlite3.connect(file, isolation_level=None)) as reader,
    ):
        fill(records)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM images").fetchone()
        fill_more(records)

        with pytest.raises(EnvironmentFault) as caught:
            records.scrub()
        assert caught.value.code == "database-locked"
        reader.execute("COMMIT")
        records.scrub()
        assert file.with_name("pleura.db-wal").stat().st_size == 0


# Many at once, and killed


def test_four_threads_append_to_one_ledger_without_a_gap(records: Database, ledger: Ledger) -> None:
    def write(worker: int) -> None:
        for _ in range(50):
            with records.begin() as unit:
                ledger.append(unit.ledger, "sign-in", f"web:{worker}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))

    with records.begin() as unit:
        assert ledger.verify(unit.ledger, SIGNER.public).entries == 200


WRITER = """
    import sys
    from contextlib import closing
    from datetime import UTC, datetime
    from pleura.adapters.clock import SystemClock
    from pleura.adapters.database.records import Database
    from pleura.crypto.signing import Signer
    from pleura.domain.copies import SealedCopy
    from pleura.ledger.ledger import Ledger

    ledger = Ledger(Signer.from_bytes(bytes(range(32))), "pleura.ledger/test", SystemClock())
    number = int(sys.argv[2])
    with closing(Database(sys.argv[1])) as records:
        while True:
            with records.begin() as unit:
                index = ledger.append(unit.ledger, "sign-in", "web").index
                unit.catalogue.add_copy(
                    SealedCopy(copy=f"cpy-{number}-{index}", image="img-1", issued_at=datetime.now(UTC),
                               ledger_index=index, mark_version=2, sealed_record=bytes(20000))
                )
            print(index, flush=True)
"""


def killed_writer(url: str, number: int, answers: int) -> int:
    """The last index that a writer answered before it was killed with SIGKILL in mid-loop."""
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), url, str(number)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    with child.stdout:
        for _ in range(answers):
            child.stdout.readline()
        child.kill()
        rest = child.stdout.read().split()
    child.wait()
    return int(rest[-1]) if rest else -1


def test_a_killed_writer_loses_nothing_that_it_answered(records: Database, url: str, ledger: Ledger) -> None:
    fill(records)

    for number in range(6):
        answered = killed_writer(url, number, 5 + 11 * number)
        with records.begin() as unit:
            entries = ledger.verify(unit.ledger, SIGNER.public).entries
            indexes = [one.ledger_index for one in unit.catalogue.copies_of("img-1")]
        assert entries > answered
        assert indexes == list(range(entries))


# Tampering with the file


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("update ledger set entry = (select entry from ledger where [index] = 1) where [index] = 4",
         "ledger-frontier-wrong"),
        ("delete from ledger where [index] = 4", "ledger-index-gap"),
        ("update ledger set head = (select head from ledger where [index] = 5) where [index] = 4",
         "ledger-head-wrong"),
        ("update ledger set frontier = x'00' where [index] = 4", "ledger-frontier-wrong"),
        ("delete from ledger", "ledger-empty"),
    ],
)  # fmt: skip
def test_a_change_with_the_sqlite_shell_is_found(
    records: Database, file: Path, ledger: Ledger, statement: str, code: str
) -> None:
    with records.begin() as unit:
        for number in range(9):
            ledger.append(unit.ledger, "sign-in", f"web:{number}")
    with contextlib.closing(sqlite3.connect(file)) as shell, shell:
        shell.execute(statement)

    with records.begin() as unit, pytest.raises(LedgerBroken) as caught:
        ledger.verify(unit.ledger, SIGNER.public)

    assert caught.value.code == code


# A machine that is not ready


def code_of(records: Database) -> str:
    with pytest.raises(EnvironmentFault) as caught, records.begin() as unit:
        unit.catalogue.add_account(ACCOUNT)
    assert str(caught.value)
    return caught.value.code


def test_a_home_without_a_database_is_said_so_and_none_is_made(file: Path) -> None:
    with contextlib.closing(Database(f"sqlite:///{file}")) as records:
        assert code_of(records) == "database-missing"
    assert not file.exists()


def test_a_file_that_is_no_database_is_said_so(file: Path) -> None:
    file.write_bytes(b"this is not a database, it only has its name" * 200)

    with contextlib.closing(Database(f"sqlite:///{file}")) as records:
        assert code_of(records) == "database-damaged"
    with pytest.raises(EnvironmentFault) as caught:
        upgrade(f"sqlite:///{file}")
    assert caught.value.code == "database-damaged"


def test_a_damaged_page_is_said_so(url: str, file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as shell:
        shell.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"\xa5" * (file.stat().st_size - 4096))

    with contextlib.closing(Database(url)) as records:
        assert code_of(records) == "database-damaged"


def test_a_full_database_is_said_so_and_the_unit_is_rolled_back(
    records: Database, url: str, ledger: Ledger
) -> None:
    fill(records)
    engine = open_engine(url)
    sqlalchemy.event.listen(engine, "connect", limit_pages)
    full = Database(url)
    full._engine = engine

    def fill_up() -> None:
        with full.begin() as unit:
            index = ledger.append(unit.ledger, "sign-in", "web").index
            unit.catalogue.add_copy(replace(copy(1, index), sealed_record=bytes(10 << 20)))

    with pytest.raises(EnvironmentFault) as caught:
        fill_up()
    full.close()

    assert caught.value.code == "disk-full"
    with records.begin() as unit:
        assert (unit.ledger.last(), count_copies(unit)) == (None, 0)


def limit_pages(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA max_page_count = 60")


def test_a_locked_database_is_said_so(url: str, file: Path) -> None:
    impatient = open_engine(url)
    sqlalchemy.event.listen(impatient, "connect", be_impatient)
    records = Database(url)
    records._engine = impatient

    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert code_of(records) == "database-locked"
    records.close()


def be_impatient(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA busy_timeout = 20")


READ_ONLY = """
    import subprocess
    from pleura.adapters.database.migrate import upgrade
    from pleura.adapters.database.records import Database
    from pleura.domain.errors import EnvironmentFault

    upgrade("sqlite:////mnt/pleura.db")
    subprocess.run(["mount", "-o", "remount,ro", "/mnt"], check=True)
    codes = []
    for action in (lambda: Database("sqlite:////mnt/pleura.db").begin().__enter__(),
                   lambda: upgrade("sqlite:////mnt/other.db")):
        try:
            action()
        except EnvironmentFault as fault:
            codes.append(fault.code)
    print(*codes)
"""


def test_a_read_only_home_is_said_so() -> None:
    command_line = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs none /mnt && exec "$@"', "sh"]
    if subprocess.run([*command_line, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets no test mount a small tmpfs")

    done = subprocess.run(
        [*command_line, sys.executable, "-c", textwrap.dedent(READ_ONLY)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout.split(), done.stderr) == (["home-read-only", "home-read-only"], "")


# The schema and its history


def test_the_names_of_the_files_say_which_revisions_there_are(url: str) -> None:
    """Alembic would say so too, and takes longer to load than a command to run."""
    engine = open_engine(url)
    with engine.begin() as connection:
        scripts = ScriptDirectory.from_config(migrate.configuration(connection))
    engine.dispose()

    assert sorted(migrate._revisions()) == sorted(script.revision for script in scripts.walk_revisions())
    assert head() == scripts.get_current_head() == current(url)


def test_every_row_survives_the_way_down_and_up_again(empty_url: str, ledger: Ledger) -> None:
    upgrade(empty_url)
    with contextlib.closing(Database(empty_url)) as records:
        fill_with_copies(records, ledger)
        newest = census(records.dump())

    downgrade(empty_url, "0001")
    first = rows_of(empty_url)
    for revision in ("0002", "head"):
        upgrade(empty_url, revision)
        found = rows_of(empty_url)
        changed = {"images", "copies"}
        assert {name: found[name] for name in first if name not in changed} == {
            name: rows for name, rows in first.items() if name not in changed
        }
    with contextlib.closing(Database(empty_url)) as records:
        again = census(records.dump())
        with records.read() as unit:
            assert [each.image for each in unit.catalogue.images()] == [image(n).image for n in (1, 2, 3)]
            copies = unit.catalogue.copies_of("img-1")
            assert [(each.copy, each.mark_version) for each in copies] == [("cpy-1", 1), ("cpy-2", 1)]
            assert ledger.verify(unit.ledger, SIGNER.public).entries == 2
    downgrade(empty_url, "0001")

    assert rows_of(empty_url) == first
    assert {name: count for name, (count, _) in first.items()} == {
        "accounts": 1, "copies": 2, "images": 3, "installation_keys": 1, "ledger": 2, "patient_keys": 1,
        "patients": 1, "studies": 1,
    }  # fmt: skip
    assert {name: again[name] for name in again if name != "images"} == {
        name: newest[name] for name in newest if name != "images"
    }


def test_an_upgrade_that_finds_a_row_referring_to_nothing_changes_nothing(url: str, file: Path) -> None:
    downgrade(url, "0001")
    with contextlib.closing(sqlite3.connect(file)) as shell, shell:
        shell.execute("insert into studies values ('stu-1', 'pat-9', x'00')")

    with pytest.raises(EnvironmentFault) as caught:
        upgrade(url)

    assert (caught.value.code, current(url)) == ("database-dangling", "0001")


def test_the_longest_text_that_is_read_fits_both_databases(either: Records) -> None:
    longest = replace(image(4).image, modality="影" * MOST_TEXT, device_serial="S" * MOST_TEXT)
    fill(either)

    with either.begin() as unit:
        unit.catalogue.add_image(replace(image(4), image=longest))

    with either.read() as unit:
        assert unit.catalogue.image("img-4").image == longest


@pytest.mark.parametrize("address", ["", "garbage", "mysql://x/y", "postgresql+pg8000://h/d", "x+y:///a"])
def test_an_address_that_names_no_database_is_said_to_be_none(address: str) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        upgrade(address)

    assert caught.value.code == "database-url-unknown"
    assert address == "" or address not in str(caught.value)


def test_the_files_of_the_database_belong_to_their_owner_only(records: Database, file: Path) -> None:
    fill(records)

    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in file.parent.iterdir()}
    assert modes == dict.fromkeys(["pleura.db", "pleura.db-wal", "pleura.db-shm"], "0o600")


def test_upgrading_again_changes_nothing(url: str, file: Path) -> None:
    before = file.read_bytes()

    upgrade(url)

    assert (file.read_bytes(), current(url)) == (before, head())


def test_the_migrations_make_exactly_the_schema_of_the_code(empty_url: str) -> None:
    upgrade(empty_url)
    engine = open_engine(empty_url)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_schema_goes_up_step_by_step_and_down_and_up_again(empty_url: str) -> None:
    upgrade(empty_url, "0001")
    assert current(empty_url) == "0001"
    upgrade(empty_url)
    with contextlib.closing(Database(empty_url)) as records:
        fill(records)
        kept = census(records.dump())["images"]

    downgrade(empty_url, "0001")
    upgrade(empty_url)

    with contextlib.closing(Database(empty_url)) as records, records.begin() as unit:
        assert unit.catalogue.image("img-1").image == image(1).image
        assert unit.catalogue.image("img-1").object_commitment == b""
    assert kept[0] == 3
    downgrade(empty_url, "base")
    engine = open_engine(empty_url)
    with engine.begin() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == ["alembic_version"]
    engine.dispose()


def test_a_request_that_no_account_made_is_to_be_made_again(empty_url: str) -> None:
    """Until 0003 a user of the machine asked, who may be the very person that approves."""
    upgrade(empty_url, "0003")
    with contextlib.closing(Database(empty_url)) as records, records.begin() as unit:
        unit.catalogue.add_erasure_request(
            ErasureRequest(name="era-1", subject="img-1", asked_by="cli:root", asked_at=AT)
        )

    upgrade(empty_url)

    with contextlib.closing(Database(empty_url)) as records, records.begin() as unit:
        assert unit.catalogue.erasure_request("img-1") is None


def test_a_database_of_a_newer_program_is_refused_untouched(url: str, file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as shell, shell:
        shell.execute("update alembic_version set version_num = '9999'")

    with pytest.raises(EnvironmentFault) as caught:
        upgrade(url)

    assert (caught.value.code, caught.value.facts) == ("database-newer", {"revision": "9999"})
    assert current(url) == "9999"


def test_a_home_with_odd_letters_in_its_path_works(tmp_path: Path) -> None:
    folder = tmp_path / "影护 100% home"
    folder.mkdir()

    upgrade(f"sqlite:///{folder / 'pleura.db'}")

    assert os.listdir(folder) == ["pleura.db"]  # noqa: PTH208 - names are all that is asked


def test_a_program_in_a_folder_with_a_percent_sign_works(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alembic reads the folder of the migrations through configparser, where % starts a reference."""
    elsewhere = tmp_path / "100%(here)s"
    shutil.copytree(Path(migrate.__file__).parent / "migrations", elsewhere)
    monkeypatch.setattr(migrate, "_MIGRATIONS", elsewhere)

    upgrade(f"sqlite:///{file}")

    assert current(f"sqlite:///{file}") == head()


def test_every_commit_reaches_the_disk_and_erased_bytes_are_overwritten(url: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in pragmas]
    engine.dispose()

    assert found == ["wal", 2, 1, 1, 30000]
