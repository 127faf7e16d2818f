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

from pleura.domain.rasters import Raster
from pleura.domain.tracing import FindReport, Found
from pleura.imaging.match.register import share_of
from pleura.imaging.match.suspect import Box
from pleura.monitor.overlay import Match
from pleura.monitor.suspects import Suspect, Suspects

_ENOUGH: Final = 0.6
"""Share of a part that is explained by what was found, so that it is not looked at in other ways."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A report with the picture it is about."""

    report: FindReport
    picture: Raster


@dataclass(frozen=True, kw_only=True)
class Finder:
    """Finds originals and records every search."""

    suspects: Suspects

    def find(self, path: Path, *, actor: str) -> Finding:
        """The originals that the picture at *path* shows; raises BadInput for what is no picture."""
        started = time.monotonic()
        suspect = self.suspects.opened(path, actor=actor)
        found = tuple(map(_found, self._matches(suspect)))
        searched = {"suspect": suspect.digest}
        entries = [searched | {"image": each.image} for each in found] or [searched]
        self.suspects.write("find", actor, *entries)
        report = FindReport(
            found=found, seconds=time.monotonic() - started, finished_at=self.suspects.clock.now()
        )
        return Finding(report=report, picture=suspect.picture)

    def _matches(self, suspect: Suspect) -> list[Match]:
        """Every original once, the very exposures first, then the better supported ones."""
        best: dict[str, Match] = {}
        upright: list[Box] = []
        for view, matches in self.suspects.overlays(suspect):
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
        return sorted(best.values(), key=_support, reverse=True)


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
