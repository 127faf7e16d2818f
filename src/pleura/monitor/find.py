"""Find: every original that a picture shows, however many, without asking who it came from.

A page, a screen or a collage may show several films. All views of the picture are looked at, and every
overlay that holds is an answer. The search is in the ledger before it is answered: whoever looks for a
picture learns that a person's film is here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pleura.domain.errors import BadInput
from pleura.domain.ports import Archive, Clock, PictureWorker, Records
from pleura.domain.rasters import Raster
from pleura.domain.tracing import FindReport, Found
from pleura.imaging.match.register import share_of
from pleura.imaging.match.suspect import Box
from pleura.ledger.ledger import Ledger
from pleura.monitor.overlay import Match, Search, overlays_by_view

_ENOUGH: Final = 0.6
"""Share of a part that is explained by what was found, so that it is not looked at in other ways."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A report with the pictures it was made from."""

    report: FindReport
    picture: Raster
    matches: tuple[Match, ...]
    """In the order of the report."""


@dataclass(frozen=True, kw_only=True)
class Finder:
    """Finds originals and records every search."""

    archive: Archive
    search: Search
    worker: PictureWorker
    records: Records
    ledger: Ledger
    clock: Clock

    def find(self, path: Path, *, actor: str) -> Finding:
        """The originals that the picture at *path* shows; raises BadInput for what is no picture."""
        started = time.monotonic()
        with self.worker.opened(path) as source:
            digest = self.archive.digest(source).hex()
            try:
                picture = self.worker.suspect(source)
            except BadInput as refusal:
                self._write(actor, "refusal", reason=refusal.code, content=digest)
                raise
        matches = self._matches(picture)
        for match in matches:
            self._write(actor, "find", suspect=digest, image=match.image)
        if not matches:
            self._write(actor, "find", suspect=digest)
        report = FindReport(
            found=tuple(_found(match) for match in matches),
            seconds=time.monotonic() - started,
            finished_at=self.clock.now(),
        )
        return Finding(report=report, picture=picture, matches=matches)

    def _matches(self, picture: Raster) -> tuple[Match, ...]:
        """Every original once, the very exposures first, then the better supported ones."""
        self.search.prepare()
        best: dict[str, Match] = {}
        upright: list[Box] = []
        for view, matches in overlays_by_view(picture, self.search, self.archive):
            if view.mirrored or view.negative:
                # Parts that may be films stand for the page that they are on.
                if all(_is_explained(box, best.values()) for box in upright[1:] or upright):
                    break
            else:
                upright.append(view.box)
            for match in matches:
                known = best.get(match.image)
                if match.alignment.holds and (known is None or _support(known) < _support(match)):
                    best[match.image] = match
        return tuple(sorted(best.values(), key=_support, reverse=True))

    def _write(self, actor: str, kind: str, **facts: str) -> None:
        with self.records.begin() as unit:
            self.ledger.append(unit.ledger, kind, actor, **facts)


def _support(match: Match) -> tuple[bool, float]:
    return match.alignment.same_exposure, match.alignment.support


def _is_explained(box: Box, matches: Iterable[Match]) -> bool:
    """Whether most of *box* shows exposures of ours."""
    exact = [match.corners for match in matches if match.alignment.same_exposure]
    return share_of(box, exact) >= _ENOUGH


def _found(match: Match) -> Found:
    return Found(
        image=match.image,
        same_exposure=match.alignment.same_exposure,
        inliers=match.alignment.inliers,
        agreement=match.alignment.agreement,
        corners=match.corners,
    )
