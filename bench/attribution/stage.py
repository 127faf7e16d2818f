"""The films of the bench, their marks, and a trace without worker, vault and ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.adapters.neighbours import InvertedLists
from pleura.domain.tracing import ACCUSATION_LIMIT, false_match_probability
from pleura.imaging.mark.layout import PLAN_BYTES, STREAM_BYTES, Mark, plan
from pleura.imaging.mark.polar import PAYLOAD_BYTES
from pleura.imaging.mark.read import Residual, own_part, payloads, residual, score
from pleura.imaging.match.features import Features
from pleura.imaging.match.index import FeatureIndex
from pleura.imaging.match.sketch import Sketch
from pleura.imaging.rasters import to_raster
from pleura.imaging.simulate.phantom import phantom
from pleura.monitor.trace import overlays

Picture = NDArray[np.uint8]

SUFFIXES = {".png", ".jpg", ".jpeg"}


def films(folder: Path | None, most: int) -> list[Picture]:
    """At most so many grey films of *folder*, by name; phantoms where there is none."""
    if folder is None:
        return [(phantom(seed) >> 4).astype(np.uint8) for seed in range(most)]
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)[:most]
    return [np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8) for path in paths]


def marks(film: int, copies: int, seed: int) -> list[Mark]:
    """The marks of the copies of a film."""
    dice = np.random.default_rng((seed, film))
    shared = dice.bytes(PLAN_BYTES)
    return [
        Mark(own=dice.bytes(STREAM_BYTES), plan=shared, payload=dice.bytes(PAYLOAD_BYTES))
        for _ in range(copies)
    ]


@dataclass(frozen=True)
class Shelf:
    """The originals of the bench, as a search and as an archive."""

    sketches: Sequence[Sketch]

    def candidates(self, suspect: Features, limit: int) -> list[tuple[str, Features]]:
        found = self._index.candidates(suspect, limit)
        return [(name, self.sketches[int(name)].features) for name in found]

    @cached_property
    def _index(self) -> FeatureIndex:
        index = FeatureIndex(InvertedLists())
        index.add((str(number), index.encode(sketch.features)) for number, sketch in enumerate(self.sketches))
        return index

    def work(self, image: str) -> bytes:
        return self.sketches[int(image)].work.to_bytes()


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a suspect turned out to be, by the rules of `monitor.trace`."""

    film: int
    own: Residual
    """What the signs of every copy are compared with."""
    scores: Sequence[float]
    """Of every copy of the film."""
    named: Sequence[int]
    """The copies that pass the accusation limit, highest score first."""
    payload: int | None
    """The copy whose payload was read."""


def read(suspect: Picture, shelf: Shelf, made: Mapping[int, Sequence[Mark]]) -> Reading | None:
    """The first overlay that names a copy or holds; None where the picture is unknown."""
    comparisons = 0
    for match in overlays(to_raster(suspect), shelf, shelf):  # type: ignore[arg-type]
        film = int(match.image)
        rest = residual(match.alignment, match.work.grey, (match.work.rows, match.work.columns))
        copies = made.get(film) or marks(film, 3, seed=-1)
        shared = plan(copies[0].plan, rest.shape)
        own = own_part(rest, shared)
        scores = [score(own, mark.own) for mark in copies]
        comparisons += len(copies)
        named = [
            number
            for number in sorted(range(len(scores)), key=lambda number: -scores[number])
            if false_match_probability(scores[number], comparisons) <= ACCUSATION_LIMIT
        ]
        if not named and not match.alignment.holds:
            continue
        heard = payloads(rest, shared)
        spoken = [number for number, mark in enumerate(copies) if mark.payload in heard]
        return Reading(
            film=film,
            own=own,
            scores=scores,
            named=named,
            payload=spoken[0] if spoken else None,
        )
    return None
