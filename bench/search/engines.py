"""Engines behind the port, on the same films: an inverted multi-index by faiss, a graph by usearch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from bench.search.stage import Archive
from numpy.typing import NDArray
from usearch.index import Index

from pleura.adapters.neighbours import InvertedLists
from pleura.imaging.match.features import Features
from pleura.imaging.match.index import FeatureIndex, Neighbours
from pleura.imaging.match.suspect import views
from pleura.imaging.simulate.leaks import ATTACKS

_ATTACKS = ("crop-10", "report-page", "phone-photo", "phone-photo-hard", "print-scan+phone-photo")


class Graph:
    """A hierarchical graph (Malkov and Yashunin, IEEE TPAMI 42, 2020) over whole descriptors, by usearch."""

    name = "usearch-hnsw-i8"
    code_bytes = 128

    def __init__(self) -> None:
        self._index = Index(ndim=128, metric="l2sq", dtype="i8", multi=True)

    def encode(self, descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return descriptors

    def add(self, codes: NDArray[np.uint8], numbers: NDArray[np.int64]) -> None:
        self._index.add(numbers.astype(np.uint64), _signed(codes))

    def nearest(
        self, descriptors: NDArray[np.uint8], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        found = self._index.search(_signed(descriptors), count)
        return 4 * found.distances.astype(np.float32), found.keys.astype(np.int64)


def _signed(descriptors: NDArray[np.uint8]) -> NDArray[np.int8]:
    return (descriptors // 2).astype(np.int8)


def run(archive: Archive, films: Sequence[int], seed: int) -> None:
    """Print the table."""
    suspects = [
        (
            film,
            next(views(ATTACKS[attack](archive.picture(film), np.random.default_rng((seed, film))))).features,
        )
        for film in films
        for attack in _ATTACKS
    ]
    count = sum(len(sketch.features.places) for sketch in archive.shelf.sketches)
    print(f"{len(archive.paths)} films, {count:,} descriptors; {len(suspects)} suspects; one process\n")
    print("| engine | bytes a descriptor | built, films/s | query, median s | first | in ten |")
    print("|---|---|---|---|---|---|")
    for engine in (InvertedLists, Graph):
        _row(engine, archive, suspects)


def _row(
    engine: Callable[[], Neighbours], archive: Archive, suspects: Sequence[tuple[int, Features]]
) -> None:
    started = time.process_time()
    index = FeatureIndex(engine())
    sketches = archive.shelf.sketches
    index.add((str(place), index.encode(sketch.features)) for place, sketch in enumerate(sketches))
    built = len(sketches) / (time.process_time() - started)
    seconds, ranks = [], []
    for film, suspect in suspects:
        started = time.process_time()
        names = list(index.candidates(suspect, 10))
        seconds.append(time.process_time() - started)
        ranks.append(names.index(str(film)) if str(film) in names else 10)
    made = engine()
    print(
        f"| {made.name} | {made.code_bytes} | {built:.0f} | {np.median(seconds):.2f} "
        f"| {sum(rank == 0 for rank in ranks)} | {sum(rank < 10 for rank in ranks)} |",
        flush=True,
    )
