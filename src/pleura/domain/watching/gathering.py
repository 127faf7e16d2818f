"""What goes between the watch list and whoever fetches for it in a process without keys."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pleura.domain.watching.sources import WatchPlace


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture that a page shows or links to."""

    url: str
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What an address held when it was fetched last."""

    etag: str = ""
    last_modified: str = ""
    title: str = ""
    links: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    digest: str = ""
    """Of a picture: its keyed digest in hexadecimal; whoever fetches does not see it."""
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The answer to whoever wants to fetch an address."""

    may_fetch: bool
    known: Known | None = None
    """What it held last: to ask for a change only, or to go on from where nothing may be fetched."""


@dataclass(frozen=True, kw_only=True)
class FoundPage:
    """A page: as fetched now, or as it is known where it has not changed."""

    url: str
    """Empty for pictures that no page shows: files in a folder."""
    known: Known


@dataclass(frozen=True, kw_only=True)
class FoundPicture:
    """A picture: its file, or none where it has not changed or cannot be a film."""

    url: str
    file: Path | None
    is_same: bool = False
    """It holds what it held last."""
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """An address that was not looked at, and why."""

    url: str
    code: str


Found = FoundPage | FoundPicture | Trouble


class Gatherer(Protocol):
    """Fetches what a source shows, in a process without keys."""

    def gather(
        self,
        place: WatchPlace,
        folder: Path,
        claim: Callable[[str], Claim],
        *,
        browser: bool,
        is_stopped: Callable[[], bool],
    ) -> Generator[Found]:
        """Everything found at *place*, pictures as files in *folder*; raises EnvironmentFault.

        *claim* is asked before any address is fetched. What comes back was written by strangers. It ends
        soon after *is_stopped*.
        """
        ...
