"""Files and folders that are on the disk when a call returns."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


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


def replace_file(path: Path, content: bytes) -> None:
    """Put *content* in place of the file *path*: after a crash it is the old one or the new one, whole.

    The bytes of the old file are overwritten with zeros once the new one is durable. A file system
    that copies on write, or a flash disk, may keep them all the same.
    """
    unfinished = path.with_name(f".{secrets.token_hex(8)}")
    with path.open("r+b") as old:
        try:
            write_new(unfinished, content)
            unfinished.replace(path)
            sync_folder(path.parent)
        finally:
            with contextlib.suppress(FileNotFoundError):
                unfinished.unlink()
        old.write(bytes(os.fstat(old.fileno()).st_size))
        old.flush()
        os.fsync(old.fileno())
