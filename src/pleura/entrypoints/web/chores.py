"""Work on depots that a page begins and does not wait for: what is under way, and how it ended."""

from __future__ import annotations

import contextlib
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pleura.domain.errors import EnvironmentFault, PleuraError

_SOON: Final = 1.5
"""Seconds that a page waits for what may be over at once."""

_log = logging.getLogger("pleura.web")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a chore ended."""

    at: datetime
    result: object
    """What it found, or the PleuraError that stopped it."""


class Chores:
    """What is under way on which depot: begun by a page, or noted by the caretaker."""

    def __init__(self) -> None:
        self._running = set[tuple[str, str]]()
        self._ended = dict[tuple[str, str], Ended]()
        self._threads = list[threading.Thread]()
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def begin(self, act: str, depot: str, work: Callable[[Callable[[], bool]], object]) -> None:
        """Let *work* run until it ends or is told to stop; nothing is begun beside another of its kind."""
        with self._lock:
            if (act, depot) in self._running or self._stopped.is_set():
                return
            self._running.add((act, depot))
            thread = threading.Thread(target=self._work, args=(act, depot, work), daemon=True)
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
            thread.start()
        thread.join(_SOON)

    @contextlib.contextmanager
    def noted(self, act: str, depot: str) -> Iterator[None]:
        """Show *act* as under way for as long as the block runs."""
        with self._lock:
            self._running.add((act, depot))
        try:
            yield
        finally:
            with self._lock:
                self._running.discard((act, depot))

    def running(self) -> set[tuple[str, str]]:
        """Every act that is under way, with its depot."""
        with self._lock:
            return set(self._running)

    def ended(self, act: str, depot: str = "") -> Ended | None:
        """How the last such chore ended; None where none has since the server was started."""
        with self._lock:
            return self._ended.get((act, depot))

    def last(self, depot: str) -> Ended | None:
        """How the last chore on a depot ended, whichever it was."""
        with self._lock:
            found = [ended for (_, name), ended in self._ended.items() if name == depot]
        return max(found, key=lambda ended: ended.at, default=None)

    def stop(self) -> None:
        """Return when no chore is under way any more: each ends at its next object."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _work(self, act: str, depot: str, work: Callable[[Callable[[], bool]], object]) -> None:
        result = outcome_of(lambda: work(self._stopped.is_set), f"{act} of {depot}")
        with self._lock:
            self._ended[act, depot] = Ended(at=datetime.now(UTC), result=result)
            self._running.discard((act, depot))


def outcome_of(work: Callable[[], object], name: str) -> object:
    """What *work* returns, or the PleuraError that it ends with: on a thread nobody else would hear of it.

    A fault that is none of ours is logged by its type and place alone, as its words may hold what no log may.
    """
    try:
        return work()
    except PleuraError as fault:
        return fault
    except Exception as bug:  # noqa: BLE001 - see above
        at = traceback.extract_tb(bug.__traceback__)[-1]
        _log.error("%s: %s in %s, line %s", name, type(bug).__name__, at.filename, at.lineno)
        return EnvironmentFault(
            "inside", "something went wrong inside pleura", "try again; if it stays so, report it"
        )
