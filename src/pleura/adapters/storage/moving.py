"""A whole home moves up: from the folder inside an empty one, where it was built, into that one.

The root file goes last, so that what is there is no home before all of it is. Where the move was killed, the
parts that are still below and those that are up already make the home together.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from pleura.adapters.storage.durable import sync_folder

BUILDING: Final = ".founding-"
"""What the folder of a home under construction begins with, inside the folder that becomes the home."""
ROOT_FILE: Final = "root.json"
DATABASES: Final = ("pleura.db", "database.url")
"""A home has one of them at least."""
OBJECTS: Final = "objects"
RESTORED: Final = "restoring"
"""Which home is being restored: a keyed digest, until it is whole."""
_STAYING: Final = frozenset({"lock", RESTORED})
"""Whoever moves the home holds the lock below, so that nobody else begins to move what is left there."""


def move_up(building: Path, path: Path) -> None:
    """Move everything in *building* into the folder around it, the root file last; raises OSError.

    After a fault that leaves this process alive, everything is where it was.
    """
    # The owner of a mount point may be somebody else; then doctor says that others can read the home.
    with contextlib.suppress(PermissionError):
        path.chmod(0o700)
    names = sorted(_parts(building), key=lambda name: (name == ROOT_FILE, name))
    try:
        for name in names:
            if name == ROOT_FILE:
                sync_folder(path)
            (building / name).rename(path / name)
        sync_folder(path)
    except BaseException:
        _move_down(names, building, path)
        raise


def cut_move(path: Path) -> Path | None:
    """The folder in *path* with the rest of a whole home whose move up was killed; raises OSError."""
    whole = [root.parent for root in path.glob(f"{BUILDING}*/{ROOT_FILE}") if _is_rest(root.parent, path)]
    return whole[0] if len(whole) == 1 else None


def _is_rest(building: Path, path: Path) -> bool:
    """Whether some parts went up already, no name is in both places, and together they are a home."""
    below = _parts(building)
    above = {name for name in (OBJECTS, *DATABASES) if (path / name).exists()}
    in_both = any((path / name).exists() for name in below)
    there = above | below
    return bool(above) and not in_both and OBJECTS in there and not there.isdisjoint(DATABASES)


def _parts(building: Path) -> set[str]:
    return {part.name for part in building.iterdir()} - _STAYING


def _move_down(names: list[str], building: Path, path: Path) -> None:
    """Put back what went up, the root file first; what cannot be put back is found by `cut_move`."""
    with contextlib.suppress(OSError):
        for name in reversed(names):
            if not (building / name).exists():
                (path / name).rename(building / name)
