"""A kill, an EIO and an ENOSPC at every system call by which an operation touches its disk.

    python -m assurance faults [--sample N] [--seed S] [--jobs J]

The operation is a real process under strace, which numbers its calls in a run without a fault and then
strikes one of them in each further run. Struck is every call on the disk of the place: home and depot.
A kill strikes before the call is done. Reads are struck by EIO only. After each run the home must open
with its ledger and every listed image; what was answered must be kept; a process that was not killed
must have ended by an error of pleura's; and a rerun must complete.
"""

from __future__ import annotations

import argparse
import compileall
import functools
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pleura
from assurance import tracing
from assurance.operations import OPERATIONS, perform, prepare
from assurance.places import Place, scratch
from assurance.verdict import KINDS, Violation, violations
from assurance.workers import workers

Ending = Literal["killed", "refused", "finished", "missed"]
ENDINGS: Final[tuple[Ending, ...]] = ("killed", "refused", "finished", "missed")
"""``finished``: the operation completed in spite of the fault. ``missed``: the call that was struck was
another one than the numbered one, so that nothing is shown."""

_FAULTS: Final = {"KILL": "signal=KILL", "EIO": "error=EIO", "ENOSPC": "error=ENOSPC"}
_READS: Final = frozenset({"read", "pread64"})
_CLEAN_EXITS: Final = frozenset({1, 3, 4})


@dataclass(frozen=True, kw_only=True)
class Point:
    """One fault at one call of one operation."""

    operation: str
    syscall: str
    ordinal: int
    fault: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.fault} at {self.syscall} {self.ordinal}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one point."""

    point: Point
    ending: Ending
    violations: list[Violation]


def points(operation: str, place: Place) -> list[Point]:
    """Every point of *operation* at the new *place*; raises RuntimeError when it fails without a fault."""
    place.path.parent.mkdir()
    made = tracing.run(functools.partial(prepare, operation, place, 1), place.path.parent)
    if made.exit_code != 0:
        raise RuntimeError(f"{operation} cannot be prepared: {made.stderr}")
    with tempfile.TemporaryDirectory(dir=place.path.parent) as folder:
        copy, log = place.copy(Path(folder) / "place"), Path(folder) / "log"
        ran = tracing.trace(functools.partial(perform, operation, copy), log)
        found = _judged(operation, copy, ran)
        if ran.exit_code != 0 or found:
            raise RuntimeError(f"{operation} fails without a fault: {found or ran.stderr}")
        return [
            Point(operation=operation, syscall=call.name, ordinal=call.ordinal, fault=fault)
            for call in tracing.calls(log)
            if call.name != "lseek" and call.touches(copy.disk)
            for fault in (("EIO",) if call.name in _READS else _FAULTS)
        ]


def strike(place: Place, point: Point) -> Outcome:
    """What becomes of a copy of *place* when the fault of *point* strikes."""
    with tempfile.TemporaryDirectory(dir=place.path.parent) as folder:
        copy, log = place.copy(Path(folder) / "place"), Path(folder) / "log"
        task = functools.partial(perform, point.operation, copy)
        expression = f"{point.syscall}:{_FAULTS[point.fault]}:when={point.ordinal}"
        ran = tracing.trace(task, log, fault=expression)
        struck = [call for call in tracing.calls(log) if call.injected]
        if not any(call.touches(copy.disk) for call in struck):
            return Outcome(point=point, ending="missed", violations=[])
        found = [*_escaped(point, ran), *_judged(point.operation, copy, ran)]
        found = found or _rerun(point.operation, copy, ran)
        return Outcome(point=point, ending=_ending(point, ran), violations=found)


def _ending(point: Point, ran: tracing.Run) -> Ending:
    if point.fault == "KILL":
        return "killed"
    return "refused" if ran.exit_code else "finished"


def _escaped(point: Point, ran: tracing.Run) -> Iterator[Violation]:
    if ran.exit_code == tracing.HUNG:
        yield Violation("stuck", f"it hung for {tracing.SECONDS} s")
    elif point.fault != "KILL" and ran.exit_code not in _CLEAN_EXITS | {0}:
        yield Violation("escaped", f"exit code {ran.exit_code}")
    if "Traceback" in ran.stderr:
        yield Violation("escaped", ran.stderr.strip().splitlines()[-1])


def _judged(operation: str, place: Place, ran: tracing.Run) -> list[Violation]:
    check = OPERATIONS[operation].check
    return violations(place, check, ran.answers, finished=ran.exit_code == 0)


def _rerun(operation: str, place: Place, ran: tracing.Run) -> list[Violation]:
    """What is wrong when the operation is done again by a person whose disk works again."""
    again = tracing.run(functools.partial(perform, operation, place), place.path.parent)
    if again.exit_code != 0:
        return [Violation("stuck", f"a rerun ends with {again.exit_code}: {again.stderr.strip()}")]
    check = OPERATIONS[operation].check
    return violations(place, check, [*ran.answers, *again.answers], finished=True)


def survey(folder: Path, *, sample: int | None = None, seed: int = 1, jobs: int = 2) -> list[Outcome]:
    """The outcomes of all points of all operations, or of *sample* points that *seed* draws."""
    # Whether a module is read from its cache changes the numbers of calls, so all caches are there first.
    compileall.compile_dir(Path(pleura.__file__).parent, quiet=2)
    places = {name: Place(folder / name / "place") for name in OPERATIONS}
    with workers(jobs) as pool:
        found = [point for some in pool.map(points, places, places.values()) for point in some]
        drawn = found if sample is None else random.Random(seed).sample(found, min(sample, len(found)))
        return list(pool.map(strike, [places[point.operation] for point in drawn], drawn))


def table(outcomes: Sequence[Outcome]) -> str:
    """One row for each operation."""
    rows = [("operation", "points", *ENDINGS, *KINDS)]
    for name in sorted({outcome.point.operation for outcome in outcomes}):
        of_it = [outcome for outcome in outcomes if outcome.point.operation == name]
        endings = [sum(outcome.ending == ending for outcome in of_it) for ending in ENDINGS]
        kinds = [sum(kind in {v.kind for v in outcome.violations} for outcome in of_it) for kind in KINDS]
        rows.append((name, *map(str, (len(of_it), *endings, *kinds))))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def main(arguments: list[str]) -> int:
    """Print the table and every violation; 1 when there is one or when a point was missed."""
    parser = argparse.ArgumentParser(prog="python -m assurance faults", description=__doc__)
    parser.add_argument("--sample", type=int, help="that many points, drawn by the seed; else all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    wanted = parser.parse_args(arguments)
    if reason := tracing.missing():
        print(reason, file=sys.stderr)
        return 4
    with scratch() as folder:
        outcomes = survey(folder, sample=wanted.sample, seed=wanted.seed, jobs=wanted.jobs)
    print(table(outcomes))
    bad = [outcome for outcome in outcomes if outcome.violations or outcome.ending == "missed"]
    for outcome in bad:
        for violation in outcome.violations:
            print(f"{outcome.point}: {violation.kind}: {violation.what}")
        if not outcome.violations:
            print(f"{outcome.point}: missed")
    return 1 if bad else 0
