"""A sample of the states that a power cut can leave; `./run assure powerloss` builds all of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest
from assurance import powerloss, tracing
from assurance.operations import OPERATIONS
from assurance.places import scratch
from assurance.planted import BUGS
from assurance.workers import workers

SAMPLE = 60
BUG_STATES = 160

pytestmark = pytest.mark.skipif(bool(tracing.missing()), reason=tracing.missing() or "strace works")


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with workers(2) as ready:
        yield ready


def look(pool: ProcessPoolExecutor, operation: str, bug: str, sample: int) -> powerloss.Findings:
    with scratch() as folder:
        recording = pool.submit(powerloss.record, folder / "it", operation, 2, bug).result()
        return powerloss.survey(pool, recording, 2, sample=sample, seed=1)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_power_cut_at_any_moment_loses_nothing_that_was_answered(
    pool: ProcessPoolExecutor, operation: str
) -> None:
    found = look(pool, operation, "", SAMPLE)

    assert [f"cut after {call}: {violation}" for call, violation in found.violations] == []
    assert len(found.states) > 10


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_caught(pool: ProcessPoolExecutor, bug: str) -> None:
    assert look(pool, "import", bug, BUG_STATES).violations
