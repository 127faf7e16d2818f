"""Asking an image-search service: a legal act of its own, for a part of a film leaves for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Protocol, get_args

from pleura.domain.errors import BadInput

Engine = Literal["google", "tineye", "yandex"]

ALLOWED: Final = "image-search"
"""The rule that allows it; off until somebody sets it."""

_MOST_CONSENT: Final = 1000


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A page that a service says shows the picture; nothing of ours has looked at it yet."""

    page: str
    picture: str
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class ImageSearch:
    """One asking, as stored."""

    name: str
    image: str
    engine: Engine
    at: datetime
    by: str
    sealed_consent: bytes = field(repr=False)
    """Who agreed and on what ground."""


class SearchEngine(Protocol):
    """A service that looks for a picture on the web."""

    @property
    def name(self) -> Engine:
        """Which one it is."""
        ...

    def search(self, picture: bytes) -> Sequence[Candidate]:
        """The pages that it knows for a JPEG picture; raises EnvironmentFault."""
        ...


def engine_name(written: str) -> Engine:
    """*written* as the name of a service; raises BadInput."""
    for name in get_args(Engine):
        if written == name:
            return name  # type: ignore[no-any-return]
    raise BadInput(
        "bad-engine",
        "there is no image search called {engine}",
        "choose google, tineye or yandex",
        engine=written,
    )


def checked_consent(written: str) -> str:
    """Who agrees and on what ground; raises BadInput where nothing is said."""
    consent = written.strip()
    if not consent or len(consent) > _MOST_CONSENT:
        raise BadInput(
            "no-consent",
            "nobody has agreed that a part of this film leaves for an image search, or in too many words",
            "write who agrees and on what ground, in at most {limit} characters",
            limit=_MOST_CONSENT,
        )
    return consent
