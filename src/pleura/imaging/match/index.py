"""An index of features: which of many originals may a suspect picture come from.

A feature of the suspect votes for an original by how much nearer its best feature is than those of the
rivals; votes count together when they agree in change of scale and turn (weak geometric consistency, Jegou,
Douze and Schmid, ECCV 2008). The near features come from an engine (`Neighbours`), so that it can be another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from pleura.domain.errors import BadInput
from pleura.imaging.match.features import SQUARED_LENGTH, Features

Numbers = NDArray[np.int64]

_VOTERS: Final = 1000  # features of the suspect that vote, strongest first
_NEAREST: Final = 32  # features of originals that each of them is shown
_RIVALS: Final = 5  # an original must be nearer than the fifth best one, so follow-ups do not cancel out
_SCALES: Final = 12  # bins of half an octave
_TURNS: Final = 18  # bins of 20 degrees

# A feature's number says whose it is and how it lies: 8 bits each for scale and turn below the original's.
_OCTAVE: Final = 16
_CIRCLE: Final = 256
_PLACE_BITS: Final = 16
_LAYOUT: Final = "places-1"  # of what comes before the code; changes with the bins above and the features
_TIE: Final = 2e-3  # of likeness: the same film stored again is no rival of itself


class Neighbours(Protocol):
    """Quantised descriptors, each under a number; an engine is not for two threads at once."""

    @property
    def name(self) -> str:
        """The engine and its codes: codes of another name mean nothing to it."""
        ...

    @property
    def code_bytes(self) -> int:
        """Length of the code of one descriptor."""
        ...

    def encode(self, descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(n, ``code_bytes``): the codes of (n, 128) descriptors; the same ones have the same codes."""
        ...

    def add(self, codes: NDArray[np.uint8], numbers: Numbers) -> None:
        """Keep *codes* under *numbers*, which need not be different."""
        ...

    def nearest(self, descriptors: NDArray[np.uint8], count: int) -> tuple[NDArray[np.float32], Numbers]:
        """Squared distances and numbers, (n, *count*) each, nearest first; -1 where there are fewer."""
        ...


class FeatureIndex:
    """Originals by their features; not for two threads at once."""

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours
        self._images: list[str] = []
        self._numbers: dict[str, int] = {}

    @property
    def images(self) -> Set[str]:
        """The originals that can be found."""
        return self._numbers.keys()

    @property
    def form(self) -> str:
        """The name of the form that `encode` gives, which `add` takes in no other."""
        return f"{self._neighbours.name}/{_LAYOUT}"

    def encode(self, features: Features) -> bytes:
        """What is kept of an original: a row for each feature, of scale, turn and code."""
        return np.concatenate(
            [_bytes_of(features.places), self._neighbours.encode(features.descriptors)], axis=1
        ).tobytes()

    def add(self, originals: Iterable[tuple[str, bytes]]) -> None:
        """Add encoded originals under their names; one that is there already is left as it is.

        All of them are there afterwards, or none. Raises BadInput for what `encode` did not make.
        """
        new = {image: self._rows(encoded) for image, encoded in originals if image not in self._numbers}
        if not new:
            return
        start = len(self._images)
        codes = np.concatenate([rows[:, 2:] for rows in new.values()])
        numbers = [_numbered(start + place, rows) for place, rows in enumerate(new.values())]
        self._neighbours.add(np.ascontiguousarray(codes), np.concatenate(numbers))
        self._images += new
        self._numbers |= {image: start + place for place, image in enumerate(new)}

    def candidates(self, suspect: Features, limit: int) -> Sequence[str]:
        """At most *limit* originals that *suspect* may come from, most votes first."""
        voters = suspect.descriptors[:_VOTERS]
        if not len(voters) or not self._numbers:
            return []
        distances, numbers = self._neighbours.nearest(voters, _NEAREST)
        likeness = np.where(numbers >= 0, 1 - distances / (2 * SQUARED_LENGTH), -1).astype(np.float32)
        owners = np.where(numbers >= 0, numbers >> _PLACE_BITS, -1)
        gains = _gains(likeness, owners)
        voter, neighbour = np.nonzero(gains)
        known, whose = np.unique(owners[voter, neighbour], return_inverse=True)
        scale, turn = _change(_bytes_of(suspect.places)[voter], numbers[voter, neighbour])
        bins = np.zeros((len(known), _SCALES + 1, _TURNS))
        np.add.at(bins, (whose, scale, turn), gains[voter, neighbour])
        merged = bins[:, :-1] + bins[:, 1:]
        merged = merged + np.roll(merged, 1, axis=2)
        votes = merged.max(axis=(1, 2), initial=0)
        return [self._images[known[each]] for each in np.argsort(-votes, kind="stable")[:limit]]

    def _rows(self, encoded: bytes) -> NDArray[np.uint8]:
        width = 2 + self._neighbours.code_bytes
        if len(encoded) % width:
            raise BadInput("bad-features", "the features of an image are damaged", "import the image again")
        return np.frombuffer(encoded, dtype=np.uint8).reshape(-1, width)


def _bytes_of(places: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(n, 2): scale in sixteenths of an octave and turn in 256ths of a circle."""
    scale = np.clip(np.rint(np.log2(np.maximum(places[:, 2], 1)) * _OCTAVE), 0, 255)
    turn = np.rint(places[:, 3] / 360 * _CIRCLE) % _CIRCLE
    return np.stack([scale, turn], axis=1).astype(np.uint8)


def _numbered(original: int, rows: NDArray[np.uint8]) -> Numbers:
    """The numbers of the features of an original, from their scales and turns."""
    return (original << _PLACE_BITS) + (rows[:, 0].astype(np.int64) << 8) + rows[:, 1].astype(np.int64)


def _change(ours: NDArray[np.uint8], theirs: Numbers) -> tuple[Numbers, Numbers]:
    """The bins of the changes of scale and of turn from an original's features to the suspect's."""
    scale = np.rint((ours[:, 0].astype(np.int64) - ((theirs >> 8) & 0xFF)) / (_OCTAVE / 2)).astype(np.int64)
    turn = (ours[:, 1].astype(np.int64) - (theirs & 0xFF)) % _CIRCLE
    return np.clip(scale + _SCALES // 2, 0, _SCALES - 1), turn * _TURNS // _CIRCLE


def _gains(likeness: NDArray[np.float32], owners: Numbers) -> NDArray[np.float32]:
    """How much nearer the best feature of each owner is than that of the fifth best owner, row by row.

    Owners as near as the nearest are not counted: a film that is stored again and again would hide itself.
    """
    first = np.ones(owners.shape, dtype=np.bool_)
    for column in range(1, owners.shape[1]):
        first[:, column] = (owners[:, :column] != owners[:, column : column + 1]).all(axis=1)
    first &= owners >= 0
    apart = first & (likeness < likeness[:, :1] - _TIE)
    order = np.cumsum(apart, axis=1)
    # The rival is the fourth owner beyond the nearest, or whatever comes last where there are fewer in sight.
    reached = order >= _RIVALS - 1
    rival = np.where(reached.any(axis=1), reached.argmax(axis=1), owners.shape[1] - 1)
    bar = np.take_along_axis(likeness, rival[:, None], axis=1)
    return np.where(first & (order < _RIVALS - 1), np.maximum(likeness - bar, 0), 0).astype(np.float32)
