"""The answers of a search and of a trace, and the rule that decides whether a copy is named."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from pleura.domain.copies import CopyRecord, Payload

ACCUSATION_LIMIT: Final = 1e-9
"""A copy is named only when an innocent copy would be named with at most this probability."""


_LEAST_BOUND: Final = 1e-300  # below it floating point would round an upper bound down to zero


class Verdict(StrEnum):
    """What a suspect picture turned out to be."""

    TRACED = "traced"
    MATCHED = "matched"
    RELATED = "related"
    """Another exposure of the patient whose image is named."""
    UNKNOWN = "unknown"


def false_match_probability(z: float, comparisons: int) -> float:
    """Upper bound, in [0, 1], on the chance that any of *comparisons* innocent copies scores *z* or more.

    Hoeffding's inequality for independent signs, times the number of comparisons (union bound); it
    holds for every suspect picture because the signs are secret and independent of it.
    Source: W. Hoeffding, Journal of the American Statistical Association 58 (1963), theorem 2.
    """
    if z <= 0:
        return 1.0
    return min(1.0, max(_LEAST_BOUND, comparisons * math.exp(-z * z / 2)))


Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
"""Column and row, in pixels of the picture, of the corners of an original, clockwise from its top left."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """One original in the picture."""

    image: str
    same_exposure: bool
    """Whether it is this very exposure, and not another one of the same patient."""
    inliers: int
    """Features that agree on how the original lies in the picture."""
    agreement: float
    """Correlation of the two where they overlap, -1 to 1, light and tone left out."""
    corners: Corners


@dataclass(frozen=True, kw_only=True)
class FindReport:
    """Everything of ours that one picture shows."""

    found: tuple[Found, ...]
    """The best supported first, each original once."""
    seconds: float
    finished_at: datetime


@dataclass(frozen=True, kw_only=True)
class TraceReport:
    """The verdict on one suspect picture and what supports it."""

    verdict: Verdict
    image: str | None
    record: CopyRecord | None
    """The copy that is named; the one with the highest score where the picture holds several."""
    others: tuple[CopyRecord, ...]
    """Further copies whose marks are in the picture: it was marked again, or several people joined theirs."""
    payload: Payload | None
    """What the mark says by itself, where it could be read; it never names a copy alone."""
    false_match_probability: float
    score: float
    """z of the best copy: 0 where nothing matched."""
    comparisons: int
    seconds: float
    finished_at: datetime
    unmarked: int = 0
    """Copies of the image that left without a mark: none of them can be named, whoever holds it."""

    def __post_init__(self) -> None:
        if (self.verdict is Verdict.UNKNOWN) != (self.image is None):
            raise ValueError("exactly an unknown picture has no image")
        if (self.verdict is Verdict.TRACED) != (self.record is not None):
            raise ValueError("exactly a traced picture names a copy")
        if self.record is None and self.others:
            raise ValueError("there are no others where nobody is named")
        if self.verdict is Verdict.TRACED and self.false_match_probability > ACCUSATION_LIMIT:
            raise ValueError("a copy is named only below the accusation limit")
