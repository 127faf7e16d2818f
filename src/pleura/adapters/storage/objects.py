"""Sealed objects as plain files in one folder: create-only, streamed and durable.

Why not a storage library: docs/decisions/0002-objects-on-local-disk.md.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from pleura.adapters.storage.durable import cause, disk_faults, give_name, sync_folder
from pleura.domain.errors import BadInput, EnvironmentFault, NotFound

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_READ_AHEAD: Final = 256 << 10

# Path parts cannot start with a dot: `..` is no name, and an unfinished file has none.
_PART: Final = re.compile(r"[a-z0-9-]{1,64}")
_NAME: Final = re.compile(r"[a-z0-9-]{1,64}(/[a-z0-9-]{1,64}){0,3}")
_UNFINISHED: Final = re.compile(r"\.[0-9a-f]{16}")


class FolderObjects:
    """Objects below *root*; names are one to four parts of ``a-z``, ``0-9`` and ``-``, joined by ``/``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, pieces: Iterable[bytes | memoryview]) -> int:
        """The number of bytes stored durably under *name*, in the order of *pieces*.

        Memory holds one piece at a time. The name appears only when every byte is on the disk, so a
        crash, or *pieces* raising, leaves nothing under it. Raises BadInput for a name that is taken
        or malformed, EnvironmentFault when the disk is full, read-only or failing.
        """
        path = self._path(name)
        with disk_faults(self._root):
            self._make_folder(path.parent)
        unfinished = path.parent / f".{secrets.token_hex(8)}"
        try:
            size = _write(unfinished, pieces)
            with disk_faults(self._root):
                _publish(unfinished, path)
        finally:
            # A leftover is hidden and harmless; failing to remove it must not hide why there is one.
            with contextlib.suppress(OSError):
                unfinished.unlink()
        return size

    def open(self, name: str) -> BinaryIO:
        """A seekable stream of the object; raises NotFound, EnvironmentFault."""
        path = self._path(name)
        try:
            return io.BufferedReader(_File(path), _READ_AHEAD)
        except FileNotFoundError as error:
            if not self._root.is_dir():
                raise _absent(self._root) from error
            raise _unknown(name) from error
        except OSError as error:
            raise EnvironmentFault(
                "object-unreadable",
                "the stored object {name} cannot be read: {cause}",
                "give this user read permission in the home and check the disk",
                name=name,
                cause=cause(error),
            ) from error

    def names(self, beginning: str = "") -> Iterator[str]:
        """The name of every stored object, or of those in the folder *beginning*; unfinished ones have none.

        Raises EnvironmentFault, also where the root itself is not there.
        """
        with disk_faults(self._root):
            if not self._root.is_dir():
                raise _absent(self._root)
            for path in self._files(beginning):
                if not path.name.startswith("."):
                    yield path.relative_to(self._root).as_posix()

    def delete(self, name: str) -> None:
        """Remove the object durably, and its folder when that is empty; an unknown name is no error."""
        path = self._path(name)
        with disk_faults(self._root):
            path.unlink(missing_ok=True)
            folder = path.parent
            if not folder.is_dir():
                return
            sync_folder(folder)
            if folder != self._root and not any(folder.iterdir()):
                folder.rmdir()
                sync_folder(folder.parent)

    def stored_at(self, name: str) -> datetime:
        """When the object was stored, by the clock of its disk; raises NotFound, EnvironmentFault."""
        path = self._path(name)
        with disk_faults(self._root):
            try:
                return datetime.fromtimestamp(path.stat().st_mtime, UTC)
            except FileNotFoundError as error:
                raise _unknown(name) from error

    def sweep(self, beginning: str, before: datetime) -> int:
        """The number of files of killed writes below *beginning*, last written before then, now removed."""
        swept = 0
        with disk_faults(self._root):
            for path in list(self._files(beginning)):
                ours = _UNFINISHED.fullmatch(path.name)
                if ours and path.stat().st_mtime < before.timestamp():
                    path.unlink(missing_ok=True)
                    swept += 1
        return swept

    def replace(self, name: str, sound: str) -> None:
        """Let the object *sound*, in the same folder, have *name*; a damaged one of that name is set aside.

        The bytes of the damaged one stay in a hidden file until the doctor's repair.
        """
        path, other = self._path(name), self._path(sound)
        with disk_faults(self._root):
            if path.exists():
                path.rename(path.parent / f".damaged-{secrets.token_hex(8)}")
            _publish(other, path)

    def unfinished(self) -> list[Path]:
        """Files without a name: what a crash left was never answered as stored, what is damaged is no use."""
        with disk_faults(self._root):
            return [path for path in _files(self._root) if path.name.startswith(".")]

    def _files(self, beginning: str) -> Iterator[Path]:
        folder = self._root / beginning
        if folder.is_dir():
            yield from _files(folder)

    def _path(self, name: str) -> Path:
        return self._root / checked_name(name)

    def _make_folder(self, folder: Path) -> None:
        """Make *folder* and its parents below the root, each entry durable in its own parent."""
        if folder.is_dir():
            return
        if folder != self._root:
            self._make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)


def _files(folder: Path) -> Iterator[Path]:
    """Every file below *folder*; a folder that cannot be read is an error, not an empty one.

    A folder whose name is none of ours is left alone: a disk may hold a `lost+found`.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if _PART.fullmatch(entry.name):
                    yield from _files(Path(entry.path))
            else:
                yield Path(entry.path)


def _unknown(name: str) -> NotFound:
    return NotFound(
        "object-unknown",
        "there is no stored object {name}",
        "restore it from a replica or a backup",
        name=name,
    )


def _absent(root: Path) -> EnvironmentFault:
    return EnvironmentFault(
        "folder-missing",
        "the folder {folder} is not there",
        "mount the disk that holds it, or make the path right",
        folder=str(root),
    )


def checked_name(name: str) -> str:
    """*name*; raises BadInput where it is malformed."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            "bad-object-name",
            "an object name is one to four parts of a-z, 0-9 and -, joined by /",
            "report this: pleura itself makes these names",
        )
    return name


class _File(io.FileIO):
    """A file whose reads say what the disk says in our words."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self._folder = path.parent

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        """The number of bytes read, 0 at the end; raises EnvironmentFault."""
        with disk_faults(self._folder):
            return super().readinto(buffer)


def _write(path: Path, pieces: Iterable[bytes | memoryview]) -> int:
    """The number of bytes written to the new file *path* and flushed to the disk."""
    home = path.parent
    with disk_faults(home):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    size = 0
    with os.fdopen(descriptor, "wb", buffering=0) as stream:
        # What *pieces* raises is not a fault of this disk, so it stays outside `disk_faults`.
        for piece in pieces:
            with disk_faults(home):
                _write_all(stream.fileno(), piece)
            size += len(piece)
        with disk_faults(home):
            os.fsync(stream.fileno())
    return size


def _write_all(descriptor: int, piece: bytes | memoryview) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _publish(unfinished: Path, path: Path) -> None:
    """Give the finished file its name, durably."""
    try:
        give_name(unfinished, path)
    except FileExistsError as error:
        raise BadInput(
            "object-exists",
            "there is a stored object of that name already, and objects are never replaced",
            "report this: pleura itself makes these names",
        ) from error
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOSYS}:
            raise
        raise EnvironmentFault(
            "disk-unsuited",
            "the file system of {home} knows no hard links and no renaming that replaces nothing",
            "use a disk with ext4, xfs, btrfs, NTFS or exFAT",
            home=str(path.parent),
        ) from error
    sync_folder(path.parent)
