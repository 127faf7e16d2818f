"""A zip archive unpacked within bounds, by a process that can write below one folder descriptor only."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import BinaryIO, Final

from pleura.imaging.dicom.refusals import refuse

MAX_FILES: Final = 10_000
MAX_TOTAL: Final = 8 << 30
"""Bytes of all files unpacked from one archive."""
MAX_RATIO: Final = 200
"""Unpacked bytes per byte of the archive; radiographs reach about 3, a bomb 1,000."""
RATIO_FREE: Final = 64 << 20
"""Unpacked bytes that no ratio is asked of."""

_PIECE: Final = 1 << 20
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


def unzip(archive: BinaryIO, folder: int, file_bytes: int) -> int:
    """The number of files written below the folder descriptor as ``000001``, ``000002``, ...

    Names of the archive are checked and then not used. A zip inside is written as the file it is.
    Raises BadInput where the archive is damaged, locked, a bomb, or names a link or a path outside.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            _check(members)
            packed = archive.seek(0, os.SEEK_END)
            left = min(MAX_TOTAL, max(RATIO_FREE, MAX_RATIO * packed))
            for number, member in enumerate(members, 1):
                left -= _write(opened, member, f"{number:06d}", folder, min(left, file_bytes))
            return len(members)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OverflowError):
        raise refuse("zip-malformed") from None


def _check(members: list[zipfile.ZipInfo]) -> None:
    """Check the directory of the archive before a byte is unpacked."""
    if len(members) > MAX_FILES:
        raise refuse("zip-too-many-files", limit=MAX_FILES)
    if sum(member.file_size for member in members) > MAX_TOTAL:
        raise refuse("zip-bomb")
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if member.flag_bits & 0x1:
            raise refuse("zip-encrypted")
        if name.is_absolute() or ".." in name.parts or stat.S_ISLNK(member.external_attr >> 16):
            raise refuse("zip-unsafe-name")
        if member.compress_type not in _METHODS:
            raise refuse("zip-malformed")
    _check_overlap(members)


def _check_overlap(members: list[zipfile.ZipInfo]) -> None:
    """Refuse members that share packed bytes, the trick of the non-recursive zip bomb."""
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            raise refuse("zip-bomb")
        end = member.header_offset + 30 + len(member.orig_filename.encode()) + member.compress_size


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, folder: int, limit: int) -> int:
    """The bytes of one member written to *name*; the sizes stated in the archive are not believed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    written = 0
    with (
        opened.open(member) as source,
        os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb") as target,
    ):
        while piece := source.read(_PIECE):
            written += len(piece)
            if written > limit:
                raise refuse("zip-bomb")
            target.write(piece)
    return written
