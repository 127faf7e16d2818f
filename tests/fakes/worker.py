"""A `PictureWorker` that runs the functions of the disposable process in this one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pleura.adapters.disposable.unzip import unzip
from pleura.domain.images import UNDESCRIBED, Description
from pleura.domain.rasters import Raster, Received, StoredPixels
from pleura.imaging.dicom import windows, writing


class InProcessWorker:
    """Quick and without isolation: for unit tests of what stands on the port."""

    @contextmanager
    def opened(self, path: Path) -> Iterator[BinaryIO]:
        with path.open("rb") as stream:
            yield stream

    def receive(self, source: BinaryIO, about: Description = UNDESCRIBED) -> Received:
        return writing.receive(_content(source), about)

    def unpack(self, archive: Path, folder: Path) -> Sequence[Path]:
        target = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with archive.open("rb") as stream:
                count = unzip(stream, target, 1 << 30)
        finally:
            os.close(target)
        return [folder / f"{number:06d}" for number in range(1, count + 1)]

    def display(self, original: bytes) -> Raster:
        return windows.display(original)

    def stored(self, original: bytes) -> StoredPixels:
        return windows.stored(original)

    def derive(self, original: bytes, pixels: Raster, sop_instance_uid: str, derivation: str) -> bytes:
        return writing.derive(original, pixels, sop_instance_uid, derivation)

    def suspect(self, source: BinaryIO) -> Raster:
        return writing.suspect(_content(source))


def _content(source: BinaryIO) -> bytes:
    source.seek(0)
    return source.read()
