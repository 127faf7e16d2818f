"""Which film is this: ranks after attacks, films that resemble each other, engines, and growth.

    python -m bench.search [--archive DIR]... [--films N] [--attacks NAME,...] [--rivals N] [PART...]

Parts: ranks, exposures, engines; all where none is named. Growth: ``python -m bench.search.scale``.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import cv2
from bench.search import engines, exposures, ranks
from bench.search.stage import archive_of

PARTS = ("ranks", "exposures", "engines")
ATTACKS = (
    "none,jpeg-10,thumbnail-320,crop-50,crop-25,crop-10,rotate-15-crop,rotate-90,mirror,negative,narrow-window,equalise,"
    "noise-15,blur-5,caption-mosaic,mosaic-30,screenshot,screenshot-crop,messenger,report-page,phone-photo,"
    "phone-photo-hard,phone-photo+crop-50+messenger,phone-photo-hard+messenger,print-scan,print-scan+phone-photo"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(os.environ.get("PLEURA_CXR", "../shared/cxr"))
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[], metavar="PART")
    parser.add_argument("--archive", type=Path, action="append", help="folders of films")
    parser.add_argument("--films", type=int, default=40, help="films that are looked for, after each attack")
    parser.add_argument("--attacks", default=ATTACKS)
    parser.add_argument("--rivals", type=int, default=130, help="films of other patients for each film")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    archive = archive_of(given.archive or [shared / name for name in ("gallery", "full", "mixed")])
    scored = archive.scored()
    films = scored[:: max(1, len(scored) // given.films)][: given.films]
    attacks = [name for name in given.attacks.split(",") if name]
    for part in given.parts or PARTS:
        print(f"\n### {part}\n", flush=True)
        if part == "ranks":
            ranks.run(archive, films, attacks, given.seed, given.jobs)
        elif part == "exposures":
            exposures.run(archive, given.rivals, given.jobs)
        else:
            engines.run(archive, films[:10], given.seed)


if __name__ == "__main__":
    main()
