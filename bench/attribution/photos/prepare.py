"""A set is made: marked pictures to be shown and printed, the sheet, and the answers that stay behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from bench.attribution.photos.sheet import prints_pdf, sheet_pdf
from bench.attribution.photos.shots import (
    CONDITIONS,
    COPIES,
    KEY,
    PRINTS,
    SHEET,
    SHOW,
    Answers,
    Condition,
    PhotoSet,
    Shot,
    Shown,
)
from bench.attribution.stage import Picture, marks

from pleura.imaging.mark.embed import embed


def prepare(
    folder: Path, films: Sequence[Picture], conditions: Sequence[str], each: int, seed: int
) -> Answers:
    """Write the set into *folder*, which must be new or empty; all but the last film are the archive.

    *conditions* are codes (all where empty), *each* is the number of shots of one condition.
    """
    if len(films) < 2:
        raise SystemExit(
            "a set takes two films at least: the last one is the film that is not in the archive"
        )
    if folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"{folder} is not empty; name a new folder")
    dice = np.random.default_rng(seed)
    *originals, stranger = films
    made = [marks(film, COPIES, seed) for film in range(len(originals))]
    pictures = _pictures(len(originals), dice)
    photo_set = PhotoSet(
        name=f"{seed % 16**6:06X}", shots=_shots(pictures, _chosen(conditions), each, dice), pictures=pictures
    )
    answers = Answers(photo_set, originals, made)
    show = folder / SHOW
    show.mkdir(parents=True)
    for shown in pictures:
        cv2.imwrite(str(show / f"{shown.name}.png"), _shown(shown, answers, stranger))
    (folder / SHEET).write_bytes(sheet_pdf(photo_set))
    (folder / PRINTS).write_bytes(prints_pdf(photo_set, show))
    answers.write(folder / KEY)
    return answers


def _chosen(codes: Sequence[str]) -> Sequence[Condition]:
    unknown = {*codes} - {condition.code for condition in CONDITIONS}
    if unknown:
        known = ", ".join(condition.code for condition in CONDITIONS)
        raise SystemExit(f"there is no condition {', '.join(sorted(unknown))}; there are: {known}")
    return [condition for condition in CONDITIONS if not codes or condition.code in codes]


def _pictures(films: int, dice: np.random.Generator) -> Sequence[Shown]:
    """One copy of every film, picked by chance; one film unmarked; one that is not in the archive.

    Their names say nothing of what they are.
    """
    kinds = [(film, int(dice.integers(COPIES))) for film in range(films)]
    order = dice.permutation(films + 2)
    truths: list[tuple[int | None, int | None]] = [*kinds, (0, None), (None, None)]
    return [
        Shown(name=f"p{place + 1:02d}", film=truths[int(number)][0], copy=truths[int(number)][1])
        for place, number in enumerate(order)
    ]


def _shots(
    pictures: Sequence[Shown], conditions: Sequence[Condition], each: int, dice: np.random.Generator
) -> Sequence[Shot]:
    """The shots in the order of the sheet; a condition shows different films as far as there are any."""
    shots: list[Shot] = []
    for condition in conditions:
        wanted = {"control-unmarked": "matched", "control-stranger": "unknown"}.get(condition.code, "right")
        fitting = [shown.name for shown in pictures if shown.expected == wanted]
        order = [fitting[int(number)] for number in dice.permutation(len(fitting))]
        for number in range(each):
            shots.append(
                Shot(
                    name=f"S{len(shots) + 1:03d}",
                    condition=condition.code,
                    picture=order[number % len(order)],
                )
            )
    return shots


def _shown(shown: Shown, answers: Answers, stranger: Picture) -> Picture:
    if shown.film is None:
        return stranger
    original = answers.originals[shown.film]
    return original if shown.copy is None else embed(original, answers.marks[shown.film][shown.copy])
