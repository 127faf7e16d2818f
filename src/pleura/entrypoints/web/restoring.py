"""A restore in the browser: the snapshots that the code opens, then one of them on its way back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pleura.bootstrap import Restored, Source, openable_snapshots, restore_house
from pleura.domain.custody.places import Place
from pleura.domain.errors import PleuraError, Refused
from pleura.entrypoints.web.chores import outcome_of
from pleura.prevent.depots.filling import refuse_stopped
from pleura.prevent.depots.snapshot import Head
from pleura.settings import Settings

_SOON: Final = 1.5
"""Seconds that the page waits for a restore that may be over at once."""
_STOP_SECONDS: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """A place whose snapshots the recovery code opens; the code stays in memory until the restore is over."""

    place: Place
    code: bytes
    snapshots: list[Head]
    """Newest first."""


class Restoring:
    """The one restore that may be under way while there is no home."""

    def __init__(self, settings: Settings, opened: Callable[[str], None]) -> None:
        """*opened* opens the house that came back, by its passphrase."""
        self.found: Found | None = None
        self.restored: Restored | None = None
        self.fault: PleuraError | None = None
        """What ended the last try."""
        self.head: Head | None = None
        """The snapshot on its way."""
        self.objects = 0
        self.size = 0
        self._settings = settings
        self._opened = opened
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    @property
    def is_running(self) -> bool:
        """Whether a home is on its way."""
        return self._thread is not None and self._thread.is_alive()

    def refuse_running(self) -> None:
        """Raise Refused while a home is on its way."""
        if self.is_running:
            raise Refused(
                "restore-running",
                "a restore is under way",
                "let it finish; the page in the browser that began it says how far it is",
            )

    def look(self, place: Place, code: bytes) -> None:
        """Remember a place and what the code opens there; raises NotFound, EnvironmentFault, Refused."""
        self.refuse_running()
        snapshots = openable_snapshots(self._settings, place, code)
        self.fault, self.found = None, Found(place=place, code=code, snapshots=snapshots)

    def forget(self) -> None:
        """Forget the place and its code."""
        self.refuse_running()
        self.fault = self.found = None

    def begin(self, snapshot: str, passphrase: str) -> None:
        """Bring a snapshot of the place back; raises Refused where nothing can begin."""
        with self._lock:
            self.refuse_running()
            found = self.found
            head = (
                next((each for each in found.snapshots if each.snapshot == snapshot), None) if found else None
            )
            if found is None or head is None:
                raise Refused("no-snapshot-chosen", "no snapshot was chosen", "choose one from the list")
            self.fault, self.head, self.objects, self.size = None, head, 0, 0
            source = Source(place=found.place, code=found.code, snapshot=snapshot)
            self._thread = threading.Thread(target=self._work, args=(source, passphrase), daemon=True)
            self._thread.start()
        self._thread.join(_SOON)

    def stop(self) -> None:
        """Cut a restore at its next object: another one goes on with what it has brought."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _work(self, source: Source, passphrase: str) -> None:
        result = outcome_of(lambda: self._bring_back(source, passphrase), "restore")
        if isinstance(result, PleuraError):
            self.fault = result

    def _bring_back(self, source: Source, passphrase: str) -> None:
        restored = restore_house(self._settings, source, passphrase, actor="web", advance=self._count)
        self.restored, self.found = restored, None
        refuse_stopped(self._stopped.is_set)
        self._opened(passphrase)

    def _count(self, size: int) -> None:
        refuse_stopped(self._stopped.is_set)
        self.objects += 1
        self.size += size
