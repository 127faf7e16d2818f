"""Asking an image search: off, agreed to, in the ledger first, and coarse."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.fakes.films import film, written
from tests.fakes.house import FakeHouse

from pleura.domain.errors import BadInput, EnvironmentFault, NotFound, Refused
from pleura.domain.watching.asking import Candidate, Engine, engine_name
from pleura.imaging.excerpt import excerpt
from pleura.monitor.watch.asking import MOST_PAGES

CONSENT = "Wang Xiaoming, by letter of 2026-11-20"


@dataclass
class FakeEngine:
    """The port `SearchEngine`: it keeps what it was sent, and what the ledger held at that moment."""

    house: FakeHouse
    candidates: list[Candidate] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    name: Engine = "tineye"

    def search(self, picture: bytes) -> Sequence[Candidate]:
        self.sent.append(picture)
        self.kinds = self.house.kinds()
        return self.candidates


@pytest.fixture
def house(tmp_path: Path) -> FakeHouse:
    house = FakeHouse()
    house.receive(written(tmp_path, 1))
    house.rules.set("image-search", "on", actor="test")
    return house


def test_it_is_off_until_somebody_sets_the_rule(tmp_path: Path) -> None:
    house = FakeHouse()
    image, engine = house.receive(written(tmp_path, 1)), FakeEngine(house)

    with pytest.raises(Refused) as caught:
        house.asking.ask(image, engine, CONSENT, actor="test")

    assert (caught.value.code, engine.sent) == ("image-search-off", [])
    assert house.rules.all()["image-search"] == "off"


@pytest.mark.parametrize("consent", ["", "  \n ", "x" * 1001])
def test_nothing_leaves_without_somebody_who_agrees(house: FakeHouse, consent: str) -> None:
    engine = FakeEngine(house)

    with pytest.raises(BadInput):
        house.asking.ask(house.vault.images()[0].id, engine, consent, actor="test")

    assert engine.sent == []


def test_nothing_leaves_of_an_image_whose_processing_is_restricted(house: FakeHouse) -> None:
    image, engine = house.vault.images()[0], FakeEngine(house)
    house.rules.restrict(image.patient, actor="test")

    with pytest.raises(Refused) as caught:
        house.asking.ask(image.id, engine, CONSENT, actor="test")

    assert (caught.value.code, engine.sent) == ("processing-restricted", [])


def test_the_asking_is_in_the_ledger_before_a_byte_leaves(house: FakeHouse) -> None:
    image, engine = house.vault.images()[0].id, FakeEngine(house)

    answered = house.asking.ask(image, engine, CONSENT, actor="test")

    assert engine.kinds[-1] == "image-search"
    facts = house.facts()[-1]
    assert {**facts, "sent": ""} == {
        "search": answered.search, "image": image, "engine": "tineye", "sent": ""
    }  # fmt: skip
    with house.records.read() as unit:
        (row,) = unit.watch.image_searches(image)
    assert (row.name, row.by) == (answered.search, "test")
    assert b"Wang" not in b"".join(house.records.dump())


def test_when_the_ledger_cannot_be_written_nothing_leaves(
    house: FakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise EnvironmentFault("disk-full", "the disk is full", "free some space")

    engine = FakeEngine(house)
    monkeypatch.setattr(house.ledger, "append", full)

    with pytest.raises(EnvironmentFault):
        house.asking.ask(house.vault.images()[0].id, engine, CONSENT, actor="test")

    assert engine.sent == []


def test_what_leaves_is_small_grey_coarse_and_without_metadata(house: FakeHouse) -> None:
    engine = FakeEngine(house)
    house.asking.ask(house.vault.images()[0].id, engine, CONSENT, actor="test")

    with Image.open(io.BytesIO(engine.sent[0])) as picture:
        assert (picture.format, picture.mode, max(picture.size)) == ("JPEG", "L", 256)
        assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert len(engine.sent[0]) < 20_000


def test_the_edges_of_a_film_where_names_are_burned_in_do_not_leave() -> None:
    clean = film(1, 600, 500)
    named = clean.copy()
    named[:110] = named[-110:] = 255
    named[:, :90] = named[:, -90:] = 255

    assert excerpt(clean) == excerpt(named)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 400), (100, 100)])
def test_a_part_of_any_film_can_be_taken(rows: int, columns: int) -> None:
    with Image.open(io.BytesIO(excerpt(np.zeros((rows, columns), dtype=np.uint8)))) as picture:
        assert max(picture.size) <= 256


def test_every_page_of_the_answer_is_looked_at_by_pleura_itself(house: FakeHouse) -> None:
    pages = [f"https://forum.example.org/{number}" for number in range(30)]
    candidates = [Candidate(page=page, picture=f"{page}.png") for page in pages]
    odd = [Candidate(page=page, picture="") for page in ("", "javascript:alert(1)", "http://u:p@x.org/")]
    engine = FakeEngine(house, candidates=[*odd, candidates[0], *candidates])

    answered = house.asking.ask(house.vault.images()[0].id, engine, CONSENT, actor="test")
    again = house.asking.ask(house.vault.images()[0].id, engine, CONSENT, actor="test")

    watched = {place.address for _, place in house.watchlist.all()}
    assert watched == set(pages[: MOST_PAGES - len(odd)])
    assert len(answered.sources) == len(watched)
    assert again.sources == ()
    assert house.sightings.all() == []


def test_an_image_that_is_not_there_is_said_to_be_none(house: FakeHouse) -> None:
    with pytest.raises(NotFound):
        house.asking.ask("img-000000000000", FakeEngine(house), CONSENT, actor="test")


def test_an_engine_that_nobody_knows_is_refused() -> None:
    assert engine_name("yandex") == "yandex"
    with pytest.raises(BadInput):
        engine_name("bing")
