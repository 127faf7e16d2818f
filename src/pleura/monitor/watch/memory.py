"""What addresses held when they were fetched last, and who may fetch them now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pleura.domain.errors import NotFound
from pleura.domain.ports import Clock, Records, Unit
from pleura.domain.watching.gathering import Claim, Known
from pleura.domain.watching.sightings import Look, Visit
from pleura.domain.watching.sources import Source
from pleura.monitor.watch.sealing import WatchKey, index_of, opened, sealed
from pleura.monitor.watch.watchlist import WatchList

FETCH_LEASE: Final = timedelta(minutes=15)
"""How long a worker that is silent keeps an address."""

LOOK_AGAIN: Final = timedelta(days=7)
"""How often a picture that was not ours is compared again, when other originals have come meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """One look at one source by one worker."""

    source: Source
    started_at: datetime
    forced: bool
    """A person asked for it: every address is asked anew, and every picture compared with new originals."""

    @property
    def fresh_since(self) -> datetime:
        """From when on what was fetched, by whichever source, need not be fetched again."""
        return self.started_at if self.forced else self.started_at - self.source.every / 2


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The addresses."""

    records: Records
    keys: WatchKey
    watchlist: WatchList
    clock: Clock

    def claim(self, url: str, of: Round) -> Claim:
        """Whether this worker fetches *url* now, and what it held last; an address is fetched by one only.

        Raises Refused where another worker has the source now.
        """
        now, index = self.clock.now(), self._index(url)
        with self.records.begin() as unit:
            self.watchlist.keep(of.source, unit)
            visit = unit.watch.visit(index)
            known = self._known(visit)
            wanted = known is not None and bool(known.digest) and self._is_wanted(known.digest, of, unit)
            if visit is not None and visit.visited_at is not None and visit.visited_at >= of.fresh_since:
                if not wanted:
                    return Claim(may_fetch=False, known=known)
            elif visit is not None and _is_held(visit, now, of.source.holder):
                return Claim(may_fetch=False)
            claimed = visit or Visit(index=index, source=of.source.name, sealed=b"")
            unit.watch.put_visit(replace(claimed, holder=of.source.holder, held_until=now + FETCH_LEASE))
        # Of a picture that has to be compared again the whole file is needed.
        return Claim(may_fetch=True, known=None if wanted else known)

    def note(self, url: str, known: Known, of: Round, unit: Unit) -> None:
        """Remember what *url* holds now, in the caller's transaction."""
        index = self._index(url)
        unit.watch.put_visit(
            Visit(
                index=index,
                source=of.source.name,
                sealed=sealed(self.keys, _context(index), known),
                visited_at=self.clock.now(),
            )
        )

    def release(self, url: str, of: Round, unit: Unit) -> None:
        """Let others fetch *url*, which could not be had, in the caller's transaction."""
        visit = unit.watch.visit(self._index(url))
        if visit is not None and visit.holder == of.source.holder:
            unit.watch.put_visit(replace(visit, holder="", held_until=None))

    def recall(self, url: str, unit: Unit) -> Known | None:
        """What *url* held last."""
        return self._known(unit.watch.visit(self._index(url)))

    def is_settled(self, look: Look | None, of: Round, unit: Unit) -> bool:
        """Whether a picture need not be compared: it is ours, or was compared with these originals."""
        if look is None:
            return False
        if look.sighting:
            return _is_there(look.sighting, unit)
        is_old = of.forced or of.started_at - look.looked_at >= LOOK_AGAIN
        return not is_old or look.against == originals(unit)

    def _is_wanted(self, digest: str, of: Round, unit: Unit) -> bool:
        return not self.is_settled(unit.watch.look(bytes.fromhex(digest)), of, unit)

    def _known(self, visit: Visit | None) -> Known | None:
        if visit is None or not visit.sealed:
            return None
        return opened(self.keys, _context(visit.index), visit.sealed, Known)

    def _index(self, url: str) -> bytes:
        return index_of(self.keys, "address", url)


def originals(unit: Unit) -> str:
    """Which originals there are to compare with: how many, and the newest."""
    newest = unit.catalogue.image_page(1, None, None)
    return f"{unit.catalogue.image_count()} {newest[0].id if newest else '-'}"


def _is_there(sighting: str, unit: Unit) -> bool:
    """Whether a sighting was not erased with its image."""
    try:
        unit.watch.sighting(sighting)
    except NotFound:
        return False
    return True


def _is_held(visit: Visit, now: datetime, holder: str) -> bool:
    return visit.holder not in {"", holder} and visit.held_until is not None and visit.held_until > now


def _context(index: bytes) -> str:
    return f"visit/{index.hex()}"
