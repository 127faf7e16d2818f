"""One film after one attack: what every look of its trace said, and so the verdict at any limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pleura.domain.tracing import ACCUSATION_LIMIT, false_match_probability

VERDICTS = ("right", "matched", "unknown", "wrong")
"""Wrong: a copy that is not in the picture is named, or another film is matched."""


@dataclass(frozen=True)
class Sight:
    """One look of a trace."""

    is_its_film: bool
    """Whether the picture was laid over the original that it was made from."""
    true_z: float
    """Of the copy that leaked; 0 where it was not among those compared."""
    innocent_z: float
    """The highest of all other copies."""
    comparisons: int
    holds: bool


@dataclass(frozen=True)
class Case:
    """One film after one attack."""

    attack: str
    sights: Sequence[Sight]
    seconds: float
    payload: bool
    """Whether the mark said by itself which copy it is."""

    @property
    def true_z(self) -> float:
        """The score of the copy that leaked; 0 where its film was not found."""
        return max((sight.true_z for sight in self.sights if sight.is_its_film), default=0.0)

    @property
    def is_its_film(self) -> bool:
        """Whether the last look, which decides, was at the right original."""
        return bool(self.sights) and self.sights[-1].is_its_film

    def verdict(self, limit: float = ACCUSATION_LIMIT) -> str:
        """What a trace answers whose accusation limit is *limit*.

        Looks end where the accusation limit of the product ends them: of a stricter limit, a picture that
        is named by the looser one alone counts as matched where the look holds, as unknown where it does not.
        """
        for sight in self.sights:
            guilty = false_match_probability(sight.true_z, sight.comparisons) <= limit
            framed = false_match_probability(sight.innocent_z, sight.comparisons) <= limit
            if framed or (sight.holds and not sight.is_its_film):
                return "wrong"
            if guilty:
                return "right"
            if sight.holds:
                return "matched"
        return "unknown"
