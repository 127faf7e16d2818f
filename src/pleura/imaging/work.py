"""The work grid: the scale at which marks are laid out and pictures are compared."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

WORK_SIDE: Final = 1024
"""Long side of the work grid in pixels; a smaller picture keeps its own size."""

Grey = NDArray[np.uint8]


def luma(picture: NDArray[Any]) -> NDArray[Any]:
    """The grey picture of a grey or RGB one (ITU-R BT.601 weights for RGB)."""
    return picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def shrunk(picture: NDArray[Any], side: int) -> NDArray[Any]:
    """*picture* with its long side at most *side* pixels, averaged over areas; never enlarged."""
    scale = side / max(picture.shape[:2])
    if scale >= 1:
        return picture
    rows, columns = (max(1, round(length * scale)) for length in picture.shape[:2])
    return cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)


def to_work(picture: NDArray[Any]) -> Grey:
    """The 8-bit picture, grey or RGB, on its work grid."""
    return np.ascontiguousarray(shrunk(luma(picture), WORK_SIDE), dtype=np.uint8)
