"""Is the right original found: first by votes, and by the whole search, after every attack."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bench.attribution.stage import overlays, spread
from bench.search.stage import Archive

from pleura.imaging.match.suspect import views
from pleura.imaging.simulate.leaks import ATTACKS


@dataclass(frozen=True)
class _Task:
    archive: Archive
    films: Sequence[int]
    attacks: Sequence[str]
    seed: int


@dataclass(frozen=True)
class _Case:
    attack: str
    rank: int
    """Of the right original among the candidates of the first view; -1 where it is none."""
    answer: str
    """``right``, ``wrong`` exposure or ``none``: what the search says."""
    seconds: float


def _cases(task: _Task, number: int) -> list[_Case]:
    film = task.films[number]
    return [_case(task, film, attack) for attack in task.attacks]


def _case(task: _Task, film: int, attack: str) -> _Case:
    shelf = task.archive.shelf
    suspect = ATTACKS[attack](task.archive.picture(film), np.random.default_rng((task.seed, film)))
    candidates = [int(name) for name, _ in shelf.candidates(next(views(suspect)).features, 20)]
    started = time.process_time()
    found = next(
        (
            int(match.image)
            for match in overlays(suspect, shelf)
            if match.alignment.holds and match.alignment.same_exposure
        ),
        None,
    )
    seconds = time.process_time() - started
    answer = "none" if found is None else "right" if found == film else "wrong"
    return _Case(attack, candidates.index(film) if film in candidates else -1, answer, seconds)


def run(archive: Archive, films: Sequence[int], attacks: Sequence[str], seed: int, jobs: int) -> None:
    """Print the table."""
    made = spread(_cases, _Task(archive, films, attacks, seed), len(films), jobs)
    cases = [case for of_film in made for case in of_film]
    print(f"{len(films)} films that nothing was tuned on, among {len(archive.paths)}; seed {seed}. By votes:")
    print("the first view alone, before anything is verified.\n")
    print("| attack | first by votes | in ten | found | not found | another film | CPU s, median |")
    print("|---|---|---|---|---|---|---|")
    for attack in attacks:
        mine = [case for case in cases if case.attack == attack]
        first = sum(case.rank == 0 for case in mine)
        ten = sum(0 <= case.rank < 10 for case in mine)
        count = {answer: sum(case.answer == answer for case in mine) for answer in ("right", "none", "wrong")}
        print(
            f"| {attack} | {first}/{len(mine)} | {ten}/{len(mine)} | {count['right']}/{len(mine)} "
            f"| {count['none']} | {count['wrong']} | {np.median([case.seconds for case in mine]):.2f} |"
        )
