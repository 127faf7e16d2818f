"""The trace table: attack x right copy named, on real films or on phantoms.

    python -m bench.tracing [FOLDER] [--films N] [--attacks a,b] [--gallery FOLDER] [--json]

Every film gets three marked copies; the second one is attacked and traced among all films and the
distractors of the gallery. Scores of innocent keys are drawn besides, and unmarked films are traced.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.domain.tracing import ACCUSATION_LIMIT, false_match_probability
from pleura.imaging.mark.embed import embed, psnr
from pleura.imaging.mark.layout import PLAN_BYTES, STREAM_BYTES, Mark, plan
from pleura.imaging.mark.polar import PAYLOAD_BYTES
from pleura.imaging.mark.read import payloads, residual, score
from pleura.imaging.match.features import Features
from pleura.imaging.match.rank import rank
from pleura.imaging.match.sketch import Sketch, make_sketch
from pleura.imaging.rasters import to_raster
from pleura.imaging.simulate.leaks import ATTACKS
from pleura.imaging.simulate.phantom import phantom
from pleura.monitor.trace import overlays

REQUIRED = [
    "jpeg-90",
    "jpeg-75",
    "jpeg-50",
    "resize-1280-q70",
    "crop-50",
    "rotate-5-crop",
    "messenger",
    "screenshot-crop",
    "rotated-crop",
    "phone-photo",
    "print-scan",
]
COPIES = 3
INNOCENTS = 40


@dataclass
class Row:
    films: int = 0
    right: int = 0
    matched: int = 0
    unknown: int = 0
    wrong: int = 0
    payloads: int = 0
    scores: list[float] = field(default_factory=list)
    innocent: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def films(folder: Path | None, most: int) -> list[NDArray[np.uint8]]:
    if folder is None:
        return [(phantom(seed) >> 4).astype(np.uint8) for seed in range(most)]
    paths = sorted(path for path in folder.iterdir() if path.suffix in {".png", ".jpg"})[:most]
    return [np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8) for path in paths]


def marks(film: int) -> list[Mark]:
    """The marks of all copies of a film."""
    dice = np.random.default_rng(1000 + film)
    shared = dice.bytes(PLAN_BYTES)
    return [
        Mark(own=dice.bytes(STREAM_BYTES), plan=shared, payload=dice.bytes(PAYLOAD_BYTES))
        for _ in range(COPIES)
    ]


@dataclass(frozen=True)
class Shelf:
    """The originals of the bench, as a search and as an archive."""

    sketches: Sequence[Sketch]

    def candidates(self, suspect: Features, limit: int) -> list[tuple[str, Features]]:
        originals = [sketch.features for sketch in self.sketches]
        return [(str(number), originals[number]) for number in rank(suspect, originals)[:limit]]

    def work(self, image: str) -> bytes:
        return self.sketches[int(image)].work.to_bytes()


def trace(suspect: NDArray[np.uint8], film: int, shelf: Shelf, row: Row) -> None:
    """The steps of monitor.trace, without worker, vault and ledger."""
    row.films += 1
    started = time.process_time()
    comparisons = 0
    for match in overlays(to_raster(suspect), shelf, shelf):  # type: ignore[arg-type]
        rest = residual(match.alignment, match.work.grey, (match.work.rows, match.work.columns))
        made = marks(int(match.image))
        shared = plan(made[0].plan, rest.shape)
        scores = [score(rest, mark.own, shared) for mark in made]
        comparisons += COPIES
        best = int(np.argmax(scores))
        dice = np.random.default_rng(film)
        named = false_match_probability(scores[best], comparisons) <= ACCUSATION_LIMIT
        if not named and not match.alignment.holds:
            continue
        row.seconds.append(time.process_time() - started)
        row.innocent += [score(rest, dice.bytes(STREAM_BYTES), shared) for _ in range(INNOCENTS)]
        if not named:
            row.matched += 1
        elif (int(match.image), best) == (film, 1):
            row.right += 1
            row.payloads += made[best].payload in payloads(rest, shared)
            row.scores.append(scores[best])
        else:
            row.wrong += 1
        return
    row.unknown += 1
    row.seconds.append(time.process_time() - started)


def table(
    pictures: Sequence[NDArray[np.uint8]], others: Sequence[Sketch], attacks: Sequence[str]
) -> Iterator[tuple[str, Row]]:
    shelf = Shelf([make_sketch(picture) for picture in pictures] + list(others))
    for attack in [*attacks, "unmarked"]:
        row = Row()
        for film, picture in enumerate(pictures):
            dice = np.random.default_rng(film)
            copy = picture if attack == "unmarked" else ATTACKS[attack](embed(picture, marks(film)[1]), dice)
            trace(copy, film, shelf, row)
        yield attack, row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("PLEURA_CXR", "../shared/cxr"))
    full, gallery = shared / "full", shared / "gallery"
    parser.add_argument("folder", nargs="?", type=Path, default=full if full.is_dir() else None)
    parser.add_argument("--gallery", type=Path, default=gallery if gallery.is_dir() else None)
    parser.add_argument("--films", type=int, default=24)
    parser.add_argument("--attacks", default=",".join(REQUIRED))
    parser.add_argument("--distractors", type=int, default=76)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    pictures = films(arguments.folder, arguments.films)
    distractors = films(arguments.gallery, arguments.distractors) if arguments.gallery else []
    others = [make_sketch(distractor) for distractor in distractors]
    levels = [psnr(picture, embed(picture, marks(film)[1])) for film, picture in enumerate(pictures)]
    print(f"{len(pictures)} films among {len(pictures) + len(others)} originals, {COPIES} copies each")
    print(f"PSNR of the copies: min {min(levels):.2f} dB, median {np.median(levels):.2f} dB\n")
    print(
        "| attack | right | payload read | matched | unknown | wrong name "
        "| least z | median z | highest innocent z | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for attack, row in table(pictures, others, arguments.attacks.split(",")):
        least, median = (min(row.scores), np.median(row.scores)) if row.scores else (0.0, 0.0)
        highest = max(row.innocent, default=0.0)
        print(
            f"| {attack} | {row.right}/{row.films} | {row.payloads}/{row.films} "
            f"| {row.matched} | {row.unknown} | {row.wrong} "
            f"| {least:.1f} | {median:.1f} | {highest:.2f} of {len(row.innocent)} "
            f"| {np.median(row.seconds):.2f} |",
            flush=True,
        )
        if arguments.json:
            facts = {"attack": attack, "films": row.films, "right": row.right, "wrong": row.wrong}
            print(json.dumps(facts))


if __name__ == "__main__":
    main()
