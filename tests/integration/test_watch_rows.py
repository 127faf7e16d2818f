"""The rows of the watch list in a real SQLite file, a real PostgreSQL and the fake."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.records import FakeRecords
from tests.servers.postgres import fresh_database

from pleura.adapters.database.migrate import upgrade
from pleura.adapters.database.records import Database
from pleura.domain.errors import NotFound
from pleura.domain.images import Image, Patient, SealedImage, Study
from pleura.domain.ports import Records
from pleura.domain.tracing import Verdict
from pleura.domain.watching.asking import ImageSearch
from pleura.domain.watching.sightings import Look, SeenAt, Sighting, SightingLabel, Visit
from pleura.domain.watching.sources import Source
from pleura.entrypoints.cli.vault.move import database_url

AT = datetime(2026, 11, 24, 9, 30, 0, 123456, tzinfo=UTC)
LATER = AT + timedelta(hours=1)


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    if request.param == "fake":
        yield FakeRecords()
        return
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'pleura.db'}"
    else:
        sockets = request.getfixturevalue("sockets")
        url = database_url(fresh_database(sockets, f"test_{secrets.token_hex(6)}"))
    upgrade(url)
    with contextlib.closing(Database(url)) as database:
        yield database


SOURCE = Source(
    name="src-1",
    kind="site",
    sealed_place=b"\x00sealed\xff",
    host_index=b"h",
    every=timedelta(hours=6),
    browser=True,
    enabled=True,
    added_at=AT,
)
SIGHTING = Sighting(
    name="sgt-1",
    digest=b"d1",
    source="src-1",
    verdict=Verdict.TRACED,
    image="img-1",
    copy="cpy-1",
    score=12.5,
    false_match_probability=1e-300,
    first_seen=AT,
    last_seen=AT,
)
SEEN_AT = SeenAt(
    sighting="sgt-1", index=b"i1", source="src-1", sealed_context=b"c", first_seen=AT, last_seen=AT, times=1
)


LOOK = Look(digest=b"d", looked_at=AT, against="2 img-2", sighting="sgt-1")


def image(number: int) -> SealedImage:
    return SealedImage(
        image=Image(
            id=f"img-{number}",
            study="stu-1",
            patient="pat-1",
            modality="DX",
            device_serial="SN",
            rows=10,
            columns=10,
            bits_stored=8,
            origin="dicom",
            received_at=AT,
        ),
        content_index=b"c%d" % number,
        instance_index=b"i%d" % number,
        object_name=f"img-{number}/original",
        object_size=1,
        object_commitment=b"",
        sketch_name=None,
        sketch_commitment=None,
        wrapped_dek=b"dek",
        sealed_facts=b"facts",
    )


@pytest.fixture
def filled(records: Records) -> Records:
    """Two images, a source, and a sighting of the first image at one place with one label."""
    label = SightingLabel(sighting="sgt-1", at=AT, label="true", by="cli:chen", sealed_reason=b"r")
    with records.begin() as unit:
        unit.catalogue.add_patient(
            Patient(id="pat-1", index=b"p", root_epoch=1, wrapped_kek=b"k", sealed_identity=b"i")
        )
        unit.catalogue.add_study(Study(id="stu-1", patient="pat-1", index=b"s"))
        unit.catalogue.add_image(image(1))
        unit.catalogue.add_image(image(2))
        unit.watch.add_source(SOURCE)
        unit.watch.add_sighting(SIGHTING)
        unit.watch.put_seen_at(SEEN_AT)
        unit.watch.add_label(label)
    return records


def test_what_was_stored_comes_back_equal(filled: Records) -> None:
    with filled.read() as unit:
        assert unit.watch.source("src-1") == SOURCE
        assert list(unit.watch.sources()) == [SOURCE]
        assert unit.watch.sighting("sgt-1") == SIGHTING
        assert list(unit.watch.seen_at("sgt-1")) == [SEEN_AT]
        assert [label.by for label in unit.watch.labels("sgt-1")] == ["cli:chen"]
        assert unit.watch.visit(b"none") is None
        assert unit.watch.look(b"none") is None
        for find in (unit.watch.source, unit.watch.sighting):
            with pytest.raises(NotFound):
                find("nobody")


def test_a_new_state_takes_the_place_of_the_old_one(filled: Records) -> None:
    source = replace(SOURCE, looked_at=LATER, result="unreachable", holder="wrk-1", held_until=LATER)
    sighting = replace(SIGHTING, last_seen=LATER, label="false-alarm")
    visit = Visit(index=b"v", source="src-1", sealed=b"", holder="wrk-1", held_until=LATER)
    visited = replace(visit, sealed=b"x", visited_at=LATER, holder="", held_until=None)
    with filled.begin() as unit:
        unit.watch.replace_source(source)
        unit.watch.replace_sighting(sighting)
        unit.watch.put_seen_at(replace(SEEN_AT, last_seen=LATER, times=2))
        unit.watch.put_seen_at(replace(SEEN_AT, index=b"i2"))
        unit.watch.put_visit(visit)
        unit.watch.put_visit(visited)
        unit.watch.put_look(Look(digest=b"d", looked_at=AT, against="2 img-2", sighting=""))
        unit.watch.put_look(replace(LOOK, looked_at=LATER, against="3 img-3"))

    with filled.read() as unit:
        assert unit.watch.source("src-1") == source
        assert unit.watch.sighting("sgt-1") == sighting
        assert {place.index: place.times for place in unit.watch.seen_at("sgt-1")} == {b"i1": 2, b"i2": 1}
        assert unit.watch.spread() == {"sgt-1": 2}
        assert unit.watch.visit(b"v") == visited
        assert unit.watch.look(b"d") == replace(LOOK, looked_at=LATER, against="3 img-3")
        assert len(unit.watch.labels("sgt-1")) == 1


def test_sightings_come_last_seen_first_and_labels_oldest_first(filled: Records) -> None:
    newer = replace(SIGHTING, name="sgt-2", digest=b"d2", image="img-2", last_seen=LATER)
    second = SightingLabel(sighting="sgt-1", at=LATER, label="false-alarm", by="b", sealed_reason=b"")
    with filled.begin() as unit:
        unit.watch.add_sighting(newer)
        unit.watch.add_label(second)

    with filled.read() as unit:
        assert [each.name for each in unit.watch.sightings()] == ["sgt-2", "sgt-1"]
        assert [each.label for each in unit.watch.labels("sgt-1")] == ["true", "false-alarm"]


def test_what_was_seen_of_an_image_goes_with_the_image(filled: Records) -> None:
    other = replace(SIGHTING, name="sgt-2", digest=b"d2", image="img-2")
    with filled.begin() as unit:
        unit.watch.add_sighting(other)
        unit.watch.put_seen_at(replace(SEEN_AT, sighting="sgt-2"))

    with filled.begin() as unit:
        unit.catalogue.erase_image("img-1")

    with filled.read() as unit:
        assert list(unit.watch.sightings()) == [other]
        assert unit.watch.spread() == {"sgt-2": 1}
        assert list(unit.watch.labels("sgt-1")) == []


def test_a_source_goes_with_what_its_addresses_held_and_what_was_seen_there_stays(filled: Records) -> None:
    with filled.begin() as unit:
        unit.watch.put_visit(Visit(index=b"v", source="src-1", sealed=b"x", visited_at=AT))
        unit.watch.put_visit(Visit(index=b"w", source="src-2", sealed=b"x", visited_at=AT))
        unit.watch.drop_source("src-1")

    with filled.read() as unit:
        assert list(unit.watch.sources()) == []
        assert unit.watch.visit(b"v") is None
        assert unit.watch.visit(b"w") is not None
        assert unit.watch.spread() == {"sgt-1": 1}


def test_what_is_old_is_forgotten_and_what_is_ours_is_not(filled: Records) -> None:
    with filled.begin() as unit:
        for index, at in ((b"old", AT), (b"new", LATER), (b"claimed", None)):
            unit.watch.put_visit(Visit(index=index, source="src-1", sealed=b"x", visited_at=at))
        for digest, at, sighting in ((b"a", AT, ""), (b"b", AT, "sgt-1"), (b"c", LATER, "")):
            unit.watch.put_look(Look(digest=digest, looked_at=at, against="2 img-2", sighting=sighting))
        unit.watch.forget_before(LATER)

    with filled.read() as unit:
        assert [bool(unit.watch.visit(each)) for each in (b"old", b"new", b"claimed")] == [False, True, True]
        assert [bool(unit.watch.look(each)) for each in (b"a", b"b", b"c")] == [False, True, True]


def test_image_searches_come_oldest_first_and_go_with_the_image(filled: Records) -> None:
    search = ImageSearch(
        name="srh-2", image="img-1", engine="tineye", at=LATER, by="cli:chen", sealed_consent=b"c"
    )
    with filled.begin() as unit:
        for each in (
            search,
            replace(search, name="srh-1", at=AT),
            replace(search, name="srh-3", image="img-2"),
        ):
            unit.watch.add_image_search(each)
    with filled.read() as unit:
        assert [each.name for each in unit.watch.image_searches("img-1")] == ["srh-1", "srh-2"]
        assert unit.watch.image_searches("img-1")[1] == search

    with filled.begin() as unit:
        unit.catalogue.erase_image("img-1")

    with filled.read() as unit:
        assert list(unit.watch.image_searches("img-1")) == []
        assert len(unit.watch.image_searches("img-2")) == 1


def test_the_same_picture_is_one_sighting(filled: Records) -> None:
    with pytest.raises(Exception, match=r"(?i)unique"), filled.begin() as unit:
        unit.watch.add_sighting(replace(SIGHTING, name="sgt-2"))
