"""What a running server does by itself: sketch arrivals, look after depots, look at sources that are due."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from pleura.bootstrap import House
from pleura.domain.errors import PleuraError
from pleura.domain.installation import Depot
from pleura.entrypoints.web.chores import Chores

FILL_EVERY: Final = timedelta(days=1)
TEST_EVERY: Final = timedelta(days=30)
_SKETCH_SECONDS: Final = 10.0
_DEPOT_SECONDS: Final = 600.0
_WATCH_SECONDS: Final = 60.0
_ACTOR: Final = "caretaker"

_log = logging.getLogger("pleura.caretaker")


def due(depot: Depot, now: datetime) -> tuple[str, ...]:
    """What a depot waits for: ``sync``, ``test``, both or nothing."""
    found = []
    if depot.synced_at is None or now - depot.synced_at >= FILL_EVERY:
        found.append("sync")
    if depot.tested_at is None or now - depot.tested_at >= TEST_EVERY:
        found.append("test")
    return tuple(found)


def sketch_arrivals(house: House, is_stopped: Callable[[], bool] = lambda: False) -> None:
    """Make the missing sketches, until *is_stopped*; a fault is logged by its code and tried again."""
    with _logged("sketches"):
        house.originals.prepare(is_stopped)


def look_after(
    house: House, chores: Chores | None = None, is_stopped: Callable[[], bool] = lambda: False
) -> None:
    """Do all that depots wait for, until *is_stopped*; a fault is logged and tried again.

    What is under way is noted among *chores*, where pages see it.
    """
    noted = chores.noted if chores else lambda *_: contextlib.nullcontext()
    with _logged("depots"):
        for depot in house.depots.all():
            for act in due(depot, house.clock.now()):
                if is_stopped():
                    return
                with _logged(f"{act} of {depot.name}"), noted(act, depot.name):
                    getattr(house.depots, act)(depot.name, actor=_ACTOR, is_stopped=is_stopped)


def look_outside(house: House, is_stopped: Callable[[], bool] = lambda: False) -> None:
    """Look at every source that is due, until *is_stopped*; a fault is logged, and the source waits."""
    with _logged("watch"):
        for looked in house.patrol.run_due(actor=_ACTOR, is_stopped=is_stopped):
            if looked.result:
                _log.warning("watch of %s: %s", looked.source, looked.result)


@contextlib.contextmanager
def _logged(work: str) -> Iterator[None]:
    """Log what goes wrong in the block and go on: the thread must outlive it, whatever it is.

    A fault of ours is logged by its code; any other by its type and place alone, for its words may hold
    what no log may.
    """
    try:
        yield
    except PleuraError as fault:
        _log.warning("%s: %s", work, fault.code)
    except Exception as bug:  # noqa: BLE001 - nobody else would ever hear of it
        at = traceback.extract_tb(bug.__traceback__)[-1]
        _log.error("%s: %s in %s, line %s", work, type(bug).__name__, at.filename, at.lineno)


class Caretaker:
    """Two threads that look after one house until they are told to stop: a look at a site takes long."""

    def __init__(self, house: House, chores: Chores) -> None:
        self._house = house
        self._chores = chores
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=work, name="caretaker", daemon=True) for work in (self._work, self._watch)
        ]

    def start(self) -> None:
        """Begin to look: for arrivals every ten seconds, for sources every minute, for depots every ten."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Return when no work is under way any more: it ends at the next object."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            look_outside(self._house, self._stopped.is_set)
            self._stopped.wait(_WATCH_SECONDS)

    def _work(self) -> None:
        depots_at = time.monotonic()
        while not self._stopped.is_set():
            sketch_arrivals(self._house, self._stopped.is_set)
            if time.monotonic() >= depots_at:
                look_after(self._house, self._chores, self._stopped.is_set)
                depots_at = time.monotonic() + _DEPOT_SECONDS
            self._stopped.wait(_SKETCH_SECONDS)
