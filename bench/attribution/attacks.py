"""Every attack against every film: who is named, what the mark says by itself, with what margin."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from bench.attribution.rates.cases import VERDICTS, Case, Sight
from bench.attribution.stage import Look, Picture, Shelf, marks, reading, spread, tried

from pleura.imaging.mark.embed import embed, psnr
from pleura.imaging.mark.layout import Mark
from pleura.imaging.simulate.leaks import ATTACKS

COPIES = 3
TRUE = 1  # of the three copies, the one that leaks
UNMARKED = "unmarked"


@dataclass(frozen=True)
class _Task:
    pictures: Sequence[Picture]
    shelf: Shelf
    attacks: Sequence[str]
    seed: int


def _cases(task: _Task, film: int) -> list[Case]:
    made = {number: marks(number, COPIES, task.seed) for number in range(len(task.pictures))}
    original = task.pictures[film]
    copy = embed(original, made[film][TRUE])
    cases = []
    for attack in task.attacks:
        dice = np.random.default_rng((task.seed, film))
        suspect = original if attack == UNMARKED else ATTACKS[attack](copy, dice)
        truth = Truth(film=film, copy=None if attack == UNMARKED else TRUE)
        cases.append(traced(attack, suspect, truth, task.shelf, made))
    return cases


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Where a suspect comes from: its original, and the copy of it that leaked."""

    film: int | None
    """None: it is none of the archive."""
    copy: int | None
    """None: it is unmarked."""


def traced(
    label: str, suspect: Picture, truth: Truth, shelf: Shelf, made: Mapping[int, Sequence[Mark]]
) -> Case:
    """The case of a suspect of which the truth is known."""
    started = time.process_time()
    looks = tried(suspect, shelf, made)
    says = reading(looks)
    seconds = time.process_time() - started
    spoken = says is not None and says.payload is not None and (says.film, says.payload)
    return Case(
        attack=label,
        sights=tuple(_sight(look, truth) for look in looks),
        seconds=seconds,
        payload=spoken == (truth.film, truth.copy),
    )


def _sight(look: Look, truth: Truth) -> Sight:
    is_its_film = look.film == truth.film
    guilty = truth.copy if is_its_film else None
    return Sight(
        is_its_film=is_its_film,
        true_z=look.scores[guilty] if guilty is not None else 0.0,
        innocent_z=max(z for number, z in enumerate(look.scores) if number != guilty),
        comparisons=look.comparisons,
        holds=look.holds,
    )


def run(
    pictures: Sequence[Picture], shelf: Shelf, names: Sequence[str], seed: int, jobs: int
) -> Sequence[Case]:
    """Print the table; the cases it is made of."""
    attacks = [*(names or ATTACKS), UNMARKED]
    task = _Task(pictures, shelf, attacks, seed)
    cases = [case for each in spread(_cases, task, len(pictures), jobs) for case in each]
    levels = [
        psnr(picture, embed(picture, marks(film, COPIES, seed)[TRUE]))
        for film, picture in enumerate(pictures)
    ]
    print(f"{len(pictures)} films among {len(shelf.sketches)} originals, {COPIES} copies each, seed {seed};")
    print(f"PSNR of the copies: least {min(levels):.2f} dB, mean {np.mean(levels):.2f} dB\n")
    print(
        "| attack | right | payload read | matched | unknown | wrong | least z | median z | CPU s, median |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for attack in attacks:
        _row(attack, [case for case in cases if case.attack == attack])
    attacked = [case for case in cases if case.attack != UNMARKED]
    right = sum(case.verdict() == "right" for case in attacked)
    wrong = sum(case.verdict() == "wrong" for case in cases)
    seconds = np.median([case.seconds for case in attacked])
    print(
        f"\n{len(attacks) - 1} attacks: the right copy in {right} of {len(attacked)}, a wrong one in {wrong} "
        f"of {len(cases)}; CPU seconds of a trace: median {seconds:.2f}"
    )
    return cases


def _row(attack: str, mine: Sequence[Case]) -> None:
    count = {verdict: sum(case.verdict() == verdict for case in mine) for verdict in VERDICTS}
    scores = [case.true_z for case in mine if case.verdict() == "right"] or [0.0]
    print(
        f"| {attack} | {count['right']}/{len(mine)} | {sum(case.payload for case in mine)}/{len(mine)} "
        f"| {count['matched']} | {count['unknown']} | {count['wrong']} | {min(scores):.1f} "
        f"| {np.median(scores):.1f} | {np.median([case.seconds for case in mine]):.2f} |"
    )
