"""Files and folders that are on the disk when a call returns, and what a disk says in our words."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pleura.domain.errors import EnvironmentFault

_AT_FDCWD: Final = -100
_RENAME_NOREPLACE: Final = 1  # renameat2(2)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNWRITABLE: Final = frozenset(
    {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}
)
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK})


def sync_folder(folder: Path) -> None:
    """Make the entries of *folder* durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, content: bytes) -> None:
    """Make the private file *path* with *content*, durable; raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
    sync_folder(path.parent)


def give_name(unfinished: Path, path: Path) -> None:
    """Let the finished file be called *path*, which is never replaced; raises FileExistsError, OSError.

    A hard link refuses a name that is taken (link(2)). exFAT, FAT and many shares know no links: there the
    file is renamed under the same condition (renameat2(2)). Whoever calls makes the folder durable.
    """
    try:
        path.hardlink_to(unfinished)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _rename_new(unfinished, path)
    else:
        unfinished.unlink()


def _rename_new(unfinished: Path, path: Path) -> None:
    """Rename to a name that is free; raises OSError with EINVAL where the file system cannot promise it."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    names = os.fsencode(unfinished), os.fsencode(path)
    if library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_NOREPLACE):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))  # the subclass of OSError that fits the code


def replace_file(path: Path, content: bytes) -> None:
    """Put *content* in place of the file *path*: after a crash it is the old one or the new one, whole.

    The bytes of the old file are overwritten with zeros once the new one is durable. A file system
    that copies on write, or a flash disk, may keep them all the same. Raises OSError where the old file
    is still there, and EnvironmentFault where the new one is and the disk does not promise to keep it.
    """
    unfinished = path.with_name(f".{secrets.token_hex(8)}")
    with path.open("r+b", buffering=0) as old:  # a buffer would try once more when it is closed
        try:
            write_new(unfinished, content)
            unfinished.replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                unfinished.unlink()
        try:
            sync_folder(path.parent)
            old.write(bytes(os.fstat(old.fileno()).st_size))
            os.fsync(old.fileno())
        except OSError as error:
            raise _unsettled(error, path) from error


def _unsettled(error: OSError, path: Path) -> EnvironmentFault:
    return EnvironmentFault(
        "change-unsettled",
        "the change is made, but the disk reports a fault ({cause}): after a power cut {file} may be the one "
        "before, and its bytes may still be on the disk",
        "check the disk and the system log, keep the passphrase and sheet from before, and run it again",
        cause=cause(error),
        file=str(path),
    )


@contextlib.contextmanager
def disk_faults(folder: Path) -> Iterator[None]:
    """A block whose OSErrors come out as the EnvironmentFault of `disk_fault`."""
    try:
        yield
    except OSError as error:
        raise disk_fault(error, folder) from error


def disk_fault(error: OSError, folder: Path) -> EnvironmentFault:
    """What *error* means for whoever stores something in the home or depot *folder*."""
    if error.errno in _FULL:
        return EnvironmentFault(
            "disk-full",
            "the disk that holds {home} is full",
            "free some space there and run the command again; nothing half-written is listed",
            home=str(folder),
        )
    if error.errno in _UNWRITABLE:
        return EnvironmentFault(
            "home-read-only",
            "the home {home} cannot be written",
            "give this user write permission there, or choose another PLEURA_HOME",
            home=str(folder),
        )
    return EnvironmentFault(
        "disk-failing",
        "the disk that holds {home} reports a fault: {cause}",
        "check the disk and the system log before anything else is stored",
        home=str(folder),
        cause=cause(error),
    )


def cause(error: OSError) -> str:
    """The name of the fault, such as EIO: the system's own words come in its own language."""
    return errno.errorcode.get(error.errno or 0, "?")
