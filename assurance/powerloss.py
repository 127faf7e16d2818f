"""Homes as a power cut may leave them, at every moment of an operation.

    python -m assurance powerloss [--sample N] [--seed S] [--jobs J]

An operation is recorded by strace with everything that it writes. After every call that changes the disk
a cut leaves what `assurance.disk` says it may leave: the extremes, and as many more as the seed draws.
Each state is written to a folder and opened: what was answered before the cut must be there, the ledger
must verify, whatever is listed must open, and whatever has the name of an object must be whole. The
shared memory of SQLite is left out of every state: it is rebuilt from the log by whoever opens first.

The recording is believed only when doing it again leaves the very bytes that the operation left. Then
the bugs of `assurance.planted` are recorded in the same way, and each must be caught.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import itertools
import os
import random
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

from assurance import tracing
from assurance.disk import Disk, Tree
from assurance.operations import OPERATIONS, perform, prepare
from assurance.places import Place, scratch
from assurance.planted import BUGS
from assurance.replay import Replay, digest
from assurance.verdict import Violation, violations
from assurance.workers import workers

FILMS: Final = {"import": 16, "migrate": 6, "erase": 6, "rotate": 6, "backup": 8}
"""How many films an operation has to work on, where more than one shows more."""
STATES_AT_A_CUT: Final = 64
BUG_STATES: Final = 200
_SHARED_MEMORY: Final = "pleura.db-shm"
_OBJECTS: Final = PurePath("home/objects")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One operation as it was done, and the place before it."""

    operation: str
    place: Place
    """The untouched place; the operation was done on a copy of it at *done*."""
    done: Place
    log: Path


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What the states of some cuts showed."""

    cuts: set[int] = field(default_factory=set)
    states: set[tuple[bytes, int]] = field(default_factory=set)
    """Different ones: the digest of the disk, and how much had been answered."""
    violations: list[tuple[str, Violation]] = field(default_factory=list)
    """Each with the call after which the power was cut."""


def record(folder: Path, operation: str, films: int, bug: str = "") -> Recording:
    """The recording of *operation* in the new *folder*; raises RuntimeError for one not to be believed."""
    folder.mkdir()
    place = Place(folder / "before")
    made = tracing.run(functools.partial(prepare, operation, place, films), folder)
    done, log = place.copy(folder / "done"), folder / "log"
    ran = tracing.trace(functools.partial(_perform, operation, done, bug), log, whole=True)
    if made.exit_code or ran.exit_code:
        raise RuntimeError(f"{operation} fails on a disk without a fault: {made.stderr}{ran.stderr}")
    recording = Recording(operation=operation, place=place, done=done, log=log)
    last = _last(recording)
    if _lasting(last.disk.tree()) != _lasting(Disk.load(done.disk).tree()) or last.answers != ran.answers:
        raise RuntimeError(f"the recording of {operation} is not what it did")
    return recording


def drawn(recording: Recording, sample: int | None, seed: int) -> list[tuple[int, int]]:
    """The states to look at, each as the number of its cut and its number there."""
    every = [
        (cut, number)
        for cut, (_, replay) in enumerate(_replayed(recording))
        for number in range(1 if replay.disk.is_settled else STATES_AT_A_CUT)
    ]
    return every if sample is None else random.Random(seed).sample(every, min(sample, len(every)))


def examine(recording: Recording, wanted: Iterable[tuple[int, int]], seed: int) -> Findings:
    """What the *wanted* states of *recording* show."""
    numbers: defaultdict[int, set[int]] = defaultdict(set)
    for cut, number in wanted:
        numbers[cut].add(number)
    found = Findings(cuts=set(numbers))
    whole = _last(recording).whole()
    with tempfile.TemporaryDirectory(dir=recording.log.parent) as folder:
        place = Place(Path(folder))
        shutil.copytree(recording.place.films, place.films)
        place.note_answers(recording.place.answered)
        for cut, (name, replay) in enumerate(_replayed(recording)):
            for state in _states(replay.disk, numbers[cut], random.Random(f"{seed} {cut}")):
                key = (_digest(state), len(replay.answers))
                if key not in found.states:
                    found.states.add(key)
                    _lay_out(state, place.disk)
                    wrong = [*_cut_objects(state, whole), *_judged(recording, place, replay.answers)]
                    found.violations.extend((name, violation) for violation in wrong)
    return found


def survey(
    pool: ProcessPoolExecutor, recording: Recording, jobs: int, *, sample: int | None, seed: int
) -> Findings:
    """What all states of *recording* show, or *sample* of them, drawn by *seed*."""
    wanted = drawn(recording, sample, seed)
    shares = [[state for state in wanted if state[0] % jobs == job] for job in range(jobs)]
    parts = list(pool.map(examine, [recording] * jobs, shares, [seed] * jobs))
    return Findings(
        cuts=set().union(*(part.cuts for part in parts)),
        states=set().union(*(part.states for part in parts)),
        violations=[each for part in parts for each in part.violations],
    )


def _perform(operation: str, place: Place, bug: str) -> None:
    if bug:
        BUGS[bug]()
    perform(operation, place)


def _replayed(recording: Recording) -> Iterator[tuple[str, Replay]]:
    """The disk after every call at which a cut may show something new, and the call's name and number."""
    replay = Replay(recording.place.disk, recording.done.disk)
    for call in tracing.calls(recording.log):
        if replay.apply(call):
            yield f"{call.name} {call.ordinal}", replay


def _last(recording: Recording) -> Replay:
    *_, (_, last) = _replayed(recording)
    return last


def _states(disk: Disk, numbers: set[int], chance: random.Random) -> Iterator[Tree]:
    for number, state in enumerate(itertools.islice(disk.cuts(chance), max(numbers, default=-1) + 1)):
        if number in numbers:
            yield _lasting(state)


def _lasting(state: Tree) -> Tree:
    return {path: content for path, content in state.items() if path.name != _SHARED_MEMORY}


def _digest(state: Tree) -> bytes:
    parts = [
        os.fsencode(path) + b"\0" + (digest(content) if content is not None else b"")
        for path, content in state.items()
    ]
    return hashlib.sha256(b"".join(sorted(parts))).digest()


def _lay_out(state: Tree, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, content in sorted(state.items()):
        if content is None:
            (folder / path).mkdir(mode=0o700)
        else:
            (folder / path).write_bytes(content)


def _cut_objects(state: Tree, whole: dict[PurePath, set[bytes]]) -> Iterator[Violation]:
    for path, content in state.items():
        named = content is not None and path.is_relative_to(_OBJECTS) and not path.name.startswith(".")
        if named and digest(content) not in whole[path]:
            yield Violation("damaged", "an object has its name and not all of its bytes")


def _judged(recording: Recording, place: Place, answers: list[str]) -> list[Violation]:
    return violations(place, OPERATIONS[recording.operation].check, answers, finished=False)


def main(arguments: list[str]) -> int:
    """Print both tables; 1 when an operation shows a violation or a planted bug shows none."""
    parser = argparse.ArgumentParser(prog="python -m assurance powerloss", description=__doc__)
    parser.add_argument(
        "--sample", type=int, help="that many states of each operation, drawn by the seed; else all"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    wanted = parser.parse_args(arguments)
    if reason := tracing.missing():
        print(reason, file=sys.stderr)
        return 4
    with scratch() as folder, workers(wanted.jobs) as pool:
        operations = _survey_operations(pool, folder, wanted)
        bugs = _survey_bugs(pool, folder, wanted)
    _print("operation", operations)
    _print("planted bug", bugs)
    for name, found in operations.items():
        for call, violation in found.violations:
            print(f"{name}, cut after {call}: {violation.kind}: {violation.what}")
    caught = all(found.violations for found in bugs.values())
    return 0 if caught and not any(found.violations for found in operations.values()) else 1


def _survey_operations(
    pool: ProcessPoolExecutor, folder: Path, wanted: argparse.Namespace
) -> dict[str, Findings]:
    films = [FILMS.get(name, 1) for name in OPERATIONS]
    recordings = pool.map(record, [folder / name for name in OPERATIONS], OPERATIONS, films)
    return {
        each.operation: survey(pool, each, wanted.jobs, sample=wanted.sample, seed=wanted.seed)
        for each in recordings
    }


def _survey_bugs(pool: ProcessPoolExecutor, folder: Path, wanted: argparse.Namespace) -> dict[str, Findings]:
    count = len(BUGS)
    folders = [folder / f"bug {number}" for number in range(count)]
    recordings = pool.map(record, folders, ["import"] * count, [2] * count, BUGS)
    return {
        bug: survey(pool, each, wanted.jobs, sample=BUG_STATES, seed=wanted.seed)
        for bug, each in zip(BUGS, recordings, strict=True)
    }


def _print(heading: str, rows: dict[str, Findings]) -> None:
    print(f"\n| {heading} | moments cut at | different states | violations |\n|---|---|---|---|")
    for name, found in rows.items():
        print(f"| {name} | {len(found.cuts)} | {len(found.states)} | {len(found.violations)} |")
