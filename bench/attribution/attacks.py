"""Every attack against every film: who is named, what the mark says by itself, with what margin."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from bench.attribution.stage import Picture, Shelf, marks, read

from pleura.imaging.mark.embed import embed, psnr
from pleura.imaging.simulate.leaks import ATTACKS

COPIES = 3
_TRUE = 1  # of the three copies, the one that leaks
UNMARKED = "unmarked"


@dataclass(frozen=True)
class Case:
    """One film after one attack."""

    attack: str
    verdict: str
    z: float
    seconds: float
    payload: bool = False


@dataclass(frozen=True)
class _Task:
    pictures: Sequence[Picture]
    shelf: Shelf
    attacks: Sequence[str]
    seed: int


_task: _Task | None = None


def _begin(task: _Task) -> None:
    global _task  # noqa: PLW0603  a process of the pool is told its task once
    cv2.setNumThreads(1)
    _task = task


def _cases(film: int) -> list[Case]:
    assert _task is not None
    made = {number: marks(number, COPIES, _task.seed) for number in range(len(_task.pictures))}
    original = _task.pictures[film]
    copy = embed(original, made[film][_TRUE])
    cases = []
    for attack in _task.attacks:
        dice = np.random.default_rng((_task.seed, film))
        suspect = original if attack == UNMARKED else ATTACKS[attack](copy, dice)
        started = time.process_time()
        found = read(suspect, _task.shelf, made)
        seconds = time.process_time() - started
        if found is None:
            cases.append(Case(attack, "unknown", 0.0, seconds))
        elif not found.named:
            cases.append(Case(attack, "matched", max(found.scores), seconds))
        else:
            right = (found.film, list(found.named)) == (film, [_TRUE])
            says = found.payload == _TRUE
            cases.append(
                Case(attack, "right" if right else "wrong", found.scores[found.named[0]], seconds, says)
            )
    return cases


def run(pictures: Sequence[Picture], shelf: Shelf, names: Sequence[str], seed: int, jobs: int) -> None:
    """Print the table."""
    attacks = [*(names or ATTACKS), UNMARKED]
    context: Any = multiprocessing.get_context("fork")
    with context.Pool(jobs, _begin, (_Task(pictures, shelf, attacks, seed),)) as pool:
        cases = [case for each in pool.imap(_cases, range(len(pictures))) for case in each]
    levels = [
        psnr(picture, embed(picture, marks(film, COPIES, seed)[_TRUE]))
        for film, picture in enumerate(pictures)
    ]
    print(f"{len(pictures)} films among {len(shelf.sketches)} originals, {COPIES} copies each, seed {seed};")
    print(f"PSNR of the copies: least {min(levels):.2f} dB, mean {np.mean(levels):.2f} dB\n")
    print(
        "| attack | right | payload read | matched | unknown | wrong | least z | median z | CPU s, median |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for attack in attacks:
        mine = [case for case in cases if case.attack == attack]
        count = {verdict: sum(case.verdict == verdict for case in mine) for verdict in _VERDICTS}
        scores = [case.z for case in mine if case.verdict == "right"] or [0.0]
        print(
            f"| {attack} | {count['right']}/{len(mine)} | {sum(case.payload for case in mine)}/{len(mine)} "
            f"| {count['matched']} | {count['unknown']} | {count['wrong']} | {min(scores):.1f} "
            f"| {np.median(scores):.1f} | {np.median([case.seconds for case in mine]):.2f} |"
        )
    attacked = [case for case in cases if case.attack != UNMARKED]
    right = sum(case.verdict == "right" for case in attacked)
    wrong = sum(case.verdict == "wrong" for case in cases)
    seconds = np.median([case.seconds for case in attacked])
    print(
        f"\n{len(attacks) - 1} attacks: the right copy in {right} of {len(attacked)}, a wrong one in {wrong} "
        f"of {len(cases)}; CPU seconds of a trace: median {seconds:.2f}"
    )


_VERDICTS = ("right", "matched", "unknown", "wrong")
