"""The rule that decides whether a copy is named."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pleura.domain.copies import CopyRecord
from pleura.domain.tracing import ACCUSATION_LIMIT, TraceReport, Verdict, false_match_probability

NOW = datetime(2026, 1, 2, tzinfo=UTC)
RECORD = CopyRecord(
    copy="cpy-1",
    image="img-1",
    recipient="Dr Li",
    purpose="second opinion",
    form="png",
    issued_at=NOW,
    patient_id="P-1",
    device_serial="SN-1",
    mark_version=1,
)


def report(verdict: Verdict, *, image: str | None, record: CopyRecord | None, bound: float) -> TraceReport:
    return TraceReport(
        verdict=verdict,
        image=image,
        record=record,
        others=(),
        payload=None,
        false_match_probability=bound,
        score=9.0,
        comparisons=1,
        seconds=1.0,
        finished_at=NOW,
    )


def test_the_bound_is_hoeffdings_times_the_comparisons() -> None:
    assert false_match_probability(9.0, 1) == pytest.approx(2.5768e-18, rel=1e-3)
    assert false_match_probability(9.0, 1000) == pytest.approx(2.5768e-15, rel=1e-3)


@pytest.mark.parametrize("z", [0.0, -3.0, -math.inf])
def test_a_score_that_is_not_positive_proves_nothing(z: float) -> None:
    assert false_match_probability(z, 1) == 1.0


def test_the_bound_never_exceeds_one() -> None:
    assert false_match_probability(0.1, 10**9) == 1.0


def test_random_signs_stay_below_the_bound() -> None:
    """The bound is compared with what secret signs really score on one fixed residual."""
    dice = random.Random(1)
    residual = [dice.gauss(0, 1) for _ in range(200)]
    norm = math.sqrt(sum(value * value for value in residual))
    scores = [sum(dice.choice((-1, 1)) * value for value in residual) / norm for _ in range(4000)]

    for z in (1.5, 2.0, 2.5, 3.0):
        assert sum(score >= z for score in scores) / len(scores) <= false_match_probability(z, 1)


def test_there_are_no_others_where_nobody_is_named() -> None:
    matched = report(Verdict.MATCHED, image="img-1", record=None, bound=1.0)

    with pytest.raises(ValueError, match="no others"):
        replace(matched, others=(RECORD,))


def test_a_copy_above_the_accusation_limit_cannot_be_named() -> None:
    with pytest.raises(ValueError, match="accusation limit"):
        report(Verdict.TRACED, image="img-1", record=RECORD, bound=ACCUSATION_LIMIT * 2)


def test_a_matched_picture_names_nobody() -> None:
    with pytest.raises(ValueError, match="names a copy"):
        report(Verdict.MATCHED, image="img-1", record=RECORD, bound=0.0)


def test_an_unknown_picture_has_no_image() -> None:
    with pytest.raises(ValueError, match="no image"):
        report(Verdict.UNKNOWN, image="img-1", record=None, bound=1.0)
