"""A sample of the faults at system calls; `./run assure faults` strikes all of them."""

from __future__ import annotations

import pytest
from assurance import faults, tracing
from assurance.operations import OPERATIONS
from assurance.places import scratch

SAMPLE = 50

pytestmark = pytest.mark.skipif(bool(tracing.missing()), reason=tracing.missing() or "strace works")


def test_a_fault_at_any_system_call_loses_nothing_that_was_answered() -> None:
    with scratch() as folder:
        outcomes = faults.survey(folder, sample=SAMPLE, seed=20261124, jobs=2)

    wrong = [f"{each.point}: {violation}" for each in outcomes for violation in each.violations]
    assert wrong == []
    assert [str(each.point) for each in outcomes if each.ending == "missed"] == []
    assert len(outcomes) == SAMPLE
    assert {each.point.operation for each in outcomes} == set(OPERATIONS)
    assert {"killed", "refused"} <= {each.ending for each in outcomes}
