"""The sources: added, listed, removed, and taken by one worker at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pleura.domain.errors import BadInput, Refused
from pleura.domain.ids import new_id
from pleura.domain.ports import Clock, Records, Unit
from pleura.domain.watching.sources import Source, WatchPlace
from pleura.ledger.ledger import Ledger
from pleura.monitor.watch.sealing import WatchKey, index_of, opened, sealed

LEASE: Final = timedelta(minutes=15)
"""How long a worker that is silent keeps a source: much longer than the longest comparison of a picture."""


@dataclass(frozen=True, kw_only=True)
class WatchList:
    """The places that are looked at."""

    records: Records
    ledger: Ledger
    keys: WatchKey
    clock: Clock

    def add(self, place: WatchPlace, *, every: timedelta, browser: bool = False, actor: str) -> Source:
        """A new source; raises BadInput for a place that is on the list already."""
        name, now = new_id("source"), self.clock.now()
        source = Source(
            name=name,
            kind=place.kind,
            sealed_place=sealed(self.keys, _context(name), place),
            host_index=index_of(self.keys, place.host) if place.host else b"",
            every=every,
            browser=browser,
            enabled=True,
            added_at=now,
        )
        with self.records.begin() as unit:
            self._refuse_known(place, unit)
            unit.watch.add_source(source)
            self.ledger.append(unit.ledger, "source", actor, source=name, form=place.kind)
        return source

    def all(self) -> list[tuple[Source, WatchPlace]]:
        """Every source with its place, oldest first."""
        with self.records.read() as unit:
            return [(source, self.place(source)) for source in unit.watch.sources()]

    def place(self, source: Source) -> WatchPlace:
        """Where a source is; raises SealBroken."""
        return opened(self.keys, _context(source.name), source.sealed_place, WatchPlace)

    def remove(self, name: str, *, actor: str) -> None:
        """Look there no longer; what was seen there stays. Raises NotFound."""
        with self.records.begin() as unit:
            unit.watch.source(name)
            unit.watch.drop_source(name)
            self.ledger.append(unit.ledger, "source", actor, source=name, form="removed")

    def switch(self, name: str, *, enabled: bool, actor: str) -> None:
        """Look at a source when it is due, or only when it is named; raises NotFound."""
        with self.records.begin() as unit:
            unit.watch.replace_source(replace(unit.watch.source(name), enabled=enabled))
            form = "enabled" if enabled else "disabled"
            self.ledger.append(unit.ledger, "source", actor, source=name, form=form)

    def take(self, holder: str, name: str = "") -> Source | None:
        """A source that is due, or the one called *name*, for this worker alone; None where nothing is due.

        Two sources of one host are never taken at the same time, so that the host is asked no faster.
        Raises NotFound, and Refused where the one that is named is looked at already.
        """
        now = self.clock.now()
        with self.records.begin() as unit:
            sources = [unit.watch.source(name)] if name else unit.watch.sources()
            busy = _busy_hosts(unit, now, holder)
            for source in sources:
                if not (name or source.is_due(now)):
                    continue
                if source.is_free(now, holder) and source.host_index not in busy:
                    taken = replace(source, holder=holder, held_until=now + LEASE)
                    unit.watch.replace_source(taken)
                    return taken
        if name:
            raise Refused(
                "source-busy",
                "{source}, or another source of its host, is being looked at already",
                "wait until that has ended",
                source=name,
            )
        return None

    def keep(self, taken: Source, unit: Unit) -> None:
        """Hold a source longer, in the caller's transaction; raises Refused where another one has it now."""
        source = unit.watch.source(taken.name)
        if source.holder != taken.holder:
            raise Refused(
                "source-lost",
                "another worker has taken {source} over, because this one was silent for too long",
                "nothing is lost: the other one goes on",
                source=taken.name,
            )
        unit.watch.replace_source(replace(source, held_until=self.clock.now() + LEASE))

    def give_back(self, taken: Source, result: str, unit: Unit) -> None:
        """Let a source be taken again, in the caller's transaction; *result* is empty or a code."""
        source = next((each for each in unit.watch.sources() if each.name == taken.name), None)
        if source is not None and source.holder == taken.holder:
            unit.watch.replace_source(
                replace(source, holder="", held_until=None, looked_at=self.clock.now(), result=result)
            )

    def _refuse_known(self, place: WatchPlace, unit: Unit) -> None:
        for source in unit.watch.sources():
            if self.place(source) == place:
                raise BadInput(
                    "source-known",
                    "this place is on the watch list already, as {source}",
                    "look at it with pleura watch run",
                    source=source.name,
                )


def _busy_hosts(unit: Unit, now: datetime, holder: str) -> set[bytes]:
    return {
        source.host_index
        for source in unit.watch.sources()
        if source.host_index and not source.is_free(now, holder)
    }


def _context(name: str) -> str:
    return f"source/{name}"
