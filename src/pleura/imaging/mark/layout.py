"""Where the chips of a mark lie and how strongly each place may carry them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.imaging.mark.polar import WORD_BITS, encode
from pleura.imaging.work import Grey

MARK_VERSION: Final = 2

LAYERS: Final = ((256, 0.75), (72, 0.25))
"""Cells on the long side and share of the power: fine cells carry, coarse cells survive strong blur."""

_CELLS: Final = sum(side * side for side, _ in LAYERS)

STREAM_BYTES: Final = _CELLS // 8
"""Secret bytes of one copy: a sign for every cell, whatever the size of the picture."""

PLAN_BYTES: Final = _CELLS * 4
"""Secret bytes of one image: they say which cells carry the payload, and how."""

Chips = tuple[NDArray[np.float32], ...]
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class PlanLayer:
    """How the cells of one layer are shared out."""

    own: NDArray[np.bool_]
    """(rows, columns): the cells whose signs are the copy's own."""
    payload: NDArray[np.int64]
    """Flat index of every other cell."""
    bit: NDArray[np.int64]
    """Of those cells: which bit of the payload's code word they carry."""
    pad: NDArray[np.float32]
    """Of those cells: the sign that whitens them, +1 or -1."""


Plan = tuple[PlanLayer, ...]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What goes into one copy."""

    own: bytes
    """``STREAM_BYTES`` of the copy."""
    plan: bytes
    """``PLAN_BYTES`` of the image."""
    payload: bytes
    """``PAYLOAD_BYTES`` that can be read without the copy record."""

    def chips(self, shape: tuple[int, int]) -> Chips:
        """The signs of both layers over a picture of *shape*, float32 of +1 and -1."""
        signs = chips(self.own, shape)
        word = 1 - 2 * encode(self.payload).astype(np.float32)
        for layer, part in zip(signs, plan(self.plan, shape), strict=True):
            layer.ravel()[part.payload] = word[part.bit] * part.pad
        return signs


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


def plan(stream: bytes, shape: tuple[int, int]) -> Plan:
    """How the cells of a picture of *shape* are shared out between copy and payload.

    Layer after layer, the square of side x side big-endian words is filled row by row and cut to the
    cells that the picture has. Ordered by their words, the first half of the cells carry the payload,
    the k-th of them bit k mod 1024 of its code word; the lowest bit of a word is the sign of its pad.
    """
    if len(stream) != PLAN_BYTES:
        raise ValueError(f"a plan takes {PLAN_BYTES} bytes, {len(stream)} given")
    words, layers, start = np.frombuffer(stream, dtype=">u4"), [], 0
    for side, _ in LAYERS:
        rows, columns = cell_grid(shape, side)
        square = words[start : start + side * side].reshape(side, side)[:rows, :columns].ravel()
        payload = np.argsort(square, kind="stable")[: square.size // 2]
        own = np.ones(square.size, dtype=np.bool_)
        own[payload] = False
        layers.append(
            PlanLayer(
                own=own.reshape(rows, columns),
                payload=payload,
                bit=np.arange(payload.size) % WORD_BITS,
                pad=(square[payload] & 1).astype(np.float32) * 2 - 1,
            )
        )
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
