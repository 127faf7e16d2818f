"""Asking an image search, when the house allows it and somebody has agreed for this very image.

1. The rule `image-search` is on; it is off unless somebody has set it.
2. The processing of the image is not restricted.
3. Who agreed, and on what ground, is kept sealed; the asking is in the ledger before a byte leaves.
4. What leaves is a coarse part of the middle of the film, without mark and metadata.
5. What comes back is no sighting: each page goes on the watch list, where pleura looks for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pleura.crypto.keys import keyed_digest
from pleura.domain.custody.erasure import refuse_restriction
from pleura.domain.errors import BadInput, NotFound, Refused
from pleura.domain.ids import new_id
from pleura.domain.ports import Archive, Clock, Records, Unit
from pleura.domain.watching.asking import ALLOWED, Candidate, ImageSearch, SearchEngine, checked_consent
from pleura.domain.watching.sources import WatchPlace
from pleura.imaging.excerpt import excerpt
from pleura.imaging.match.sketch import Work
from pleura.ledger.ledger import Ledger
from pleura.monitor.watch.sealing import WatchKey, sealed
from pleura.monitor.watch.watchlist import WatchList

MOST_PAGES: Final = 20
"""Pages of one answer that are put on the watch list."""

_EVERY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a service answered."""

    search: str
    candidates: tuple[Candidate, ...]
    sources: tuple[str, ...]
    """The sources that its pages became."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Asks image searches."""

    records: Records
    ledger: Ledger
    keys: WatchKey
    clock: Clock
    archive: Archive
    watchlist: WatchList

    def part_of(self, image: str) -> bytes:
        """The JPEG file that would leave; raises NotFound."""
        with self.records.read() as unit:
            unit.catalogue.image(image)
        work = self.archive.work(image)
        if work is None:
            raise NotFound(
                "sketch-missing",
                "the image {image} cannot be read now",
                "run pleura doctor, which says why",
                image=image,
            )
        return excerpt(Work.from_bytes(work).grey)

    def ask(self, image: str, engine: SearchEngine, consent: str, *, actor: str) -> Answered:
        """What *engine* answers about *image*; raises NotFound, Refused, BadInput, EnvironmentFault."""
        consent, part, name = checked_consent(consent), self.part_of(image), new_id("search")
        with self.records.begin() as unit:
            _refuse_closed(image, unit)
            unit.watch.add_image_search(
                ImageSearch(
                    name=name,
                    image=image,
                    engine=engine.name,
                    at=self.clock.now(),
                    by=actor,
                    sealed_consent=sealed(self.keys, f"search/{name}", consent),
                )
            )
            sent = keyed_digest(self.keys.watch_key, part).hex()
            self.ledger.append(
                unit.ledger, "image-search", actor, search=name, image=image, engine=engine.name, sent=sent
            )
        candidates = tuple(engine.search(part))
        return Answered(search=name, candidates=candidates, sources=self._watched(candidates, actor))

    def _watched(self, candidates: Sequence[Candidate], actor: str) -> tuple[str, ...]:
        """The sources that the pages become, those left out that are watched already or cannot be."""
        added = list[str]()
        for page in list(dict.fromkeys(each.page for each in candidates))[:MOST_PAGES]:
            try:
                place = WatchPlace(kind="page", address=page)
                added.append(self.watchlist.add(place, every=_EVERY, actor=actor).name)
            except BadInput:
                continue
        return tuple(added)


def _refuse_closed(image: str, unit: Unit) -> None:
    """Return when a part of the image may leave; raises Refused."""
    if unit.catalogue.policy(ALLOWED) != "on":
        raise Refused(
            "image-search-off",
            "image search is off: to send a part of a film away is a legal act of its own",
            "have the law looked at, then: pleura rule set image-search on",
        )
    found = unit.catalogue.image(image).image
    refuse_restriction(unit.catalogue.restricted([found.id, found.study, found.patient]))
