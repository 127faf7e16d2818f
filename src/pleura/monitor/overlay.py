"""A suspect laid over the originals that it may come from, likeliest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final, Protocol

from pleura.domain.errors import BadInput
from pleura.domain.ports import Archive
from pleura.domain.rasters import Raster
from pleura.domain.tracing import Corners
from pleura.imaging.match.features import Features, features
from pleura.imaging.match.register import Alignment, Geometry, align, corners_of, find_geometry
from pleura.imaging.match.sketch import Work
from pleura.imaging.match.suspect import View, views
from pleura.imaging.rasters import to_array

MAX_CANDIDATES: Final = 10
"""Originals whose features are compared with one view of the suspect, most votes first."""

TRIED_INLIERS: Final = 12
"""Inliers from which an overlay is tried.

A small crop may have too few for its geometry alone to hold; the mark, whose proof does not rest on
the geometry, may still name the copy.
"""

_SURE_INLIERS: Final = 60
"""Inliers below which all of the original's features are tried, not only those that it is found by."""

_TRIED_CLOSELY: Final = 3
"""Candidates of a view for which that is worth its time."""

_ALL_FEATURES: Final = 5000


@dataclass(frozen=True, kw_only=True)
class Match:
    """The suspect laid over the original that it shows."""

    image: str
    work: Work
    alignment: Alignment
    corners: Corners
    """Where the corners of the original lie in the suspect."""


class Search(Protocol):
    """Where candidates come from."""

    def prepare(self) -> None:
        """Let everything that is here by now be found."""
        ...

    def candidates(self, suspect: Features, limit: int) -> Sequence[tuple[str, Features]]:
        """At most *limit* originals that *suspect* may come from with their features, likeliest first."""
        ...


class Close:
    """An original as it is looked at when there is reason to."""

    def __init__(self, work: Work) -> None:
        self.work = work

    @classmethod
    def of(cls, work: bytes | None) -> Close | None:
        """The original with that work image; None where it is lost."""
        try:
            return cls(Work.from_bytes(work)) if work is not None else None
        except BadInput:  # it opens, and is not what this version writes
            return None

    @cached_property
    def features(self) -> Features:
        """All features, also the weak ones."""
        return features(self.work.grey, _ALL_FEATURES)

    def geometry(self, view: View, found: Geometry | None) -> Geometry | None:
        """How the view lies over it: as was *found* by a few features, or where those are few by all."""
        if _inliers(found) >= _SURE_INLIERS:
            return found
        return max(found, find_geometry(view.features, self.features), key=_inliers)


def overlays_by_view(
    suspect: Raster, search: Search, archive: Archive
) -> Iterator[tuple[View, Iterator[Match]]]:
    """The suspect laid over its likeliest originals, until the caller has enough.

    View by view: what one way to look at the suspect shows belongs together.
    """
    closely = cache(lambda image: Close.of(archive.work(image)))
    for view in views(to_array(suspect)):
        yield view, _overlays(view, search, closely)


def _overlays(view: View, search: Search, closely: Callable[[str], Close | None]) -> Iterator[Match]:
    found = [
        (image, find_geometry(view.features, found_by))
        for image, found_by in search.candidates(view.features, MAX_CANDIDATES)
    ]
    # Those that most features agree with first; the rest stay in the order of their votes.
    found.sort(key=lambda each: -_inliers(each[1]))
    for place, (image, geometry) in enumerate(found):
        near = place < _TRIED_CLOSELY
        original = closely(image) if geometry or near else None
        if original is None:
            continue
        best = original.geometry(view, geometry) if near else geometry
        if best is not None and best.inliers >= TRIED_INLIERS:
            yield _match(image, original.work, view, best)


def _inliers(geometry: Geometry | None) -> int:
    return geometry.inliers if geometry else 0


def _match(image: str, work: Work, view: View, geometry: Geometry) -> Match:
    return Match(
        image=image,
        work=work,
        alignment=align(view.grey, geometry, work.grey),
        corners=corners_of(work.grey, view.to_suspect @ geometry.homography),
    )
