"""What a trace says of real photos, by condition, with how sure each rate is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from bench.attribution.attacks import Truth, traced
from bench.attribution.photos.shots import CONDITION, COPIES, Answers, Medium
from bench.attribution.photos.slates import Photo, Returned, returned
from bench.attribution.rates.cases import Case
from bench.attribution.rates.intervals import shown
from bench.attribution.stage import Picture, Shelf

from pleura.imaging.match.sketch import make_sketch

_ABOUT = "about.txt"


@dataclass(frozen=True)
class Scored:
    """One photo and what a trace said of it."""

    photo: Photo
    expected: str
    case: Case

    @property
    def medium(self) -> Medium:
        return CONDITION[self.photo.shot.condition].medium

    @property
    def is_as_it_should_be(self) -> bool:
        return self.case.verdict() == self.expected


def score(answers: Answers, folders: Sequence[Path], others: Sequence[Picture]) -> Sequence[Scored]:
    """Print the tables of the photos in *folders*; *others* are films of the archive that were not shown."""
    back = returned(folders, answers.photo_set)
    shelf = Shelf([make_sketch(picture) for picture in [*answers.originals, *others]])
    scored = [_scored(photo, answers, shelf) for photo in back.photos]
    _print_about(answers, folders, back, len(shelf.sketches))
    _print_table(scored)
    _print_rest(scored, back)
    return scored


def _scored(photo: Photo, answers: Answers, shelf: Shelf) -> Scored:
    picture = np.asarray(cv2.imread(str(photo.path), cv2.IMREAD_COLOR_RGB), np.uint8)
    what = answers.photo_set.shown(photo.shot)
    made = dict(enumerate(answers.marks))
    truth = Truth(film=what.film, copy=what.copy)
    case = traced(photo.shot.condition, picture, truth, shelf, made)
    return Scored(photo, what.expected, case)


def _print_about(answers: Answers, folders: Sequence[Path], back: Returned, originals: int) -> None:
    photo_set = answers.photo_set
    done = {photo.shot.name for photo in back.photos}
    print(f"Set {photo_set.name}: {len(back.photos)} photos of {len(done)} of {len(photo_set.shots)} shots,")
    print(f"{back.codes} photos of codes; {originals} originals with {COPIES} copies each.")
    for folder in folders:
        if (folder / _ABOUT).is_file():
            print(f"\n{(folder / _ABOUT).read_text().strip()}")


def _print_table(scored: Sequence[Scored]) -> None:
    print(
        "\nRight: of a marked copy that copy is named; of an unmarked film the film is matched and nobody is"
    )
    print("named; of a film that is not in the archive nothing is said.\n")
    print(
        "| condition | photos | right | 95 % interval | matched | unknown | wrong | payload read "
        "| least z | median z |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for code, condition in CONDITION.items():
        _row(condition.english, [each for each in scored if each.photo.shot.condition == code])
    for medium in Medium:
        _row(f"**all: {medium}**", [each for each in scored if each.medium is medium])


def _row(name: str, mine: Sequence[Scored]) -> None:
    if not mine:
        return
    right = sum(each.is_as_it_should_be for each in mine)
    # An expected abstention is not counted as one.
    count = {
        verdict: sum(each.case.verdict() == verdict and not each.is_as_it_should_be for each in mine)
        for verdict in ("matched", "unknown", "wrong")
    }
    copies = [each for each in mine if each.expected == "right"]
    payloads = sum(each.case.payload for each in copies)
    z = [each.case.true_z for each in copies]
    tail = f"{min(z):.1f} | {np.median(z):.1f}" if z else " | "
    print(
        f"| {name} | {len(mine)} | {right}/{len(mine)} | {shown(right, len(mine))} | {count['matched']} "
        f"| {count['unknown']} | {count['wrong']} | {payloads}/{len(copies)} | {tail} |"
    )


def _print_rest(scored: Sequence[Scored], back: Returned) -> None:
    """Every photo that is not right, and every file that belongs to no shot, by name."""
    failed = [each for each in scored if not each.is_as_it_should_be]
    if failed:
        print("\nNot right:\n")
    for each in failed:
        shot = each.photo.shot
        print(
            f"- {each.photo.path.name} ({shot.name}, {shot.picture}, {shot.condition}): "
            f"{each.case.verdict()}, z {each.case.true_z:.1f}"
        )
    if back.lost:
        print("\nLeft out:\n")
    for line in back.lost:
        print(f"- {line}")
