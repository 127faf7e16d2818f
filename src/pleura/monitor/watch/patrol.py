"""One look at one source: gather, tell pictures apart, compare what is new, remember what is ours.

1. The source is taken, so that no other worker looks at it.
2. Whoever gathers asks before every address: one worker fetches it, and only what has changed.
3. A picture file is known by its keyed digest: the same file is compared once, wherever it is.
4. What is new is traced in the disposable worker; its verdict is in the ledger.
5. One of our images becomes a sighting, in the ledger with it; every page that shows it becomes a place.
6. The look itself is in the ledger, with what was refused, and the source is given back.
"""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from pleura.crypto.keys import digest as plain_digest
from pleura.domain.errors import BadInput, NotFound, PleuraError
from pleura.domain.ids import new_id
from pleura.domain.ports import Archive, Clock, PictureWorker, Records, Unit
from pleura.domain.watching.gathering import (
    Claim,
    Found,
    FoundPage,
    FoundPicture,
    Gatherer,
    Known,
    Picture,
    Trouble,
)
from pleura.domain.watching.sightings import Context, Look
from pleura.domain.watching.sources import Source, WatchPlace
from pleura.ledger.ledger import Ledger
from pleura.monitor.trace import Tracer
from pleura.monitor.watch.exchange import Exchange
from pleura.monitor.watch.memory import Memory, Round, originals
from pleura.monitor.watch.sightings import Sightings
from pleura.monitor.watch.watchlist import WatchList

KEPT: Final = timedelta(days=180)
"""How long it is remembered what an address held, and that a stranger's picture was compared."""

CLOSED: Final = frozenset(
    {"robots", "address-not-public", "name-not-public", "port-closed", "host-malformed", "not-asked"}
)
"""Codes of addresses that a rule keeps closed, ours or that of the site."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What one look at a source came to."""

    source: str
    pages: int
    pictures: int
    """Compared now."""
    known: int
    """Not compared, because the same file was compared before."""
    sightings: tuple[str, ...]
    """New ones."""
    again: int
    """Places where a sighting was seen before, and now again."""
    spread: int
    """New places of sightings."""
    troubles: Counter[str]
    """Codes of what could not be looked at."""
    result: str
    """Empty, or the code of why there was nothing to look at."""


@dataclass(frozen=True, kw_only=True)
class Patrol:
    """Looks at sources."""

    records: Records
    ledger: Ledger
    clock: Clock
    worker: PictureWorker
    archive: Archive
    tracer: Tracer
    gatherer: Callable[[], Gatherer]
    """Made when there is something to gather: the way out is loaded with it."""
    watchlist: WatchList
    memory: Memory
    sightings: Sightings
    exchange: Exchange
    workspace: Callable[[], AbstractContextManager[Path]]

    def run_due(self, *, actor: str, is_stopped: Callable[[], bool] = lambda: False) -> Iterator[Looked]:
        """What looking at every source that is due comes to, one after the other.

        Raises EnvironmentFault; the source that it was met at waits for its next turn.
        """
        holder = new_id("worker")
        while not is_stopped() and (source := self.watchlist.take(holder)) is not None:
            yield self._look(source, actor, is_stopped, forced=False)

    def run(self, name: str, *, actor: str, is_stopped: Callable[[], bool] = lambda: False) -> Looked:
        """What looking at one source came to, due or not; raises NotFound, Refused, EnvironmentFault."""
        source = self.watchlist.take(new_id("worker"), name)
        if source is None:
            raise ValueError("a source that is named is taken or refused")
        return self._look(source, actor, is_stopped, forced=True)

    def _look(self, source: Source, actor: str, is_stopped: Callable[[], bool], *, forced: bool) -> Looked:
        look = _Look(self, Round(source=source, started_at=self.clock.now(), forced=forced), actor)
        result = "interrupted"  # unless it comes to an end, whatever that is
        try:
            place = self.watchlist.place(source)
            if place.kind == "list":
                self._compare(place, look)
            else:
                self._gather(place, look, is_stopped)
            result = look.outcome().result
        except PleuraError as fault:
            result = fault.code
            raise
        finally:
            self._end(look, result)
        return look.outcome()

    def _gather(self, place: WatchPlace, look: _Look, is_stopped: Callable[[], bool]) -> None:
        browser = look.round.source.browser
        with (
            self.workspace() as folder,
            # Closed before the folder goes, whatever happens: the process behind it writes there.
            contextlib.closing(
                self.gatherer().gather(place, folder, look.claim, browser=browser, is_stopped=is_stopped)
            ) as gathered,
        ):
            for found in gathered:
                look.take(found)
        look.was_stopped = is_stopped()

    def _compare(self, place: WatchPlace, look: _Look) -> None:
        """Compare a hash list with what was seen; one that is none is the trouble of this source alone."""
        file, source = Path(place.address), look.round.source.name
        try:
            look.spread, look.again = self.exchange.compare(file, place.query, source)
        except BadInput as refusal:
            look.troubles[refusal.code] += 1
        else:
            look.pages = 1

    def _end(self, look: _Look, result: str) -> None:
        look.release_all()
        looked = look.outcome()
        with self.records.begin() as unit:
            self.watchlist.give_back(look.round.source, result, unit)
            unit.watch.forget_before(self.clock.now() - KEPT)
            self.ledger.append(
                unit.ledger,
                "watch",
                look.actor,
                source=looked.source,
                pages=looked.pages,
                pictures=looked.pictures,
                sightings=len(looked.sightings),
                refused=sum(looked.troubles[code] for code in CLOSED),
                result=result or "done",
            )


@dataclass(frozen=True)
class _File:
    """A picture file: which sighting it is, if any, and its plain digest."""

    sighting: str
    sha256: str


@dataclass
class _Look:
    """The state of one look."""

    patrol: Patrol
    round: Round
    actor: str
    pages: int = 0
    compared: int = 0
    known: int = 0
    again: int = 0
    spread: int = 0
    was_stopped: bool = False
    new: list[str] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)
    claimed: set[str] = field(default_factory=set)
    """Addresses that are being fetched now: nothing is believed of any other."""
    files: dict[str, _File] = field(default_factory=dict)
    """By the address of the picture."""
    waiting: defaultdict[str, list[Context]] = field(default_factory=lambda: defaultdict(list))
    """Places whose picture is not known yet, by its address."""

    def claim(self, url: str) -> Claim:
        """The answer to whoever gathers."""
        answer = self.patrol.memory.claim(url, self.round)
        if answer.may_fetch:
            self.claimed.add(url)
        # The digests are for us alone.
        known = replace(answer.known, digest="", sha256="") if answer.known else None
        return replace(answer, known=known)

    def take(self, found: Found) -> None:
        """Remember what was found."""
        match found:
            case FoundPage():
                self._page(found)
            case FoundPicture():
                self._picture(found)
            case Trouble():
                self.troubles[found.code] += 1
                self._release(found.url)

    def outcome(self) -> Looked:
        """What it came to so far."""
        nothing = not self.pages and not self.files
        return Looked(
            source=self.round.source.name,
            pages=self.pages,
            pictures=self.compared,
            known=self.known,
            sightings=tuple(self.new),
            again=self.again,
            spread=self.spread,
            troubles=self.troubles,
            result="stopped" if self.was_stopped else next(iter(self.troubles), "") if nothing else "",
        )

    def _page(self, page: FoundPage) -> None:
        self.pages += 1
        if page.url in self.claimed:
            with self.patrol.records.begin() as unit:
                self.patrol.memory.note(page.url, page.known, self.round, unit)
            self.claimed.discard(page.url)
        for picture in page.known.pictures:
            context = _context(page, picture)
            if picture.url in self.files:
                self._seen(self.files[picture.url], context)
            else:
                self.waiting[picture.url].append(context)

    def _picture(self, picture: FoundPicture) -> None:
        if picture.file is None and not picture.is_same:
            self._worthless(picture)
            return
        file = self._fetched(picture, picture.file) if picture.file else self._unchanged(picture)
        if file is None:
            return
        self.files[picture.url] = file
        for context in self.waiting.pop(picture.url, ()):
            self._seen(file, context)

    def _unchanged(self, picture: FoundPicture) -> _File | None:
        """The file that the address held last and holds still; None where that is not known."""
        with self.patrol.records.begin() as unit:
            known = self.patrol.memory.recall(picture.url, unit)
            if known is None:
                return None
            if picture.url in self.claimed:
                self.patrol.memory.note(picture.url, known, self.round, unit)
                self.claimed.discard(picture.url)
            look = unit.watch.look(bytes.fromhex(known.digest)) if known.digest else None
        self.known += 1
        return _File(look.sighting if look else "", known.sha256)

    def _worthless(self, picture: FoundPicture) -> None:
        """Remember a picture that cannot be a film, so that it is only asked for when it changes."""
        if picture.url in self.claimed:
            known = Known(etag=picture.etag, last_modified=picture.last_modified)
            with self.patrol.records.begin() as unit:
                self.patrol.memory.note(picture.url, known, self.round, unit)
            self.claimed.discard(picture.url)

    def _fetched(self, picture: FoundPicture, path: Path) -> _File | None:
        """A file that was fetched now; it is gone from the workspace afterwards."""
        try:
            with self.patrol.worker.opened(path) as source:
                digest = self.patrol.archive.digest(source)
            sha256 = plain_digest(path.read_bytes()).hex()
            sighting = self._sighting(path, digest)
        except BadInput as refusal:  # no picture after all, or not to be read
            self.troubles[refusal.code] += 1
            self._release(picture.url)
            return None
        finally:
            path.unlink(missing_ok=True)
        if picture.url not in self.claimed:
            return _File(sighting, sha256)
        known = Known(
            etag=picture.etag, last_modified=picture.last_modified, digest=digest.hex(), sha256=sha256
        )
        with self.patrol.records.begin() as unit:
            self.patrol.memory.note(picture.url, known, self.round, unit)
        self.claimed.discard(picture.url)
        return _File(sighting, sha256)

    def _sighting(self, path: Path, digest: bytes) -> str:
        """The sighting that the file is, empty where it is not ours."""
        with self.patrol.records.begin() as unit:
            self.patrol.watchlist.keep(self.round.source, unit)
            before = unit.watch.look(digest)
            if before is not None and self.patrol.memory.is_settled(before, self.round, unit):
                self.known += 1
                return before.sighting
            against = originals(unit)
        self.compared += 1
        return self._compared(path, digest, against)

    def _compared(self, path: Path, digest: bytes, against: str) -> str:
        """The sighting that a new file is, traced now; one that is no picture is looked at once."""
        try:
            report = self.patrol.tracer.trace(path, actor=self.actor).report
        except BadInput as refusal:
            report = None
            self.troubles[refusal.code] += 1
        name = ""
        with self.patrol.records.begin() as unit:
            at_once = unit.watch.look(digest)
            if at_once is not None and self.patrol.memory.is_settled(at_once, self.round, unit):
                return at_once.sighting  # another worker found the same file meanwhile
            if report is not None and _is_kept(report.image, unit):
                name = self.patrol.sightings.record(
                    report, digest, self.round.source.name, actor=self.actor, unit=unit
                )
                self.new.append(name)
            unit.watch.put_look(
                Look(digest=digest, looked_at=self.round.started_at, against=against, sighting=name)
            )
        return name

    def _release(self, url: str) -> None:
        if url in self.claimed:
            with self.patrol.records.begin() as unit:
                self.patrol.memory.release(url, self.round, unit)
            self.claimed.discard(url)

    def release_all(self) -> None:
        """Let others fetch what was claimed and did not come."""
        for url in tuple(self.claimed):
            self._release(url)

    def _seen(self, file: _File, context: Context) -> None:
        if not file.sighting:
            return
        try:
            with self.patrol.records.begin() as unit:
                is_new = self.patrol.sightings.seen(
                    file.sighting, self.round.source.name, replace(context, sha256=file.sha256), unit
                )
        except NotFound:  # erased meanwhile
            return
        if is_new:
            self.spread += 1
        else:
            self.again += 1


def _is_kept(image: str | None, unit: Unit) -> bool:
    """Whether it is one of our images, and was not erased while it was compared."""
    try:
        return image is not None and bool(unit.catalogue.image(image))
    except NotFound:
        return False


def _context(page: FoundPage, picture: Picture) -> Context:
    return Context(page=page.url, picture=picture.url, title=page.known.title, text=picture.text)
