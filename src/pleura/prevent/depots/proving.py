"""What a depot holds of what it should."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pleura.domain.errors import NotFound, SealBroken
from pleura.domain.images import SealedImage
from pleura.prevent.depots.boxes import Boxes
from pleura.prevent.depots.filling import prove_box, watched
from pleura.prevent.depots.snapshot import Head
from pleura.prevent.vault import Vault, objects_of

MISSING: Final = "objects-missing"
DAMAGED: Final = "objects-damaged"
HEALED: Final = "objects-healed"
"""A run read every box and left none damaged; no test has said so yet."""


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What one backup did."""

    snapshot: str
    objects: int
    added: int
    bytes_added: int
    lacking: Sequence[str] = ()
    """Images that are not whole in it, because an object is missing or damaged here."""


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

    @property
    def result(self) -> str:
        """What the ledger and the row of the depot say of it; empty for a whole one."""
        if self.damaged:
            return DAMAGED
        return MISSING if self.missing else ""


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
    boxes: Boxes, vault: Vault, images: Iterable[SealedImage], is_stopped: Callable[[], bool] = lambda: False
) -> DepotReport:
    """Which boxes are there and hold the object of the catalogue, opened to its last byte.

    A box may be sound around an object that was damaged before it was sent, so both seals are opened.
    """
    expected = ((sealed, name) for sealed in images for name, _ in objects_of(sealed))
    count, missing, damaged = 0, list[str](), list[str]()
    for sealed, name in watched(expected, is_stopped):
        count += 1
        try:
            prove_box(boxes, vault, sealed, name)
        except NotFound:
            missing.append(name)
        except SealBroken:
            damaged.append(name)
    return DepotReport(objects=count, missing=missing, damaged=damaged)
