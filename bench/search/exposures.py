"""Films that resemble each other: other exposures of one patient, and films of other patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bench.attribution.stage import spread
from bench.search.stage import Archive, is_tuned_on

from pleura.imaging.match.register import align, find_geometry
from pleura.imaging.match.suspect import View, views
from pleura.monitor.overlay import TRIED_INLIERS, Close


@dataclass(frozen=True)
class _Pair:
    first: int
    second: int
    inliers: int
    support: float
    evenness: float
    verdict: str
    """``same``, ``other`` exposure or ``none``."""


def _verdict(archive: Archive, view: View, first: int, second: int, *, closely: bool) -> _Pair:
    sketch = archive.shelf.sketches[second]
    geometry = find_geometry(view.features, sketch.features)
    if closely:
        geometry = Close(sketch.work).geometry(view, geometry)
    if geometry is None or geometry.inliers < TRIED_INLIERS:
        return _Pair(first, second, geometry.inliers if geometry else 0, 0.0, 0.0, "none")
    overlay = align(view.grey, geometry, sketch.work.grey)
    verdict = "none" if not overlay.holds else "same" if overlay.same_exposure else "other"
    return _Pair(first, second, geometry.inliers, overlay.support, overlay.evenness, verdict)


@dataclass(frozen=True)
class _OfOne:
    archive: Archive
    pairs: Sequence[tuple[int, int]]
    """Two films of one patient each."""


def _same_patient(task: _OfOne, number: int) -> _Pair:
    first, second = task.pairs[number]
    view = next(views(task.archive.picture(first)))
    return _verdict(task.archive, view, first, second, closely=True)


@dataclass(frozen=True)
class _OfOthers:
    archive: Archive
    rivals: int


def _rivals(task: _OfOthers, film: int) -> list[_Pair]:
    """A film over those of other patients that it resembles most."""
    archive = task.archive
    view = next(views(archive.picture(film)))
    names = archive.shelf.candidates(view.features, 2 * task.rivals)
    others = [int(name) for name, _ in names if archive.patient(int(name)) != archive.patient(film)]
    return [_verdict(archive, view, film, other, closely=False) for other in others[: task.rivals]]


def run(archive: Archive, rivals: int, jobs: int) -> None:
    """Print both tables."""
    of_one = _OfOne(archive, archive.same_patient())
    pairs = spread(_same_patient, of_one, len(of_one.pairs), jobs)
    print("Two films of one patient, one as the suspect and one as the original:\n")
    print("| pairs | count | said to be the same exposure | another exposure | unknown | greatest support |")
    print("|---|---|---|---|---|---|")
    tuned = [pair for pair in pairs if is_tuned_on(archive.paths[pair.first])]
    scored = [pair for pair in pairs if not is_tuned_on(archive.paths[pair.first])]
    for name, mine in (("the rule was chosen on", tuned), ("nobody had looked at", scored)):
        _row(name, mine)
    for pair in pairs:
        if pair.verdict == "same":
            print(f"\nsame: {archive.paths[pair.first].name} and {archive.paths[pair.second].name}, ", end="")
            print(f"support {pair.support:.0f}, evenness {pair.evenness:.2f}", end="")
    by_film = spread(_rivals, _OfOthers(archive, rivals), len(archive.paths), jobs)
    found = [pair for each in by_film for pair in each]
    inliers = np.array([pair.inliers for pair in found])
    print(f"\n\nFilms of different patients, each over the {rivals} that it resembles most by votes:\n")
    print("| pairs | count | said to be the same exposure | another exposure | unknown | greatest support |")
    print("|---|---|---|---|---|---|")
    _row("of different patients", found)
    print(f"\nInliers: at most {inliers.max()}, in one of a thousand pairs {np.quantile(inliers, 0.999):.0f}")
    for pair in found:
        if pair.verdict != "none":
            print(
                f"\n{pair.verdict}: {archive.paths[pair.first].name}, {archive.paths[pair.second].name}, ",
                end="",
            )
            print(f"support {pair.support:.0f}, evenness {pair.evenness:.2f}", end="")
    print()


def _row(name: str, pairs: Sequence[_Pair]) -> None:
    count = {verdict: sum(pair.verdict == verdict for pair in pairs) for verdict in ("same", "other", "none")}
    most = max((pair.support for pair in pairs), default=0.0)
    print(
        f"| {name} | {len(pairs):,} | {count['same']} | {count['other']} | {count['none']:,} | {most:.0f} |"
    )
