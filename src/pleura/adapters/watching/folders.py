"""Folders on this machine that are watched: what a download, a phone or a colleague puts there."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pleura.adapters.watching.protocol import file_name, plain
from pleura.domain.watching.gathering import Claim, Found, FoundPage, FoundPicture, Known, Picture, Trouble

MOST_FILES: Final = 20_000
_MOST_BYTES: Final = 256 << 20


def films_in(top: Path, folder: Path, claim: Callable[[str], Claim]) -> Iterator[Found]:
    """Every regular file at *top* and below, copied into *folder* where it is new or has changed.

    Links are not followed: they may lead anywhere. A file is known by its path, size and time of change.
    """
    if not top.is_dir():
        yield Trouble(url=f"file:{top}", code="folder-missing")
        return
    number = 0
    for place, folders, names in os.walk(top):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            if name.startswith("."):
                continue
            number += 1
            if number > MOST_FILES:
                yield Trouble(url=f"file:{top}", code="too-many-files")
                return
            yield from _file(Path(place, name), folder / file_name(number), claim)


def _file(path: Path, copied: Path, claim: Callable[[str], Claim]) -> Iterator[Found]:
    url = f"file:{plain(str(path))}"
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return
        if status.st_size > _MOST_BYTES:
            yield Trouble(url=url, code="too-large")
            return
        answer = claim(url)
        if not answer.may_fetch and answer.known is None:
            return
        yield FoundPage(url="", known=Known(pictures=(Picture(url=url),)))
        etag = f"{status.st_size}-{status.st_mtime_ns}"
        if answer.known is not None and answer.known.etag == etag:
            yield FoundPicture(url=url, file=None, is_same=True)
            return
        shutil.copyfile(path, copied, follow_symlinks=False)
        yield FoundPicture(url=url, file=copied, etag=etag)
    except OSError:
        yield Trouble(url=url, code="file-unreadable")
