"""What a depot holds of what it should."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pleura.crypto.container import commitment_of
from pleura.domain.errors import NotFound, SealBroken
from pleura.domain.images import SealedImage
from pleura.prevent.depots.boxes import Boxes
from pleura.prevent.depots.filling import watched
from pleura.prevent.depots.snapshot import Head
from pleura.prevent.vault import objects_of


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What one backup did."""

    snapshot: str
    objects: int
    added: int
    bytes_added: int
    lacking: Sequence[str] = ()
    """Images that are not whole in it, because an object is missing here or cannot be read."""


@dataclass(frozen=True, kw_only=True)
class DepotReport:
    """What a depot holds of what it should."""

    objects: int
    missing: Sequence[str]
    damaged: Sequence[str]

    @property
    def whole(self) -> bool:
        """Whether everything is there and opens."""
        return not self.missing and not self.damaged


@dataclass(frozen=True, kw_only=True)
class DepotView:
    """What can be seen of a depot without opening anything."""

    heads: Sequence[Head]
    """Oldest first."""
    unreadable: Sequence[str]
    """What lies among the heads and is damaged or none of ours."""
    opens: bool
    """Whether the newest snapshot opens with the recovery sheet in force."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What came back from a depot."""

    objects: int
    lacking: Sequence[str]
    """Images that are still not whole: the depot has no sound object either."""


def prove(
    boxes: Boxes, images: Iterable[SealedImage], is_stopped: Callable[[], bool] = lambda: False
) -> DepotReport:
    """Which boxes are there and open to the object of the catalogue; all their bytes are read."""
    count, missing, damaged = 0, [], []
    expected = itertools.chain.from_iterable(objects_of(sealed) for sealed in images)
    for name, commitment in watched(expected, is_stopped):
        count += 1
        try:
            header = boxes.verify(name)
        except NotFound:
            missing.append(name)
        except SealBroken:
            damaged.append(name)
        else:
            if commitment and commitment_of(header) != commitment:
                damaged.append(name)
    return DepotReport(objects=count, missing=missing, damaged=damaged)
