"""Bugs that a writer to disk may have, each planted in this process; the model must catch every one.

They are here so that the model cannot be blind: a check that never fails shows nothing.
"""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from pleura.adapters.database import engine
from pleura.adapters.storage import objects
from pleura.adapters.storage.objects import FolderObjects
from pleura.prevent.arrivals import Arrival, Arrivals

_FSYNC: Final = os.fsync


def no_file_sync() -> None:
    """Objects get their name before their bytes are durable."""
    os.fsync = _sync_folders_only


def no_folder_sync() -> None:
    """Objects are answered as stored before their names are durable."""
    objects.sync_folder = _sync_nothing


def row_before_object() -> None:
    """The catalogue lists an image before its objects are there."""
    late: list[Callable[[], int]] = []
    put, receive = FolderObjects.put, Arrivals.receive

    def put_later(self: FolderObjects, name: str, pieces: Iterable[bytes | memoryview]) -> int:
        content = b"".join(bytes(piece) for piece in pieces)
        late.append(functools.partial(put, self, name, [content]))
        return len(content)

    def receive_then_put(self: Arrivals, path: Path, *, actor: str) -> Arrival:
        arrival = receive(self, path, actor=actor)
        while late:
            late.pop(0)()
        return arrival

    FolderObjects.put = put_later  # type: ignore[method-assign]
    Arrivals.receive = receive_then_put  # type: ignore[method-assign,assignment]


def lazy_database() -> None:
    """A commit is answered before the write-ahead log is durable."""
    engine._PRAGMAS = tuple(  # type: ignore[misc]
        pragma.replace("synchronous = FULL", "synchronous = NORMAL") for pragma in engine._PRAGMAS
    )


def name_before_bytes() -> None:
    """An object has its name while it is written."""

    def put(self: FolderObjects, name: str, pieces: Iterable[bytes | memoryview]) -> int:
        path = self._path(name)
        self._make_folder(path.parent)
        size = objects._write(path, pieces)
        objects.sync_folder(path.parent)
        return size

    FolderObjects.put = put  # type: ignore[method-assign]


BUGS: Final = {
    "no file fsync": no_file_sync,
    "no folder fsync": no_folder_sync,
    "row before object": row_before_object,
    "synchronous = NORMAL": lazy_database,
    "name before bytes": name_before_bytes,
}


def _sync_folders_only(descriptor: int) -> None:
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        _FSYNC(descriptor)


def _sync_nothing(_folder: Path) -> None:
    pass
