"""Soft shapes on a grid: the pencil with which the anatomy is drawn.

Lengths are in units of half the picture's shorter side; x is 0 in the middle and grows to the
right, y is 0 at the upper edge and grows downwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Map: TypeAlias = NDArray[np.float32]
Points: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """The grid on which maps are drawn."""

    rows: int
    columns: int

    @property
    def unit(self) -> float:
        """Pixels per unit of length."""
        return min(self.rows, self.columns) / 2

    def axes(self) -> tuple[Map, Map]:
        """Give back x as one row and y as one column, in units."""
        x = (np.arange(self.columns, dtype=np.float32) + 0.5) / np.float32(self.unit) - np.float32(
            self.columns / 2 / self.unit
        )
        y = (np.arange(self.rows, dtype=np.float32) + 0.5) / np.float32(self.unit)
        return x[None, :], y[:, None]

    def blank(self) -> NDArray[np.uint8]:
        """Give back an empty drawing."""
        return np.zeros((self.rows, self.columns), dtype=np.uint8)

    def place(self, points: ArrayLike) -> NDArray[np.int32]:
        """Give back points in units as pixels with four fractional bits, as OpenCV draws them."""
        middle = np.array([self.columns / 2, 0.0])
        place = np.asarray(points, dtype=np.float64) * self.unit + middle - 0.5
        return np.asarray(np.rint(place * 16), dtype=np.int32)

    def fill(self, drawing: NDArray[np.uint8], outline: ArrayLike, value: int) -> None:
        """Fill an outline (n x 2, units) in the drawing."""
        cv2.fillPoly(drawing, [self.place(outline)], value, cv2.LINE_AA, 4)

    def stroke(self, drawing: NDArray[np.uint8], line: ArrayLike, value: int, width: float) -> None:
        """Draw an open line (n x 2, units) with the width in units."""
        pixels = max(1, round(width * self.unit))
        cv2.polylines(
            drawing, [self.place(line)], isClosed=False, color=value, thickness=pixels, lineType=16, shift=4
        )

    def soft(self, drawing: NDArray[np.uint8], blur: float) -> Map:
        """Give back the drawing as 0..1, blurred by the standard deviation in units."""
        sigma = max(0.4, blur * self.unit)
        return blurred(drawing.astype(np.float32) / np.float32(255), sigma)

    def depth(self, drawing: NDArray[np.uint8], radius: float) -> Map:
        """Give back how deep a round body with this outline is: 0 at its edge, 1 from the radius inwards."""
        small = cv2.resize(drawing, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        padded = cv2.copyMakeBorder(small, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        away = cv2.distanceTransform((padded > 127).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
        share = 1 - np.minimum(away * np.float32(2 / (radius * self.unit)), 1)
        round_body = np.sqrt(1 - share * share).astype(np.float32)
        size = self.columns, self.rows
        return blurred(np.asarray(cv2.resize(round_body, size, interpolation=cv2.INTER_CUBIC)), 2.5)


def blurred(image: Map, sigma: float) -> Map:
    """Give back a Gaussian blur; wide ones are made on a smaller grid."""
    if sigma <= 6:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.float32)
    small = cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 4)
    size = image.shape[1], image.shape[0]
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def curve(points: ArrayLike, *, closed: bool = False, steps: int = 14) -> Points:
    """Give back a Catmull-Rom curve through the points (n x 2)."""
    knots = np.asarray(points, dtype=np.float64)
    ends = (knots[-1:], knots[:2]) if closed else (2 * knots[:1] - knots[1:2], 2 * knots[-1:] - knots[-2:-1])
    p = np.concatenate([ends[0], knots, ends[1]])
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None, :] for i in range(4))
    path = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return path.reshape(-1, 2) if closed else np.concatenate([path.reshape(-1, 2), knots[-1:]])


def ramp(value: Map, low: float, high: float) -> Map:
    """Give back a smooth step from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)
