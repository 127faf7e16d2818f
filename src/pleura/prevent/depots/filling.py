"""What one run sends to a depot and deletes in it, until it is told to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, TypeVar

from pleura.domain.errors import EnvironmentFault, NotFound, PleuraError, SealBroken
from pleura.domain.images import SealedImage
from pleura.domain.ports import Clock, ObjectStore, Records
from pleura.ledger.entries import decode
from pleura.ledger.ledger import Ledger
from pleura.prevent.depots.boxes import BOXES, Boxes
from pleura.prevent.depots.snapshot import HEADS, OLDEST_REST, SNAPSHOTS
from pleura.prevent.vault import Vault, objects_of

ERASED: Final = "erased"
VERSIONS_STAY: Final = "erased-versions-stay"
"""Deleted, and the bucket keeps old versions, sealed under destroyed keys."""
_CLOCK_SLACK: Final = timedelta(minutes=1)
_Piece = TypeVar("_Piece")


class Sending:
    """The objects of a home on their way to a depot; what is there already is not sent again."""

    def __init__(
        self,
        vault: Vault,
        objects: ObjectStore,
        boxes: Boxes,
        advance: Callable[[int], None],
        is_stopped: Callable[[], bool],
    ) -> None:
        self.sizes: list[int] = []
        """Of the boxes that were sent."""
        self.lacking: set[str] = set()
        """Images with an object that is missing or damaged here and not in the depot."""
        self.left_damaged = 0
        """Boxes that do not open, and stay because the object here is no better."""
        self._vault = vault
        self._objects = objects
        self._boxes = boxes
        self._advance = advance
        self._is_stopped = is_stopped
        self._present = boxes.present()

    def run(self, images: Iterable[SealedImage], *, heal: bool = False) -> int:
        """The number of objects there are, each sent unless its box is there or it is lacking.

        *heal*: every box that is there is read, and a damaged one sent anew.
        """
        count = 0
        for sealed in images:
            for name, _ in objects_of(sealed):
                count += 1
                refuse_stopped(self._is_stopped)
                if self._boxes.box(name) not in self._present:
                    self._send(sealed, name)
                elif heal and not self._is_sound(sealed, name):
                    self.left_damaged += not self._send(sealed, name, anew=True)
        return count

    def _send(self, sealed: SealedImage, name: str, *, anew: bool = False) -> bool:
        """Whether one object was boxed, which is opened to its end before: what is damaged is not sent."""
        if not self._is_sound_here(sealed, name):
            self.lacking.add(sealed.image.id)
            return False
        if anew:
            self._boxes.delete(name)
        try:
            size = self._boxes.put(name, self._objects)
        except NotFound:
            self.lacking.add(sealed.image.id)
            return False
        self._present.add(self._boxes.box(name))
        if size:
            self.sizes.append(size)
            self._advance(size)
        return True

    def _is_sound_here(self, sealed: SealedImage, name: str) -> bool:
        try:
            self._vault.check_object(sealed, name, whole=True)
        except (NotFound, SealBroken, EnvironmentFault):
            return False
        return True

    def _is_sound(self, sealed: SealedImage, name: str) -> bool:
        try:
            prove_box(self._boxes, self._vault, sealed, name)
        except (NotFound, SealBroken):
            return False
        return True


def prove_box(boxes: Boxes, vault: Vault, sealed: SealedImage, name: str) -> None:
    """Return when the box of the object *name* opens to its end, and so does what is in it.

    Raises NotFound, SealBroken.
    """
    with boxes.opened(name) as stream:
        vault.prove(sealed, name, stream, whole=True)


def watched(pieces: Iterable[_Piece], is_stopped: Callable[[], bool]) -> Iterator[_Piece]:
    """*pieces*, until the run is told to stop."""
    for piece in pieces:
        refuse_stopped(is_stopped)
        yield piece


def refuse_stopped(is_stopped: Callable[[], bool]) -> None:
    """Raise EnvironmentFault when the run was told to stop."""
    if is_stopped():
        raise EnvironmentFault(
            "stopped",
            "the work was told to stop before its end",
            "begin it again: it goes on where it was cut",
        )


def sweep(store: ObjectStore, now: datetime) -> None:
    """Remove what killed runs left in a depot without a name, once it is older than a day."""
    for beginning in (BOXES, SNAPSHOTS, HEADS):
        store.sweep(beginning, now - OLDEST_REST)


def refuse_clock_behind(records: Records, clock: Clock) -> None:
    """Raise EnvironmentFault when the clock is behind what the ledger says has happened."""
    with records.begin() as unit:
        last = unit.ledger.last()
    if last is not None and decode(last.entry).at > clock.now() + _CLOCK_SLACK:
        raise EnvironmentFault(
            "clock-behind",
            "the clock is behind the last entry of the ledger ({at})",
            "set the clock of this machine, for example: timedatectl set-ntp true",
            at=decode(last.entry).at.isoformat(timespec="seconds"),
        )


def delete_noted(
    depot: str,
    connect: Callable[[], ObjectStore],
    depot_key: bytes,
    records: Records,
    ledger: Ledger,
    *,
    actor: str,
) -> str:
    """What was erased here goes from *depot* too: each object is noted until its box is gone.

    ``erased`` once nothing is noted for *depot* any more, else the code of what is in the way.

    *connect* refuses a place that is not marked as ours: in the empty folder of a disk that is not mounted
    every box seems to be gone already.
    """
    with records.begin() as unit:
        names = unit.catalogue.deletions(depot)
    if not names:
        return ERASED
    result = ERASED
    try:
        boxes = Boxes(connect(), depot_key)
        for name in names:
            boxes.delete(name)
    except PleuraError as fault:
        result = fault.code
    with records.begin() as unit:
        if result == ERASED:
            unit.catalogue.drop_deletions(depot, names)
        ledger.append(unit.ledger, "depot-erase", actor, depot=depot, result=result)
    return result
