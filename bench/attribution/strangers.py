"""Pictures that hold no copy of ours: unmarked, marked by somebody else, or of another film.

Each is laid over an original, as well as it will, and compared with copy records: nobody may be named.
The film of another patient rarely lies well over an original, so the likeliest of many is taken, and where
not even that agrees the two frames are laid over each other: the bound holds for every picture, also then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bench.attribution.innocents import scores
from bench.attribution.rates.calibration import print_moments, print_tails, print_traces
from bench.attribution.stage import Picture, Shelf, marks, spread

from pleura.domain.tracing import ACCUSATION_LIMIT, false_match_probability
from pleura.imaging.mark.embed import embed
from pleura.imaging.mark.layout import Floats, plan
from pleura.imaging.mark.read import own_part, residual
from pleura.imaging.match.register import Geometry, align, find_geometry
from pleura.imaging.match.sketch import Sketch
from pleura.imaging.match.suspect import View, views
from pleura.imaging.simulate.leaks import ATTACKS
from pleura.monitor.overlay import TRIED_INLIERS

KINDS = ("unmarked", "another key", "another film")
RECORDS = 100
"""Copies of the original that each picture is compared with."""
FOR_THE_RECORD = 10_200
"""Pictures of ``--full``."""

_LIKELIEST = 3
_FOREIGN_SEED = 10_000  # marks of a key that is not ours


@dataclass(frozen=True)
class Stranger:
    """One picture laid over an original it holds no copy of."""

    kind: str
    tried: bool
    """Whether a trace would have tried the overlay."""
    holds: bool
    scores: Floats

    @property
    def bound(self) -> float:
        """What a report would state for the best of the records."""
        return false_match_probability(float(self.scores.max()), self.scores.size)


@dataclass(frozen=True)
class _Task:
    pictures: Sequence[Picture]
    shelf: Shelf
    seed: int


def _stranger(task: _Task, number: int) -> Stranger:
    dice = np.random.default_rng((task.seed, number))
    kind = KINDS[number % len(KINDS)]
    film = int(dice.integers(len(task.pictures)))
    picture = task.pictures[film]
    if kind == "another key":
        picture = embed(picture, marks(number, 1, task.seed + _FOREIGN_SEED)[0])
    attack = str(dice.choice([*ATTACKS]))
    view = next(views(ATTACKS[attack](picture, dice)))
    original, geometry = _laid_over(view, _originals(task, kind, film, view))
    alignment = align(view.grey, geometry, original.work.grey)
    rest = residual(alignment, original.work.grey, (original.work.rows, original.work.columns))
    own = own_part(rest, plan(marks(number, 1, task.seed)[0].plan, rest.shape))
    return Stranger(
        kind=kind,
        tried=geometry.inliers >= TRIED_INLIERS,
        holds=alignment.holds,
        scores=scores(own, RECORDS, dice),
    )


def _originals(task: _Task, kind: str, film: int, view: View) -> Sequence[Sketch]:
    """The picture's own original, or the likeliest of those that it was not made from."""
    sketches = task.shelf.sketches
    if kind != "another film":
        return [sketches[film]]
    likeliest = [int(name) for name, _ in task.shelf.candidates(view.features, _LIKELIEST + 1)]
    wrong = [number for number in likeliest if number != film]
    return [sketches[number] for number in wrong or [(film + 1) % len(sketches)]]


def _laid_over(view: View, originals: Sequence[Sketch]) -> tuple[Sketch, Geometry]:
    """The original that most features agree with, and how the picture lies over it."""
    found = [(original, find_geometry(view.features, original.features)) for original in originals]
    agreeing = [(sketch, geometry) for sketch, geometry in found if geometry is not None]
    if agreeing:
        return max(agreeing, key=lambda each: each[1].inliers)
    likeliest = originals[0]
    stretch = np.divide(view.grey.shape, likeliest.work.grey.shape)
    return likeliest, Geometry(homography=np.diag([stretch[1], stretch[0], 1.0]), inliers=0)


def run(pictures: Sequence[Picture], shelf: Shelf, count: int, seed: int, jobs: int) -> Floats:
    """Print what *count* strangers score by kind; all scores."""
    if len(pictures) < 2:
        raise SystemExit("strangers take at least two films: one is laid over the original of another")
    found = spread(_stranger, _Task(pictures, shelf, seed), count, jobs)
    everyone = np.concatenate([each.scores for each in found])
    print(f"{count:,} pictures made of {len(pictures)} films, each after one of {len(ATTACKS)} attacks, each")
    print(f"over one of {len(shelf.sketches)} originals, against {RECORDS} copy records; seed {seed}\n")
    print("| picture | count | overlays a trace would try | that hold | greatest z | least bound | named |")
    print("|---|---|---|---|---|---|---|")
    for kind in KINDS:
        _row(kind, [each for each in found if each.kind == kind])
    _row("all", found)
    print()
    print_moments(everyone)
    print_tails(everyone)
    print_traces(everyone)
    return everyone


def _row(kind: str, mine: Sequence[Stranger]) -> None:
    tried, holding = sum(each.tried for each in mine), sum(each.holds for each in mine)
    greatest = max((float(each.scores.max()) for each in mine), default=0.0)
    bounds = [each.bound for each in mine] or [1.0]
    named = sum(bound <= ACCUSATION_LIMIT for bound in bounds)
    print(
        f"| {kind} | {len(mine):,} | {tried:,} | {holding:,} | {greatest:.2f} | {min(bounds):.2g} | {named} |"
    )
