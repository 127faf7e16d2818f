"""What one run sends to a depot, until it is told to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, TypeVar

from pleura.domain.errors import EnvironmentFault, NotFound
from pleura.domain.ports import Clock, ObjectStore, Records
from pleura.ledger.entries import decode
from pleura.prevent.depots.boxes import BOXES, Boxes
from pleura.prevent.depots.snapshot import HEADS, OLDEST_REST, SNAPSHOTS
from pleura.prevent.vault import every_image, objects_of

_CLOCK_SLACK: Final = timedelta(minutes=1)
_Piece = TypeVar("_Piece")


class Sending:
    """The objects of a home on their way to a depot; what is there already is not sent again."""

    def __init__(
        self,
        records: Records,
        objects: ObjectStore,
        boxes: Boxes,
        advance: Callable[[int], None],
        is_stopped: Callable[[], bool],
    ) -> None:
        self.sizes: list[int] = []
        """Of the boxes that were sent."""
        self.lacking: set[str] = set()
        """Images with an object that is missing here or cannot be read."""
        self._records = records
        self._objects = objects
        self._boxes = boxes
        self._advance = advance
        self._is_stopped = is_stopped
        self._present = boxes.present()

    def run(self) -> int:
        """The number of objects there are, each sent unless its box is there or it is lacking."""
        count = 0
        for sealed in every_image(self._records):
            for name, _ in objects_of(sealed):
                count += 1
                refuse_stopped(self._is_stopped)
                if self._boxes.box(name) not in self._present:
                    self._send(sealed.image.id, name)
        return count

    def _send(self, image: str, name: str) -> None:
        try:
            size = self._boxes.put(name, self._objects)
        except NotFound:
            self.lacking.add(image)
            return
        self._present.add(self._boxes.box(name))
        if size:
            self.sizes.append(size)
            self._advance(size)


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
