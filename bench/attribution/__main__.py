"""Who leaked it: every published number of the mark, on any folder of radiographs.

    python -m bench.attribution [--images DIR] [--gallery DIR] [--films N] [--seed N] [PART...]

Parts: safety, attacks, innocents, joined, windows; all where none is named. Phantoms where films are missing.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import cv2
from bench.attribution import attacks, innocents, joined, safety, windows
from bench.attribution.stage import Shelf, films

from pleura.imaging.match.sketch import make_sketch

PARTS = ("safety", "attacks", "innocents", "joined", "windows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("PLEURA_CXR", "../shared/cxr"))
    full, gallery = shared / "full", shared / "gallery"
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS), metavar="PART")
    parser.add_argument("--images", type=Path, default=full if full.is_dir() else None)
    parser.add_argument("--gallery", type=Path, default=gallery if gallery.is_dir() else None)
    parser.add_argument("--films", type=int, default=24)
    parser.add_argument("--joined-films", type=int, default=4)
    parser.add_argument("--distractors", type=int, default=76)
    parser.add_argument("--copies", type=int, default=1_000_000, help="innocent copies")
    parser.add_argument("--attacks", default="", help="names, separated by commas")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    pictures = films(given.images, given.films)
    others = films(given.gallery, given.distractors) if given.gallery else []
    shelf = Shelf([make_sketch(picture) for picture in [*pictures, *others]])
    few = pictures[: given.joined_films]
    for part in given.parts:
        print(f"\n### {part}\n", flush=True)
        if part == "safety":
            safety.run(pictures, given.seed)
        elif part == "attacks":
            attacks.run(
                pictures, shelf, [name for name in given.attacks.split(",") if name], given.seed, given.jobs
            )
        elif part == "innocents":
            innocents.run(pictures, shelf, given.copies, given.seed)
        elif part == "joined":
            joined.run(few, shelf, given.seed)
        else:
            windows.run(few, given.seed)


if __name__ == "__main__":
    main()
