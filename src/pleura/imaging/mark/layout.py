"""Where the chips of a mark lie and how strongly each place may carry them."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.imaging.work import Grey

MARK_VERSION: Final = 1

LAYERS: Final = ((256, 0.75), (72, 0.25))
"""Cells on the long side and share of the power: fine cells carry, coarse cells survive strong blur."""

STREAM_BYTES: Final = sum(side * side for side, _ in LAYERS) // 8
"""Keyed bytes that one mark needs, whatever the size of the picture."""

Chips = tuple[NDArray[np.float32], ...]
Floats = NDArray[np.float32]


def cell_grid(shape: tuple[int, int], side: int) -> tuple[int, int]:
    """Rows and columns of cells over a picture of *shape*, *side* of them on its long side."""
    long = max(shape)
    return max(1, round(side * shape[0] / long)), max(1, round(side * shape[1] / long))


def chips(stream: bytes, shape: tuple[int, int]) -> Chips:
    """The signs of both layers, float32 of +1 and -1, over a picture of *shape*.

    Layer after layer, the square of side x side bits is filled row by row, most significant bit
    first, and cut to the cells that the picture has; a set bit is +1.
    """
    if len(stream) != STREAM_BYTES:
        raise ValueError(f"a mark takes {STREAM_BYTES} bytes, {len(stream)} given")
    bits = np.unpackbits(np.frombuffer(stream, dtype=np.uint8))
    layers, start = [], 0
    for side, _ in LAYERS:
        rows, columns = cell_grid(shape, side)
        square = bits[start : start + side * side].reshape(side, side)
        layers.append(square[:rows, :columns].astype(np.float32) * 2 - 1)
        start += side * side
    return tuple(layers)


def pattern(signs: Chips, size: tuple[int, int]) -> Floats:
    """The signs as one smooth picture of *size* (rows, columns): zero mean power 1 before the mask."""
    total = np.zeros(size, dtype=np.float32)
    for layer, (_, share) in zip(signs, LAYERS, strict=True):
        smooth = cv2.resize(layer, size[::-1], interpolation=cv2.INTER_CUBIC)
        total += smooth * np.float32(np.sqrt(share) / max(float(smooth.std()), 1e-6))
    return total


def mask(work: Grey) -> Floats:
    """How strongly each place of the *work* image may be changed, 0.6 to 1.8, and 0 where it would show.

    Texture hides a change (its local standard deviation over 4 pixels); flat black and saturated
    white do not, and carry nothing.
    """
    grey = work.astype(np.float32)
    mean = cv2.GaussianBlur(grey, (0, 0), 4)
    variance = cv2.GaussianBlur(grey * grey, (0, 0), 4) - mean * mean
    texture = np.clip(0.6 + np.sqrt(np.maximum(variance, 0)) / 12, 0.6, 1.8)
    tone = np.clip((mean - 4) / 24, 0, 1) * np.clip((251 - mean) / 12, 0, 1)
    return np.asarray(texture * tone, dtype=np.float32)
