"""The watch list over fakes: what is fetched, compared, remembered and said in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.fakes.films import film, written
from tests.fakes.house import FakeHouse

from pleura.domain.copies import CopyRecord
from pleura.domain.errors import BadInput, EnvironmentFault, NotFound, Refused
from pleura.domain.ports import LedgerRow
from pleura.domain.tracing import TraceReport, Verdict
from pleura.domain.watching.gathering import FoundPage, FoundPicture, Known, Picture, Trouble
from pleura.domain.watching.sightings import Severity, label_word
from pleura.domain.watching.sources import Source, WatchPlace, interval
from pleura.monitor.trace import Trace
from pleura.monitor.watch.memory import Round
from pleura.monitor.watch.patrol import KEPT
from pleura.monitor.watch.watchlist import LEASE
from pleura.prevent.copies import CopyRequest

SITE = "https://forum.example.org/"
COPY = "https://img.example.net/leaked.png"
ORIGINAL = "https://img.example.net/original.png"
OTHER = "https://img.example.net/cat.png"
SIX_HOURS = timedelta(hours=6)


class QuickTracer:
    """A tracer that knows files by their bytes, and writes its verdict as the real one does."""

    def __init__(self, house: FakeHouse) -> None:
        self.house = house
        self.ours: dict[bytes, tuple[str, CopyRecord | None]] = {}

    def trace(self, path: Path, *, actor: str) -> Trace:
        content = path.read_bytes()
        with self.house.worker.opened(path) as source:
            suspect = self.house.patrol.archive.digest(source).hex()
            raster = self.house.worker.suspect(source)
        image, record = self.ours.get(content, (None, None))
        found = Verdict.TRACED if record else Verdict.MATCHED if image else Verdict.UNKNOWN
        report = TraceReport(
            verdict=found,
            image=image,
            record=record,
            others=(),
            payload=None,
            false_match_probability=1e-20 if record else 1.0,
            score=12.0 if record else 0.0,
            comparisons=1,
            seconds=0.1,
            finished_at=self.house.clock.now(),
        )
        with self.house.records.begin() as unit:
            self.house.ledger.append(
                unit.ledger, "trace", actor, suspect=suspect, verdict=found.value, comparisons=1
            )
        return Trace(report=report, suspect=raster, match=None)


def small(folder: Path, seed: int) -> Path:
    """A small picture file, different for every seed."""
    path = folder / f"small-{seed}.png"
    Image.fromarray(film(seed, 96, 96)).save(path)
    return path


@pytest.fixture
def real(tmp_path: Path) -> FakeHouse:
    """Two films in the vault, one copy made; outside a page with that copy and one with a stranger's film."""
    house = FakeHouse()
    for seed in (0, 1):
        house.receive(written(tmp_path, seed))
        house.clock.advance(1)
    leaked = tmp_path / "leaked.png"
    leaked.write_bytes(issued(house))
    site = house.gatherer.site
    site.pages = {SITE: [COPY, OTHER], f"{SITE}2": [COPY]}
    site.files = {COPY: leaked, OTHER: written(tmp_path, 7)}
    return house


def issued(house: FakeHouse) -> bytes:
    """A copy of the first image."""
    image = house.vault.images()[0].id
    request = CopyRequest(image=image, recipient="Dr Li", purpose="treatment", form="png")
    return house.copies.issue(request, actor="test").content


@pytest.fixture
def house(tmp_path: Path) -> FakeHouse:
    """The same with small pictures and a tracer that knows them by heart."""
    house = FakeHouse()
    tracer = QuickTracer(house)
    house.patrol = replace(house.patrol, tracer=tracer)  # type: ignore[arg-type]
    for seed in (0, 1):
        add_film(house, small(tmp_path, seed))
    leaked = tmp_path / "leaked.png"
    leaked.write_bytes(issued(house))
    image = house.vault.images()[0].id
    tracer.ours[leaked.read_bytes()] = (image, house.copies.records_of(image)[0])
    site = house.gatherer.site
    site.pages = {SITE: [COPY, OTHER], f"{SITE}2": [COPY]}
    site.files = {COPY: leaked, OTHER: small(tmp_path, 7), ORIGINAL: small(tmp_path, 1)}
    return house


def add_film(house: FakeHouse, path: Path) -> str:
    """The image that a film in the vault became, which the tracer knows from now on."""
    house.clock.advance(1)
    image = house.arrivals.receive(path, actor="test").image
    assert image is not None
    house.patrol.tracer.ours[path.read_bytes()] = (image, None)  # type: ignore[attr-defined]
    return image


def watched(house: FakeHouse, address: str = SITE, *, browser: bool = False) -> Source:
    house.clock.advance(1)
    place = WatchPlace(kind="site", address=address)
    return house.watchlist.add(place, every=SIX_HOURS, browser=browser, actor="test")


# Sources


def test_a_source_is_kept_sealed_and_its_place_comes_back(house: FakeHouse) -> None:
    source = watched(house)

    assert house.watchlist.all() == [(source, WatchPlace(kind="site", address=SITE))]
    assert b"example" not in source.sealed_place + source.host_index
    assert house.facts()[-1] == {"source": source.name, "form": "site"}


def test_the_same_place_is_not_watched_twice(house: FakeHouse) -> None:
    source = watched(house)

    with pytest.raises(BadInput) as caught:
        watched(house)

    assert (caught.value.code, caught.value.facts) == ("source-known", {"source": source.name})


def test_a_source_that_is_removed_is_looked_at_no_more_and_its_sightings_stay(house: FakeHouse) -> None:
    source = watched(house)
    house.patrol.run(source.name, actor="test")

    house.watchlist.remove(source.name, actor="test")

    assert house.watchlist.all() == []
    assert len(house.sightings.all()) == 1
    assert house.facts()[-1] == {"source": source.name, "form": "removed"}
    with pytest.raises(NotFound):
        house.watchlist.remove(source.name, actor="test")


@pytest.mark.parametrize(
    ("kind", "address", "query", "code"),
    [
        ("page", "ftp://example.org/", "", "bad-source-address"),
        ("page", "example.org", "", "bad-source-address"),
        ("page", "https://", "", "bad-source-address"),
        ("page", "https://exa mple.org/", "", "bad-source-address"),
        ("page", "https://[::1", "", "bad-source-address"),
        ("page", "https://example.org:99999/", "", "bad-source-address"),
        ("page", "https://chen:secret@example.org/", "", "source-with-password"),
        ("search", "https://example.org/?q=x", "x-ray", "bad-search"),
        ("search", "https://example.org/?q={query}", "", "bad-search"),
        ("page", "https://example.org/?q={query}", "", "bad-search"),
        ("folder", "relative/folder", "", "bad-source-folder"),
        ("nonsense", "https://example.org/", "", "bad-source-kind"),
    ],
)
def test_a_place_that_cannot_be_watched_is_refused(kind: Any, address: str, query: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        WatchPlace(kind=kind, address=address, query=query)

    assert caught.value.code == code
    assert "secret" not in str(caught.value)


def test_the_words_of_a_search_go_into_its_address() -> None:
    place = WatchPlace(kind="search", address="https://example.org/s?q={query}&n=1", query="胸片 a&b")

    assert place.url == "https://example.org/s?q=%E8%83%B8%E7%89%87%20a%26b&n=1"


def test_a_time_between_two_looks_is_read_from_words() -> None:
    assert [interval(each) for each in ("30m", "6h", "7d")] == [
        timedelta(minutes=30), timedelta(hours=6), timedelta(days=7)
    ]  # fmt: skip
    for wrong in ("", "1m", "9m", "367d", "six hours", "6", "-6h", "6.5h"):
        with pytest.raises(BadInput):
            interval(wrong)


# A look


def test_a_leaked_copy_becomes_a_sighting_that_names_the_copy_and_every_page_that_shows_it(
    real: FakeHouse,
) -> None:
    house = real
    source = watched(house)

    looked = house.patrol.run(source.name, actor="test")

    (overview,) = house.sightings.all()
    sighting = overview.sighting
    assert (looked.pages, looked.pictures, looked.sightings) == (2, 2, (sighting.name,))
    assert (sighting.verdict, sighting.image) == (Verdict.TRACED, house.vault.images()[0].id)
    assert sighting.copy == house.copies.records_of(sighting.image)[0].copy
    assert (overview.places, overview.severity, sighting.case) == (2, Severity.HIGH, None)
    contexts = [place.context for place in house.sightings.show(sighting.name).places]
    assert {(each.page, each.picture) for each in contexts} == {(SITE, COPY), (f"{SITE}2", COPY)}
    assert {(each.title, each.text, len(each.sha256)) for each in contexts} == {
        ("a page", "a chest film", 64)
    }


def test_a_sighting_and_the_look_are_in_the_ledger_and_name_no_place(house: FakeHouse) -> None:
    source = watched(house)

    house.patrol.run(source.name, actor="test")

    entries = dict(zip(house.kinds(), house.facts(), strict=True))
    sighting = house.sightings.all()[0].sighting
    assert entries["sighting"] == {
        "sighting": sighting.name, "source": source.name, "suspect": sighting.digest.hex(),
        "verdict": "traced", "image": sighting.image, "copy": sighting.copy,
    }  # fmt: skip
    assert entries["watch"] == {
        "source": source.name, "pages": 2, "pictures": 2, "sightings": 1, "refused": 0, "result": "done"
    }  # fmt: skip
    traces = [
        facts["suspect"] for kind, facts in zip(house.kinds(), house.facts(), strict=True) if kind == "trace"
    ]
    assert sighting.digest.hex() in traces
    with house.records.read() as unit:
        assert not any(b"example" in row.entry for row in unit.ledger.rows())


def test_nothing_that_is_stored_shows_where_it_was_seen(house: FakeHouse) -> None:
    source = watched(house)
    house.patrol.run(source.name, actor="test")
    house.sightings.label(house.sightings.all()[0].sighting.name, "true", "on forum.example.org", actor="t")

    assert b"example" not in b"".join(house.records.dump())


def test_a_second_look_adds_nothing_but_that_it_was_seen_again(house: FakeHouse) -> None:
    source = watched(house)
    house.patrol.run(source.name, actor="test")
    house.clock.advance(3600)

    looked = house.patrol.run(source.name, actor="test")

    (overview,) = house.sightings.all()
    assert (looked.sightings, looked.pictures, looked.known, looked.again, looked.spread) == ((), 0, 2, 2, 0)
    assert overview.sighting.last_seen - overview.sighting.first_seen == timedelta(hours=1)
    assert overview.places == 2
    places = house.sightings.show(overview.sighting.name).places
    assert [place.seen.times for place in places] == [2, 2]
    assert house.kinds().count("trace") == 2


def test_the_same_file_at_another_address_is_compared_once_and_spreads(house: FakeHouse) -> None:
    site = house.gatherer.site
    site.pages[f"{SITE}3"] = ["https://mirror.example.net/again.png"]
    site.files["https://mirror.example.net/again.png"] = site.files[COPY]

    looked = house.patrol.run(watched(house).name, actor="test")

    assert (looked.pictures, looked.known) == (2, 1)
    assert house.sightings.all()[0].places == 3


def test_an_unmarked_original_is_matched_and_pressing_once_it_spreads(house: FakeHouse) -> None:
    house.gatherer.site.pages = {SITE: [ORIGINAL]}
    source = watched(house)
    house.patrol.run(source.name, actor="test")
    (first,) = house.sightings.all()
    house.gatherer.site.pages |= {f"{SITE}{number}": [ORIGINAL] for number in (2, 3)}
    house.clock.advance(60)

    house.patrol.run(source.name, actor="test")

    assert (first.sighting.verdict, first.sighting.copy, first.severity) == (
        Verdict.MATCHED, None, Severity.MEDIUM
    )  # fmt: skip
    assert house.sightings.all()[0].severity is Severity.HIGH


def test_a_page_and_a_picture_are_fetched_once_within_half_the_interval_whichever_source_asks(
    house: FakeHouse,
) -> None:
    watched(house)
    house.watchlist.add(WatchPlace(kind="page", address=SITE), every=SIX_HOURS, actor="test")

    looked = list(house.patrol.run_due(actor="test"))

    assert len(looked) == 2
    assert set(house.gatherer.fetched.values()) == {1}
    assert sum(each.pages for each in looked) == 4


def test_a_source_is_due_again_after_its_interval(house: FakeHouse) -> None:
    watched(house)
    assert len(list(house.patrol.run_due(actor="test"))) == 1
    house.clock.advance(SIX_HOURS.total_seconds() - 1)
    assert list(house.patrol.run_due(actor="test")) == []
    house.clock.advance(1)
    assert len(list(house.patrol.run_due(actor="test"))) == 1
    assert house.gatherer.fetched[SITE] == 2


def test_a_paused_source_is_looked_at_only_when_it_is_named(house: FakeHouse) -> None:
    source = watched(house)

    house.watchlist.switch(source.name, enabled=False, actor="test")

    assert house.facts()[-1] == {"source": source.name, "form": "disabled"}
    assert list(house.patrol.run_due(actor="test")) == []
    assert house.patrol.run(source.name, actor="test").result == ""
    house.watchlist.switch(source.name, enabled=True, actor="test")
    house.clock.advance(SIX_HOURS.total_seconds())
    assert len(list(house.patrol.run_due(actor="test"))) == 1
    with pytest.raises(NotFound):
        house.watchlist.switch("src-none", enabled=True, actor="test")


def test_a_source_that_is_removed_in_the_middle_ends_the_look(house: FakeHouse) -> None:
    source = watched(house)
    gather = house.gatherer.gather

    def meanwhile(place: WatchPlace, folder: Path, claim: Callable[[str], Any], **given: Any) -> Any:
        house.watchlist.remove(source.name, actor="another")
        yield from gather(place, folder, claim, **given)

    house.gatherer.gather = meanwhile  # type: ignore[method-assign]
    with pytest.raises(NotFound):
        house.patrol.run(source.name, actor="test")

    assert (house.kinds()[-1], house.facts()[-1]["result"]) == ("watch", "source-unknown")


def test_a_worker_that_was_taken_over_gives_back_nothing_of_the_other(house: FakeHouse) -> None:
    source = watched(house)
    gather = house.gatherer.gather

    def slow(place: WatchPlace, folder: Path, claim: Callable[[str], Any], **given: Any) -> Any:
        claim(COPY)
        house.clock.advance(LEASE.total_seconds() + 1)
        other = house.watchlist.take("wrk-2")
        assert other is not None
        of = Round(source=other, started_at=house.clock.now(), forced=True)
        assert house.patrol.memory.claim(COPY, of).may_fetch
        yield from gather(place, folder, claim, **given)

    house.gatherer.gather = slow  # type: ignore[method-assign]
    with pytest.raises(Refused):
        house.patrol.run(source.name, actor="test")

    with house.records.read() as unit:
        (visit,) = unit.watch.visits.values()  # type: ignore[attr-defined]
    assert visit.holder == "wrk-2"


def test_a_film_that_comes_into_the_vault_later_is_found_when_it_is_looked_for(
    house: FakeHouse, tmp_path: Path
) -> None:
    source = watched(house)
    house.patrol.run(source.name, actor="test")
    image = add_film(house, small(tmp_path, 7))
    house.clock.advance(60)

    looked = house.patrol.run(source.name, actor="test")

    assert len(looked.sightings) == 1
    assert image in {each.sighting.image for each in house.sightings.all()}


def test_by_itself_a_stranger_is_compared_again_after_a_week_and_only_with_other_originals(
    house: FakeHouse, tmp_path: Path
) -> None:
    watched(house)
    for weeks, imports in enumerate((0, 0, 1)):
        if imports:
            add_film(house, small(tmp_path, 7))
        looked = list(house.patrol.run_due(actor="test"))
        assert [each.pictures for each in looked] == [[2], [0], [1]][weeks]
        house.clock.advance(timedelta(days=8).total_seconds())


def test_what_is_no_longer_there_is_forgotten_after_half_a_year(house: FakeHouse) -> None:
    source = watched(house)
    house.patrol.run(source.name, actor="test")
    house.gatherer.site.pages = {f"{SITE}2": [COPY]}
    house.clock.advance(KEPT.total_seconds() + 1)

    house.patrol.run(source.name, actor="test")

    with house.records.read() as unit:
        assert len(unit.watch.visits) == 2  # type: ignore[attr-defined]
        assert len(unit.watch.looks) == 1  # type: ignore[attr-defined]
    assert len(house.sightings.all()) == 1


def test_what_is_no_picture_is_looked_at_once(house: FakeHouse, tmp_path: Path) -> None:
    text = tmp_path / "page.html"
    text.write_text("<html>not a picture</html>")
    house.gatherer.site.files[OTHER] = text
    source = watched(house)

    troubles = [house.patrol.run(source.name, actor="test").troubles for _ in range(2)]

    assert [sum(each.values()) for each in troubles] == [1, 0]


def test_what_was_refused_is_counted_and_what_failed_is_the_result_where_nothing_was_seen(
    house: FakeHouse,
) -> None:
    house.gatherer.site.pages = {}
    house.gatherer.troubles = [
        Trouble(url=SITE, code="robots"), Trouble(url=f"{SITE}2", code="address-not-public")
    ]  # fmt: skip
    source = watched(house)

    looked = house.patrol.run(source.name, actor="test")

    assert (looked.result, house.facts()[-1]["refused"]) == ("robots", 2)
    assert house.watchlist.all()[0][0].result == "robots"


def test_whoever_gathers_is_told_no_digest(house: FakeHouse) -> None:
    source = watched(house)
    house.patrol.run(source.name, actor="test")
    told: list[Known | None] = []

    def ask(place: WatchPlace, folder: Path, claim: Callable[[str], Any], **given: Any) -> Any:
        told.append(claim(COPY).known)
        yield Trouble(url=COPY, code="status-404")

    house.gatherer.gather = ask  # type: ignore[method-assign]
    house.patrol.run(source.name, actor="test")

    assert told[0] is not None
    assert (told[0].digest, told[0].sha256) == ("", "")


def test_an_address_that_nobody_asked_for_is_not_remembered(house: FakeHouse, tmp_path: Path) -> None:
    """Whoever gathers reads hostile pages: it may be taken over, and then says what it likes."""
    source = watched(house)
    elsewhere = "https://elsewhere.example.org/"

    def lie(place: WatchPlace, folder: Path, claim: Callable[[str], Any], **given: Any) -> Any:
        yield FoundPage(url=elsewhere, known=Known(etag="1", pictures=(Picture(url=COPY),)))
        yield FoundPicture(url=COPY, file=None, is_same=True, etag="1")
        yield FoundPicture(url=OTHER, file=None, etag="1")

    house.gatherer.gather = lie  # type: ignore[method-assign]
    house.patrol.run(source.name, actor="test")

    with house.records.read() as unit:
        assert unit.watch.visits == {}  # type: ignore[attr-defined]
    assert house.sightings.all() == []


def test_the_files_of_a_look_are_gone_after_it(house: FakeHouse) -> None:
    folders: list[Path] = []
    gather = house.gatherer.gather

    def noted(place: WatchPlace, folder: Path, claim: Callable[[str], Any], **given: Any) -> Any:
        folders.append(folder)
        for found in gather(place, folder, claim, **given):
            yield found
            assert list(folder.iterdir()) == []  # taken and removed before the next one comes

    house.gatherer.gather = noted  # type: ignore[method-assign]
    house.patrol.run(watched(house).name, actor="test")

    assert not folders[0].exists()


def test_a_source_says_whether_a_browser_opens_its_pages(house: FakeHouse) -> None:
    house.patrol.run(watched(house).name, actor="test")
    house.patrol.run(watched(house, f"{SITE}2", browser=True).name, actor="test")

    assert house.gatherer.given_browser == [False, True]


def test_a_look_that_is_stopped_says_so_and_the_source_is_given_back(house: FakeHouse) -> None:
    source = watched(house)

    looked = house.patrol.run(source.name, actor="test", is_stopped=lambda: True)

    assert looked.result == "stopped"
    assert house.watchlist.all()[0][0].holder == ""


# Workers


def test_a_source_is_taken_by_one_worker_until_it_is_given_back(house: FakeHouse) -> None:
    source = watched(house)
    assert house.watchlist.take("wrk-1") is not None

    assert house.watchlist.take("wrk-2") is None
    with pytest.raises(Refused) as caught:
        house.patrol.run(source.name, actor="test")
    assert caught.value.code == "source-busy"


def test_two_sources_of_one_host_are_not_taken_at_the_same_time(house: FakeHouse) -> None:
    watched(house)
    watched(house, f"{SITE}2")
    other = watched(house, "https://other.example.org/")

    taken = [house.watchlist.take(worker) for worker in ("wrk-1", "wrk-2", "wrk-3")]

    assert [each.name if each else None for each in taken[1:]] == [other.name, None]


def test_the_source_of_a_dead_worker_is_taken_over_after_the_lease(house: FakeHouse) -> None:
    watched(house)
    house.watchlist.take("wrk-1")
    house.clock.advance(LEASE.total_seconds() - 1)
    assert house.watchlist.take("wrk-2") is None
    house.clock.advance(1)

    assert house.watchlist.take("wrk-2") is not None


def test_a_worker_whose_source_was_taken_over_stops(house: FakeHouse) -> None:
    source = watched(house)
    gather = house.gatherer.gather

    def slow(place: WatchPlace, folder: Path, claim: Callable[[str], Any], **given: Any) -> Any:
        house.clock.advance(LEASE.total_seconds() + 1)
        assert house.watchlist.take("wrk-2") is not None
        yield from gather(place, folder, claim, **given)

    house.gatherer.gather = slow  # type: ignore[method-assign]
    with pytest.raises(Refused) as caught:
        house.patrol.run(source.name, actor="test")

    assert caught.value.code == "source-lost"
    assert house.watchlist.all()[0][0].holder == "wrk-2"


def test_an_address_that_another_worker_fetches_is_left_to_it(house: FakeHouse) -> None:
    first, second = watched(house), watched(house, "https://other.example.org/")
    other, gather = house.watchlist.take("wrk-2", second.name), house.gatherer.gather
    assert other is not None

    def beside(place: WatchPlace, folder: Path, claim: Callable[[str], Any], **given: Any) -> Any:
        of = replace(look, source=other)
        assert house.patrol.memory.claim(COPY, of).may_fetch
        yield from gather(place, folder, claim, **given)

    look = Round(source=other, started_at=house.clock.now(), forced=True)
    house.gatherer.gather = beside  # type: ignore[method-assign]
    house.patrol.run(first.name, actor="test")

    assert house.gatherer.fetched[COPY] == 0
    assert house.gatherer.fetched[OTHER] == 1


def test_a_person_who_interrupts_a_look_need_not_wait_for_the_lease(house: FakeHouse) -> None:
    source = watched(house)
    gather, closed = house.gatherer.gather, list[bool]()

    def interrupted(place: WatchPlace, folder: Path, claim: Callable[[str], Any], **given: Any) -> Any:
        try:
            yield next(gather(place, folder, claim, **given))
            raise KeyboardInterrupt
        finally:
            closed.append(folder.exists())

    house.gatherer.gather = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        house.patrol.run(source.name, actor="test")

    assert closed == [True]
    assert house.facts()[-1]["result"] == "interrupted"
    house.gatherer.gather = gather  # type: ignore[method-assign]
    assert house.patrol.run(source.name, actor="test").result == ""


def test_a_look_that_fails_gives_the_source_back_and_is_in_the_ledger(house: FakeHouse) -> None:
    source = watched(house)

    def broken(*_: Any, **__: Any) -> Any:
        raise EnvironmentFault("egress-start", "it does not start", "start it")

    house.gatherer.gather = broken  # type: ignore[method-assign]
    with pytest.raises(EnvironmentFault):
        house.patrol.run(source.name, actor="test")

    assert house.facts()[-1]["result"] == "egress-start"
    assert house.watchlist.all()[0][0].holder == ""


def test_no_sighting_without_its_ledger_entry(house: FakeHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    source = watched(house)
    append = house.ledger.append

    def refusing(rows: Any, kind: str, actor: str, **facts: Any) -> Any:
        if kind == "sighting":
            raise EnvironmentFault("disk-full", "the disk is full", "free some space")
        return append(rows, kind, actor, **facts)

    monkeypatch.setattr(house.ledger, "append", refusing)
    with pytest.raises(EnvironmentFault):
        house.patrol.run(source.name, actor="test")

    assert house.sightings.all() == []


# Labels and erasure


def test_a_false_alarm_is_kept_with_who_and_why_and_teaches_nothing(house: FakeHouse) -> None:
    source = watched(house)
    house.patrol.run(source.name, actor="test")
    name = house.sightings.all()[0].sighting.name

    house.sightings.label(name, "false-alarm", " our own website ", actor="web:chen")
    house.clock.advance(60)
    house.sightings.label(name, "true", "it is not ours after all", actor="web:wu")
    house.sightings.label(name, "false-alarm", "it is", actor="web:chen")

    detail = house.sightings.show(name)
    assert [(said.label.label, said.label.by, said.reason) for said in detail.labels] == [
        ("false-alarm", "web:chen", "our own website"),
        ("true", "web:wu", "it is not ours after all"),
        ("false-alarm", "web:chen", "it is"),
    ]
    assert detail.overview.severity is Severity.NONE
    assert house.facts()[-1] == {"sighting": name, "label": "false-alarm"}
    # The next one of its kind is as pressing as before.
    house.gatherer.site.pages = {SITE: [ORIGINAL]}
    house.patrol.run(source.name, actor="test")
    assert [each.severity for each in house.sightings.all()] == [Severity.MEDIUM, Severity.NONE]


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_a_label_needs_a_reason(house: FakeHouse, reason: str) -> None:
    house.patrol.run(watched(house).name, actor="test")
    name = house.sightings.all()[0].sighting.name

    with pytest.raises(BadInput):
        house.sightings.label(name, "true", reason, actor="test")

    assert house.sightings.show(name).labels == ()


def test_a_label_is_true_or_false_alarm() -> None:
    assert (label_word("true"), label_word("false-alarm")) == ("true", "false-alarm")
    with pytest.raises(BadInput):
        label_word("maybe")


def test_what_was_seen_of_an_erased_image_is_gone_and_is_not_found_again(house: FakeHouse) -> None:
    source = watched(house)
    house.patrol.run(source.name, actor="test")
    image = house.sightings.all()[0].sighting.image
    with house.records.begin() as unit:
        unit.catalogue.erase_image(image)

    looked = house.patrol.run(source.name, actor="test")

    assert (looked.sightings, house.sightings.all()) == ((), [])


def test_a_changed_ledger_stops_a_look(house: FakeHouse) -> None:
    source = watched(house)
    last: LedgerRow = house.records.state.ledger.stored[-1]
    house.records.state.ledger.stored[-1] = replace(last, head=last.head.replace("\n", "\nx", 1))

    with pytest.raises(Exception, match="ledger"):
        house.patrol.run(source.name, actor="test")

    assert house.sightings.all() == []
