"""The answer of a search: which originals a picture shows, and where in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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
