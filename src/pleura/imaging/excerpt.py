"""The part of an original that may leave for an image search: little, coarse, and without its edges."""

from __future__ import annotations

from typing import Final

import cv2

from pleura.imaging.rasters import encode_jpeg, to_raster
from pleura.imaging.work import Grey

_MIDDLE: Final = 0.6
"""Of each side: names and dates are burned in near the edges."""

_SIDE: Final = 256
_BLUR: Final = 0.8
_QUALITY: Final = 50


def excerpt(grey: Grey) -> bytes:
    """A JPEG file of the middle of *grey* (rows, columns), 256 pixels on its longer side, blurred.

    Enough to be found again, too little to diagnose from. It is made from the original and carries no mark
    and no metadata.
    """
    rows, columns = grey.shape
    top, left = round(rows * (1 - _MIDDLE) / 2), round(columns * (1 - _MIDDLE) / 2)
    middle = grey[top : rows - top, left : columns - left]
    scale = min(1.0, _SIDE / max(middle.shape))
    size = (max(1, round(middle.shape[1] * scale)), max(1, round(middle.shape[0] * scale)))
    coarse = cv2.GaussianBlur(cv2.resize(middle, size, interpolation=cv2.INTER_AREA), (0, 0), _BLUR)
    return encode_jpeg(to_raster(coarse), _QUALITY)
