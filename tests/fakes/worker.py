"""A `PictureWorker` that runs the functions of the disposable process in this one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pleura.adapters.disposable.unzip import unzip
from pleura.domain.images import UNDESCRIBED, Description
from pleura.domain.rasters import Raster, Received, StoredPixels
from pleura.imaging.dicom import windows, writing


class InProcessWorker:
    """Quick and without isolation: for unit tests of what stands on the port."""

    def receive(self, path: Path, about: Description = UNDESCRIBED) -> Received:
        return writing.receive(path.read_bytes(), about)

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

    def suspect(self, path: Path) -> Raster:
        return writing.suspect(path.read_bytes())
