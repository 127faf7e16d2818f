"""The watch list in memory, and a gatherer that finds what a test gives it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pleura.domain.errors import NotFound
from pleura.domain.watching.asking import ImageSearch
from pleura.domain.watching.gathering import Claim, Found, FoundPage, FoundPicture, Known, Picture
from pleura.domain.watching.sightings import Look, SeenAt, Sighting, SightingLabel, Visit
from pleura.domain.watching.sources import Source, WatchPlace


@dataclass
class FakeWatchRows:
    """The port `WatchRows`."""

    kept_sources: dict[str, Source] = field(default_factory=dict)
    visits: dict[bytes, Visit] = field(default_factory=dict)
    looks: dict[bytes, Look] = field(default_factory=dict)
    kept_sightings: dict[str, Sighting] = field(default_factory=dict)
    places: dict[tuple[str, bytes], SeenAt] = field(default_factory=dict)
    kept_labels: list[SightingLabel] = field(default_factory=list)
    searches: list[ImageSearch] = field(default_factory=list)

    def add_source(self, source: Source) -> None:
        self.kept_sources[source.name] = source

    def replace_source(self, source: Source) -> None:
        self.kept_sources |= {source.name: source} if source.name in self.kept_sources else {}

    def drop_source(self, name: str) -> None:
        self.kept_sources.pop(name, None)
        self.visits = {index: visit for index, visit in self.visits.items() if visit.source != name}

    def source(self, name: str) -> Source:
        if name not in self.kept_sources:
            raise NotFound("source-unknown", "there is no source {source}", "look", source=name)
        return self.kept_sources[name]

    def sources(self) -> Sequence[Source]:
        return sorted(self.kept_sources.values(), key=lambda each: (each.added_at, each.name))

    def visit(self, index: bytes) -> Visit | None:
        return self.visits.get(index)

    def put_visit(self, visit: Visit) -> None:
        self.visits[visit.index] = visit

    def forget_before(self, moment: datetime) -> None:
        self.visits = {
            index: visit
            for index, visit in self.visits.items()
            if visit.visited_at is None or visit.visited_at >= moment
        }
        self.looks = {
            digest: look for digest, look in self.looks.items() if look.sighting or look.looked_at >= moment
        }

    def look(self, digest: bytes) -> Look | None:
        return self.looks.get(digest)

    def put_look(self, look: Look) -> None:
        self.looks[look.digest] = look

    def add_sighting(self, sighting: Sighting) -> None:
        if any(sighting.digest == known.digest for known in self.kept_sightings.values()):
            raise ValueError("a unique value is taken already")
        self.kept_sightings[sighting.name] = sighting

    def replace_sighting(self, sighting: Sighting) -> None:
        self.kept_sightings |= {sighting.name: sighting} if sighting.name in self.kept_sightings else {}

    def sighting(self, name: str) -> Sighting:
        if name not in self.kept_sightings:
            raise NotFound("sighting-unknown", "there is no sighting {sighting}", "look", sighting=name)
        return self.kept_sightings[name]

    def sightings(self) -> Sequence[Sighting]:
        by_name = sorted(self.kept_sightings.values(), key=lambda each: each.name)
        return sorted(by_name, key=lambda each: each.last_seen, reverse=True)

    def put_seen_at(self, place: SeenAt) -> None:
        self.places[place.sighting, place.index] = place

    def seen_at(self, sighting: str) -> Sequence[SeenAt]:
        found = [place for (name, _), place in self.places.items() if name == sighting]
        return sorted(found, key=lambda place: (place.first_seen, place.index))

    def spread(self) -> Mapping[str, int]:
        return Counter(name for name, _ in self.places)

    def add_label(self, label: SightingLabel) -> None:
        self.kept_labels.append(label)

    def labels(self, sighting: str) -> Sequence[SightingLabel]:
        found = [label for label in self.kept_labels if label.sighting == sighting]
        return sorted(found, key=lambda label: label.at)

    def add_image_search(self, search: ImageSearch) -> None:
        self.searches.append(search)

    def image_searches(self, image: str) -> Sequence[ImageSearch]:
        return sorted((each for each in self.searches if each.image == image), key=lambda each: each.at)

    def forget_images(self, images: set[str]) -> None:
        """What the database does by itself when an image goes."""
        gone = {name for name, each in self.kept_sightings.items() if each.image not in images}
        self.kept_sightings = {name: each for name, each in self.kept_sightings.items() if name not in gone}
        self.places = {key: each for key, each in self.places.items() if key[0] not in gone}
        self.kept_labels = [label for label in self.kept_labels if label.sighting not in gone]
        self.searches = [each for each in self.searches if each.image in images]


@dataclass
class FakeSite:
    """Pages with the pictures they show, and the files behind the pictures; each has a version."""

    pages: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    versions: Counter[str] = field(default_factory=Counter)


@dataclass
class FakeGatherer:
    """The port `Gatherer` over a site in memory: it asks before it fetches, and counts what it fetched."""

    site: FakeSite = field(default_factory=FakeSite)
    fetched: Counter[str] = field(default_factory=Counter)
    given_browser: list[bool] = field(default_factory=list)
    troubles: list[Found] = field(default_factory=list)

    def gather(
        self,
        place: WatchPlace,
        folder: Path,
        claim: Callable[[str], Claim],
        *,
        browser: bool,
        is_stopped: Callable[[], bool],
    ) -> Generator[Found]:
        self.given_browser.append(browser)
        yield from self.troubles
        asked: set[str] = set()
        for url, shown in self.site.pages.items():
            if not url.startswith(place.url):
                continue
            answer = claim(url)
            known = Known(
                etag=str(self.site.versions[url]), title="a page", pictures=tuple(map(_picture, shown))
            )
            if not answer.may_fetch and answer.known is None:
                continue
            self.fetched[url] += answer.may_fetch
            is_same = answer.known is not None and answer.known.etag == known.etag
            yield FoundPage(url=url, known=answer.known if answer.known and is_same else known)
            for picture in shown:
                if picture not in asked:
                    asked.add(picture)
                    yield from self._picture(picture, claim, folder)

    def _picture(self, url: str, claim: Callable[[str], Claim], folder: Path) -> Iterator[Found]:
        answer = claim(url)
        version = str(self.site.versions[url])
        if not answer.may_fetch:
            if answer.known is not None:
                yield FoundPicture(url=url, file=None, is_same=True)
            return
        self.fetched[url] += 1
        if answer.known is not None and answer.known.etag == version:
            yield FoundPicture(url=url, file=None, is_same=True, etag=version)
            return
        file = folder / f"{sum(self.fetched.values()):06d}"
        file.write_bytes(self.site.files[url].read_bytes())
        yield FoundPicture(url=url, file=file, etag=version)


def _picture(url: str) -> Picture:
    return Picture(url=url, text="a chest film")
