"""Pixels on their way between rooms: plain bytes with a shape, so that no room but imaging needs numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pleura.domain.images import ImageFacts


@dataclass(frozen=True, kw_only=True)
class Raster:
    """A rectangle of pixels, row by row, little endian, samples interleaved."""

    rows: int
    columns: int
    samples: Literal[1, 3]
    bits: Literal[8, 16]
    signed: bool
    data: bytes

    def __post_init__(self) -> None:
        expected = self.rows * self.columns * self.samples * (self.bits // 8)
        if expected != len(self.data):
            raise ValueError(f"{len(self.data)} bytes given for a raster of {expected}")


@dataclass(frozen=True, kw_only=True)
class StoredPixels:
    """Stored values of one frame and how the default display maps them to grey."""

    raster: Raster
    bits_stored: int
    black: float
    """The stored value shown as black in the default window; above ``white`` for MONOCHROME1."""
    white: float
    """The stored value shown as white in the default window."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """One received file as a disposable worker read it."""

    facts: ImageFacts
    instance: bytes | None
    """The DICOM instance made from a picture; None where the file is one already."""
