"""How the index grows: right original first, seconds a query and bytes, among up to a million films.

    python -m bench.search.scale prepare FILE [--images DIR] [--queries N]
    python -m bench.search.scale run FILE [--films N[,N...]] [--features N] [--threads N]

``prepare`` keeps the features of real films, and of some of them after attacks. ``run`` puts them into an
index with synthetic ones: no archive of a million films is at hand, so the features of a synthetic film are
drawn from a pool of descriptors, each of which lies between a real one and one near it of another film
(as SMOTE does: Chawla et al., JAIR 16, 2002). They are as near to each other as real ones are; whole films
that resemble each other, as those of one patient do, are only among the real ones.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from pleura.adapters.neighbours import InvertedLists
from pleura.imaging.match.features import Features
from pleura.imaging.match.index import FeatureIndex

ATTACKS: Final = ("none", "crop-25", "screenshot-crop", "messenger", "phone-photo", "phone-photo-hard")
_POOL: Final = 6_000_000
"""Synthetic descriptors."""
_BATCH: Final = 5_000
_NEAR: Final = 16


def prepare(file: Path, images: Path, queries: int) -> None:
    """Write the features of all films in *images*, and of *queries* of them after every attack."""
    import cv2  # noqa: PLC0415  what runs needs no pictures
    from bench.attribution.stage import films  # noqa: PLC0415

    from pleura.imaging.match.sketch import make_sketch  # noqa: PLC0415
    from pleura.imaging.match.suspect import views  # noqa: PLC0415
    from pleura.imaging.simulate.leaks import ATTACKS as LEAKS  # noqa: PLC0415

    cv2.setNumThreads(1)
    pictures = films(images, 10**6)
    kept: dict[str, NDArray[Any]] = {}
    for number, picture in enumerate(pictures):
        _keep(kept, f"film/{number}", make_sketch(picture).features)
    for number in range(0, len(pictures), max(1, len(pictures) // queries)):
        for attack in ATTACKS:
            suspect = LEAKS[attack](pictures[number], np.random.default_rng((11, number)))
            _keep(kept, f"{attack}/{number}", next(views(suspect)).features)
    np.savez_compressed(file, **kept)  # type: ignore[arg-type]  # numpy 2.4 takes arrays by name


def _keep(kept: dict[str, NDArray[Any]], name: str, found: Features) -> None:
    kept[f"{name}/places"] = found.places[:1200].astype(np.float16)
    kept[f"{name}/descriptors"] = found.descriptors[:1200]


class _Kept:
    """What ``prepare`` wrote."""

    def __init__(self, file: Path) -> None:
        with np.load(file) as stored:
            self._stored = {name: stored[name] for name in stored.files}

    def of(self, kind: str) -> dict[str, Features]:
        """By film, the features of one kind: ``film`` or the name of an attack."""
        numbers = {name.split("/")[1] for name in self._stored if name.startswith(f"{kind}/")}
        return {
            number: Features(
                places=self._stored[f"{kind}/{number}/places"].astype(np.float32),
                descriptors=self._stored[f"{kind}/{number}/descriptors"],
            )
            for number in sorted(numbers, key=int)
        }


class _Synthetic:
    """Synthetic films, already encoded."""

    def __init__(self, real: list[Features], engine: InvertedLists, dice: np.random.Generator) -> None:
        rows = np.concatenate([film.descriptors for film in real])
        owner = np.repeat(np.arange(len(real)), [len(film.descriptors) for film in real])
        near = _near(rows, owner)
        share = max(1, _POOL // len(rows))
        self._codes = np.concatenate([_between(rows, near, engine, dice) for _ in range(share)])
        self._dice = dice

    def films(self, count: int, features: int) -> Iterator[list[tuple[str, bytes]]]:
        """*count* films in batches, named ``s0``, ``s1`` and so on."""
        for start in range(0, count, _BATCH):
            yield [self._film(f"s{number}", features) for number in range(start, min(count, start + _BATCH))]

    def _film(self, name: str, features: int) -> tuple[str, bytes]:
        chosen = self._codes[self._dice.integers(len(self._codes), size=features)]
        places = self._dice.integers(0, 256, size=(features, 2), dtype=np.uint8)
        places[:, 0] = 24 + places[:, 0] // 4  # diameters of 3 to 45 pixels
        return name, np.concatenate([places, chosen], axis=1).tobytes()


def _near(rows: NDArray[np.uint8], owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each descriptor one that is near it, of another film where there is one in sight."""
    engine = InvertedLists()
    engine.add(engine.encode(rows), np.arange(len(rows)))
    found = np.empty(len(rows), dtype=np.int64)
    for start in range(0, len(rows), 20_000):
        _, numbers = engine.nearest(rows[start : start + 20_000], _NEAR)
        foreign = owner[numbers] != owner[start : start + len(numbers), None]
        found[start : start + len(numbers)] = numbers[np.arange(len(numbers)), foreign.argmax(axis=1)]
    return found


def _between(
    rows: NDArray[np.uint8], near: NDArray[np.int64], engine: InvertedLists, dice: np.random.Generator
) -> NDArray[np.uint8]:
    """The codes of one synthetic descriptor for each real one."""
    codes = []
    for start in range(0, len(rows), 100_000):
        ours = rows[start : start + 100_000].astype(np.float32)
        theirs = rows[near[start : start + 100_000]].astype(np.float32)
        share = dice.uniform(0.25, 0.75, size=(len(ours), 1)).astype(np.float32)
        mixed = np.sqrt((1 - share) * ours**2 + share * theirs**2)  # squares of RootSIFT add up
        codes.append(engine.encode(np.rint(mixed).astype(np.uint8)))
    return np.concatenate(codes)


def run(file: Path, sizes: list[int], features: int, threads: int) -> None:
    """Print the table; *threads* are for the queries, the rest takes what there is."""
    kept = _Kept(file)
    films = kept.of("film")
    dice = np.random.default_rng(1)
    synthetic = _Synthetic(list(films.values()), InvertedLists(), dice)
    index = FeatureIndex(InvertedLists())
    index.add((name, index.encode(_first(film, features))) for name, film in films.items())
    print(f"{len(films)} real films, the rest synthetic; {features} features a film; {threads} threads\n")
    print("| films | built, films/s | GB | query, median s | 99 % s | " + " | ".join(ATTACKS) + " |")
    print("|---|---|---|---|---|" + "---|" * len(ATTACKS))
    grown = 0
    for size in sizes:
        started, added = time.monotonic(), 0
        for batch in synthetic.films(size - len(films) - grown, features):
            index.add((f"{name}-{grown}", part) for name, part in batch)
            added += len(batch)
        grown += added
        rate = added / (time.monotonic() - started)
        faiss.omp_set_num_threads(threads)
        seconds, cells = [], []
        for attack in ATTACKS:
            suspects = kept.of(attack)
            first = 0
            for name, suspect in suspects.items():
                began = time.monotonic()
                first += list(index.candidates(suspect, 1)) == [name]
                seconds.append(time.monotonic() - began)
            cells.append(f"{first}/{len(suspects)}")
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"| {size:,} | {rate:.0f} | {memory:.1f} | {np.median(seconds):.2f} "
            f"| {np.quantile(seconds, 0.99):.2f} | " + " | ".join(cells) + " |",
            flush=True,
        )


def _first(film: Features, count: int) -> Features:
    return Features(places=film.places[:count], descriptors=film.descriptors[:count])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["prepare", "run"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--images", type=Path, default=Path("../shared/cxr/gallery"))
    parser.add_argument("--queries", type=int, default=25)
    parser.add_argument("--films", default="1000,10000,100000")
    parser.add_argument("--features", type=int, default=1200)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    if given.step == "prepare":
        prepare(given.file, given.images, given.queries)
        return
    run(given.file, [int(size) for size in given.films.split(",")], given.features, given.threads)


if __name__ == "__main__":
    main()
