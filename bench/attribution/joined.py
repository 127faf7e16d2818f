"""Several recipients join their copies, or one copy is marked again and again: who is named."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from bench.attribution.stage import Picture, Shelf, marks, read

from pleura.imaging.mark.embed import embed
from pleura.imaging.mark.layout import Mark
from pleura.imaging.simulate.leaks import messenger

RECIPIENTS = 12
"""Copies that were made of each film; the first few are joined, the others are innocent."""
SIZES = (2, 4, 8)
REMARKED = 8


def _mosaic(copies: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """Squares of 32 pixels, each from the copy that chance picks."""
    rows, columns = copies.shape[1:]
    choice = dice.integers(0, len(copies), (-(-rows // 32), -(-columns // 32)))
    wide = np.kron(choice, np.ones((32, 32), dtype=np.int64))[:rows, :columns]
    return np.take_along_axis(copies, wide[None], axis=0)[0]


JOINS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "average": lambda copies, _: np.rint(copies.mean(axis=0)),
    "median": lambda copies, _: np.rint(np.median(copies, axis=0)),
    "least": lambda copies, _: copies.min(axis=0),
    "greatest": lambda copies, _: copies.max(axis=0),
    "least and greatest": lambda copies, _: np.rint(
        (copies.min(axis=0).astype(float) + copies.max(axis=0)) / 2
    ),
    "mosaic": _mosaic,
    "each pixel by chance": lambda copies, dice: np.take_along_axis(
        copies, dice.integers(0, len(copies), copies.shape[1:])[None], axis=0
    )[0],
}


Named = tuple[int, int]
"""True colluders named, and innocents named."""


@dataclass(frozen=True)
class _Jury:
    """Who is named in a suspect."""

    shelf: Shelf
    made: Mapping[int, Sequence[Mark]]
    seed: int

    def named(self, suspect: Picture, film: int, size: int) -> Named:
        """Of a film whose first *size* copies are in the suspect."""
        found = read(suspect, self.shelf, self.made)
        if found is None or found.film != film:
            return 0, len(found.named) if found else 0
        return sum(copy < size for copy in found.named), sum(copy >= size for copy in found.named)

    def twice(self, suspect: Picture, film: int, size: int) -> tuple[Named, Named]:
        """The same, undamaged and after a messenger."""
        sent = messenger(suspect, np.random.default_rng((self.seed, film)))
        return self.named(suspect, film, size), self.named(sent, film, size)


def run(pictures: Sequence[Picture], shelf: Shelf, seed: int) -> None:
    """Print who is named after each way to join copies, undamaged and through a messenger."""
    jury = _Jury(shelf, {film: marks(film, RECIPIENTS, seed) for film in range(len(pictures))}, seed)
    print(f"{len(pictures)} films, {RECIPIENTS} copies each, seed {seed}; the least over the films\n")
    print("| joined | copies | named | innocent named | after a messenger: named | innocent named |")
    print("|---|---|---|---|---|---|")
    for name, size in itertools.product(JOINS, SIZES):
        _row(name, size, [_joined(jury, name, size, film, each) for film, each in enumerate(pictures)])
    remarked = [_remarked(jury, film, picture) for film, picture in enumerate(pictures)]
    _row("marked again and again", REMARKED, remarked)


def _joined(jury: _Jury, name: str, size: int, film: int, picture: Picture) -> tuple[Named, Named]:
    copies = np.stack([embed(picture, mark) for mark in jury.made[film][:size]])
    joined = JOINS[name](copies, np.random.default_rng((jury.seed, film))).astype(np.uint8)
    return jury.twice(joined, film, size)


def _remarked(jury: _Jury, film: int, picture: Picture) -> tuple[Named, Named]:
    for mark in jury.made[film][:REMARKED]:
        picture = embed(picture, mark)
    return jury.twice(picture, film, REMARKED)


def _row(name: str, size: int, counts: Sequence[tuple[Named, Named]]) -> None:
    cells = []
    for each in zip(*counts, strict=True):
        cells += [f"{min(true for true, _ in each)} of {size}", str(sum(innocent for _, innocent in each))]
    print(f"| {name} | {size} | {' | '.join(cells)} |", flush=True)
