"""Photos of real screens and prints.

    python -m bench.attribution.photos prepare DIR [--images DIR] [--films N] [--each N] [--only CODE,...]
    python -m bench.attribution.photos score DIR PHOTOS... [--gallery DIR]

*prepare* writes pictures to be shown, pages to be printed and the sheet of shots, of phantoms where no films
are given; DIR/key holds the answers and stays behind. *score* takes the folders of photos that came back.
How it is done: docs/photo-protocol.md.
"""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Sequence
from pathlib import Path

import cv2
from bench.attribution.photos.prepare import prepare
from bench.attribution.photos.score import score
from bench.attribution.photos.shots import KEY, PRINTS, SHEET, SHOW, Answers
from bench.attribution.stage import films


def main(words: Sequence[str] | None = None) -> None:
    given = _arguments(words)
    cv2.setNumThreads(1)
    if given.task == "prepare":
        _prepare(given)
    else:
        others = films(given.gallery, given.distractors) if given.gallery else []
        score(Answers.read(given.folder / KEY), given.photos, others)


def _prepare(given: argparse.Namespace) -> None:
    codes = [code for code in given.only.split(",") if code]
    # The last film is the one that is not in the archive.
    pictures = films(given.images, given.films + 1)
    answers = prepare(given.folder, pictures, codes, given.each, given.seed)
    print(f"set {answers.photo_set.name}: {len(answers.photo_set.shots)} shots, written to {given.folder}")
    print(f"  {SHEET}  print it: the shots, each with its code")
    print(f"  {SHOW}/      to be shown on screens, one picture at a time")
    print(f"  {PRINTS} to be printed on paper or film")
    print(f"  {KEY}/       the answers: keep it here, do not give it away")


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.attribution.photos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tasks = parser.add_subparsers(dest="task", required=True)
    making = tasks.add_parser("prepare", help="make a set")
    making.add_argument("folder", type=Path, metavar="DIR")
    making.add_argument("--images", type=Path, help="films that may be shown; phantoms without it")
    making.add_argument("--films", type=int, default=6, help="films of the archive")
    making.add_argument("--each", type=int, default=3, help="shots of each condition")
    making.add_argument("--only", default="", help="conditions, separated by commas; all without it")
    making.add_argument("--seed", type=int, default=secrets.randbelow(16**6))
    scoring = tasks.add_parser("score", help="score the photos that came back")
    scoring.add_argument("folder", type=Path, metavar="DIR")
    scoring.add_argument("photos", type=Path, nargs="+", metavar="PHOTOS")
    scoring.add_argument("--gallery", type=Path, help="further films of the archive, which were not shown")
    scoring.add_argument("--distractors", type=int, default=76)
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
