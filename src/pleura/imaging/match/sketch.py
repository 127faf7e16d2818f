"""The sketch of an original: all that a trace needs, so that the original stays sealed."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.domain.errors import BadInput
from pleura.imaging.match.features import FEATURES_BYTES, ORIGINAL_FEATURES, Features, features
from pleura.imaging.work import WORK_SIDE, Grey, to_work

_SIZE: Final = struct.Struct("<II")


@dataclass(frozen=True, kw_only=True)
class Work:
    """The work image of an original and the size of the original itself."""

    grey: Grey
    rows: int
    columns: int

    def to_bytes(self) -> bytes:
        """Rows and columns (little endian), then the work image as PNG."""
        png = cv2.imencode(".png", self.grey)[1].tobytes()
        return _SIZE.pack(self.rows, self.columns) + png

    @staticmethod
    def from_bytes(data: bytes) -> Work:
        """The work image of a byte form; raises BadInput."""
        grey = None
        if len(data) > _SIZE.size:
            png = np.frombuffer(data, dtype=np.uint8, offset=_SIZE.size)
            grey = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)
        if grey is None or max(grey.shape) > WORK_SIDE:
            raise BadInput("bad-sketch", "the sketch of an image is damaged", "import the image again")
        rows, columns = _SIZE.unpack_from(data)
        return Work(grey=np.asarray(grey, dtype=np.uint8), rows=rows, columns=columns)


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """Features, to be found by, and work image, to be laid over."""

    features: Features
    work: Work

    def to_bytes(self) -> bytes:
        """The features (``FEATURES_BYTES``), then the work image."""
        return self.features.to_bytes() + self.work.to_bytes()


def make_sketch(display: NDArray[Any]) -> Sketch:
    """The sketch of an original's 8-bit display, grey or RGB."""
    grey = to_work(display)
    rows, columns = display.shape[:2]
    return Sketch(
        features=features(grey, ORIGINAL_FEATURES), work=Work(grey=grey, rows=rows, columns=columns)
    )


__all__ = ["FEATURES_BYTES", "Sketch", "Work", "make_sketch"]
