"""The films of the bench, their marks, and a trace without worker, vault and ledger."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.adapters.neighbours import InvertedLists
from pleura.domain.errors import BadInput
from pleura.domain.tracing import ACCUSATION_LIMIT, false_match_probability
from pleura.imaging.dicom.windows import display
from pleura.imaging.mark.layout import PLAN_BYTES, STREAM_BYTES, Mark, plan
from pleura.imaging.mark.polar import PAYLOAD_BYTES
from pleura.imaging.mark.read import Residual, own_part, payloads, residual, score
from pleura.imaging.match.features import Features
from pleura.imaging.match.index import FeatureIndex
from pleura.imaging.match.sketch import Sketch
from pleura.imaging.rasters import to_array, to_raster
from pleura.imaging.simulate.phantom import phantom
from pleura.imaging.work import luma
from pleura.monitor.overlay import Match, overlays_by_view

Picture = NDArray[np.uint8]
Result = TypeVar("Result")
Task = TypeVar("Task")

PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"}
DICOM = {".dcm", ".dicom"}


def films(folder: Path | None, most: int) -> list[Picture]:
    """At most so many grey films of *folder*, by name, DICOM in their default window; phantoms without one.

    Exits with the reason where the folder has none, or one that cannot be read.
    """
    if folder is None:
        return [(phantom(seed) >> 4).astype(np.uint8) for seed in range(most)]
    return [film_at(path) for path in paths_in(folder)[:most]]


def paths_in(folder: Path) -> list[Path]:
    """The radiographs of *folder*, by name; exits with the reason where there is none."""
    if not folder.is_dir():
        raise SystemExit(f"{folder} is no folder; name one that holds radiographs")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES | DICOM)
    if not paths:
        raise SystemExit(f"{folder} holds no radiograph; wanted: {' '.join(sorted(PICTURES | DICOM))}")
    return paths


def film_at(path: Path) -> Picture:
    """One grey film, DICOM in its default window; exits with the reason where it cannot be read."""
    if path.suffix.lower() in DICOM:
        try:
            return np.ascontiguousarray(luma(to_array(display(path.read_bytes()))), dtype=np.uint8)
        except BadInput as refusal:
            raise SystemExit(f"{path} cannot be shown: {refusal}; take it out of the folder") from refusal
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise SystemExit(f"{path} is no picture that can be read; take it out of the folder")
    return np.asarray(picture, dtype=np.uint8)


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

    def prepare(self) -> None:
        """Nothing comes in while a bench runs."""

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


def overlays(suspect: Picture, shelf: Shelf) -> Iterator[Match]:
    """The suspect laid over the likeliest originals, one after the other."""
    by_view = overlays_by_view(to_raster(suspect), shelf, shelf)  # type: ignore[arg-type]
    return itertools.chain.from_iterable(matches for _, matches in by_view)


@dataclass(frozen=True, kw_only=True)
class Look:
    """A suspect laid over one original, and how every copy of that film scores there."""

    film: int
    own: Residual
    """What the signs of every copy are compared with."""
    scores: Sequence[float]
    comparisons: int
    """Copies compared so far, those of earlier looks included."""
    holds: bool
    """Whether the suspect shows this very exposure, whatever its mark says."""
    spoken: Callable[[], Sequence[int]]
    """The copies whose payload can be read."""

    def named(self, limit: float = ACCUSATION_LIMIT) -> list[int]:
        """The copies whose bound is at most *limit*, highest score first."""
        ranked = sorted(range(len(self.scores)), key=lambda number: -self.scores[number])
        return [
            number
            for number in ranked
            if false_match_probability(self.scores[number], self.comparisons) <= limit
        ]


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


def tried(suspect: Picture, shelf: Shelf, made: Mapping[int, Sequence[Mark]]) -> list[Look]:
    """The looks of a trace, up to the first that names a copy or holds.

    A trace goes on to others that the suspect lies over as well; a film is on the shelf once, so none does.
    """
    found: list[Look] = []
    comparisons = 0
    for match in overlays(suspect, shelf):
        film = int(match.image)
        copies = made.get(film) or marks(film, 3, seed=-1)
        comparisons += len(copies)
        found.append(_look(match, film, copies, comparisons))
        if found[-1].holds or found[-1].named():
            break
    return found


def _look(match: Match, film: int, copies: Sequence[Mark], comparisons: int) -> Look:
    rest = residual(match.alignment, match.work.grey, (match.work.rows, match.work.columns))
    shared = plan(copies[0].plan, rest.shape)
    own = own_part(rest, shared)

    def spoken() -> list[int]:
        heard = payloads(rest, shared)
        return [number for number, mark in enumerate(copies) if mark.payload in heard]

    return Look(
        film=film,
        own=own,
        scores=[score(own, mark.own) for mark in copies],
        comparisons=comparisons,
        holds=match.alignment.holds and match.alignment.same_exposure,
        spoken=spoken,
    )


def spread(work: Callable[[Task, int], Result], task: Task, count: int, jobs: int) -> list[Result]:
    """What *work* gives for *task* and 0 to count - 1, made by so many processes, each told the task once."""
    if jobs == 1:
        cv2.setNumThreads(1)
        return [work(task, number) for number in range(count)]
    context: Any = multiprocessing.get_context("fork")
    with context.Pool(jobs, _begin, (work, task)) as pool:
        return list(pool.imap(_one, range(count)))


_told: tuple[Callable[[Any, int], Any], Any] | None = None


def _begin(work: Callable[[Any, int], Any], task: object) -> None:
    global _told  # noqa: PLW0603  a process of the pool is told its task once
    cv2.setNumThreads(1)
    _told = work, task


def _one(number: int) -> Any:
    assert _told is not None
    work, task = _told
    return work(task, number)


def read(suspect: Picture, shelf: Shelf, made: Mapping[int, Sequence[Mark]]) -> Reading | None:
    """What the last look of a trace says; None where the picture is unknown."""
    return reading(tried(suspect, shelf, made))


def reading(looks: Sequence[Look]) -> Reading | None:
    """The same of looks that were made before."""
    if not looks or not (looks[-1].holds or looks[-1].named()):
        return None
    last = looks[-1]
    return Reading(
        film=last.film,
        own=last.own,
        scores=last.scores,
        named=last.named(),
        payload=next(iter(last.spoken()), None),
    )
