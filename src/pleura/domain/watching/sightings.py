"""Sightings: pictures outside that are ours, where they were seen, and what people said about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, get_args

from pleura.domain.errors import BadInput
from pleura.domain.tracing import Verdict

LabelWord = Literal["true", "false-alarm"]

SPREADING: Final = 3
"""Distinct places from which a find counts as spreading."""

_MOST_REASON: Final = 500


class Severity(StrEnum):
    """How pressing a sighting is; a rule of this product, not of any law."""

    HIGH = "high"
    """A copy is named, or the picture is at several places."""
    MEDIUM = "medium"
    """It is one of our images, at few places."""
    NONE = "none"
    """A person called it a false alarm."""


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """One picture file outside that shows an original of ours."""

    name: str
    digest: bytes = field(repr=False)
    """Keyed digest of the file, the one that its trace has in the ledger."""
    source: str
    """Where it was seen first."""
    verdict: Verdict
    image: str
    copy: str | None
    score: float
    """z of the best copy."""
    false_match_probability: float
    """Upper bound for the best copy, over all comparisons of that trace."""
    first_seen: datetime
    last_seen: datetime
    label: LabelWord | None = None
    """What a person said last."""
    case: str | None = None
    """The case that it belongs to."""

    def __post_init__(self) -> None:
        if self.verdict is Verdict.UNKNOWN:
            raise ValueError("a picture that is not ours is no sighting")
        if (self.verdict is Verdict.TRACED) != (self.copy is not None):
            raise ValueError("exactly a traced sighting names a copy")


@dataclass(frozen=True, kw_only=True)
class SeenAt:
    """One place where a sighting was seen, as stored; page and picture may name people and are sealed."""

    sighting: str
    index: bytes = field(repr=False)
    """Keyed digest of page and picture."""
    source: str
    sealed_context: bytes = field(repr=False)
    first_seen: datetime
    last_seen: datetime
    times: int


@dataclass(frozen=True, kw_only=True)
class Context:
    """What stood around a picture where it was seen."""

    page: str
    """Address of the page, identifier of the message; empty for a file in a folder."""
    picture: str
    """Address of the picture, path of the file, name of the attachment."""
    title: str = ""
    text: str = ""
    """What the page says the picture shows."""
    sha256: str = ""
    """Plain digest of the file, for whoever has the same file; sealed with the rest."""


@dataclass(frozen=True, kw_only=True)
class SightingLabel:
    """What a person said about a sighting: kept as it was said, it changes no threshold."""

    sighting: str
    at: datetime
    label: LabelWord
    by: str
    sealed_reason: bytes = field(repr=False)


def label_word(written: str) -> LabelWord:
    """*written* as a label; raises BadInput."""
    for word in get_args(LabelWord):
        if written == word:
            return word  # type: ignore[no-any-return]
    raise BadInput("bad-label", "there is no label {label}", "choose true or false-alarm", label=written)


def checked_reason(written: str) -> str:
    """The reason of a label; raises BadInput where there is none."""
    reason = written.strip()
    if not reason or len(reason) > _MOST_REASON:
        raise BadInput(
            "bad-reason",
            "the reason of a label is empty or longer than {limit} characters",
            "say in a few words why",
            limit=_MOST_REASON,
        )
    return reason


def severity(verdict: Verdict, places: int, label: LabelWord | None) -> Severity:
    """How pressing a sighting at so many distinct places is."""
    if label == "false-alarm":
        return Severity.NONE
    return Severity.HIGH if verdict is Verdict.TRACED or places >= SPREADING else Severity.MEDIUM


@dataclass(frozen=True, kw_only=True)
class Visit:
    """An address that was fetched, or that a worker has taken to fetch it; what it held is sealed."""

    index: bytes = field(repr=False)
    """Keyed digest of the address."""
    source: str
    sealed: bytes = field(repr=False)
    """Empty before the first fetch."""
    visited_at: datetime | None = None
    holder: str = ""
    held_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Look:
    """A picture file that was compared with all originals, so that it is not compared again."""

    digest: bytes = field(repr=False)
    looked_at: datetime
    against: str
    """Which originals it was compared with: how many, and the newest."""
    sighting: str
    """Empty where it is not ours, or was no picture."""
