"""Where the lungs are in a chest radiograph: a simple rule that says so when it does not hold.

It finds the dark, aerated part of both lungs in a frontal film with white bones. It is no segmentation of
the lungs: what lies behind heart and diaphragm, and what is white with disease, is not in it, and it does
not prove that a picture is a chest.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.imaging.work import Grey, luma, shrunk

Mask = NDArray[np.bool_]

_SIDE: Final = 256
"""Pixels of the long side on which lungs are looked for."""

_LEVELS: Final = range(12, 244, 6)
"""Grey levels below which a lung may lie: every film is exposed and processed differently."""

_SHARE: Final = (0.03, 0.25)
"""Of the picture, for one lung."""

_MOST_UNEQUAL: Final = 2.5
_LEAST_SOLID: Final = 0.8  # share of the convex hull
_ROWS: Final = (0.2, 0.75)  # where the middle of a lung lies, as a share of the height
_COLUMNS: Final = (0.12, 0.48)  # of the one on the left of the picture, of the width


def lung_field(shown: NDArray[np.uint8]) -> Mask | None:
    """Where the lungs of a displayed film are, (rows, columns); None where the rule does not hold.

    In each half of the picture it is, of all regions darker than some grey level that have the size, the
    place and the shape of a lung and do not touch the edge, the largest with the sharpest outline; both
    halves must have one, of similar size.
    """
    small = np.ascontiguousarray(shrunk(luma(shown), _SIDE), dtype=np.uint8)
    soft = np.asarray(cv2.GaussianBlur(small, (0, 0), 3), dtype=np.uint8)
    left, right = _lung(soft), _lung(np.ascontiguousarray(soft[:, ::-1]))
    if left is None or right is None:
        return None
    if max(left.sum(), right.sum()) > _MOST_UNEQUAL * min(left.sum(), right.sum()):
        return None
    both = (left | right[:, ::-1]).astype(np.uint8)
    size = (shown.shape[1], shown.shape[0])
    return np.asarray(cv2.resize(both, size, interpolation=cv2.INTER_NEAREST) > 0)


def central_field(shape: tuple[int, ...]) -> Mask:
    """The middle of a picture, half of its height and three quarters of its width: mostly lung in a chest."""
    rows, columns = shape[:2]
    field = np.zeros((rows, columns), dtype=np.bool_)
    field[rows // 4 : max(rows * 3 // 4, 1), columns // 8 : max(columns * 7 // 8, 1)] = True
    return field


def _lung(soft: Grey) -> Mask | None:
    """The region in the left half of the picture that is likeliest a lung, closed over ribs and vessels."""
    slope = np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1))

    def weight(region: Mask) -> float:
        inner = cv2.erode(region.astype(np.uint8), np.ones((3, 3), np.uint8))
        return float(region.sum()) * float(slope[region & (inner == 0)].mean())

    found = max((each for level in _LEVELS for each in _regions(soft < level)), key=weight, default=None)
    if found is None:
        return None
    return np.asarray(cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_CLOSE, _disc(15)) > 0)


def _regions(dark: Mask) -> list[Mask]:
    """The regions of *dark* that may be the lung on the left."""
    opened = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, _disc(7))
    count, labels, boxes, middles = cv2.connectedComponentsWithStats(opened, connectivity=4)
    return [
        labels == label
        for label in range(1, count)
        if _is_placed(boxes[label], middles[label], dark.shape) and _is_solid(labels == label)
    ]


def _is_placed(box: NDArray[np.int32], middle: NDArray[np.float64], shape: tuple[int, ...]) -> bool:
    """Whether a region has the size and the place of the lung on the left, and is no part of the outside."""
    left, top, width, height, area = (int(value) for value in box)
    rows, columns = shape
    inside = left > 0 and top > 0 and left + width < columns and top + height < rows
    across, down = middle[0] / columns, middle[1] / rows
    placed = _COLUMNS[0] < across < _COLUMNS[1] and _ROWS[0] < down < _ROWS[1]
    return inside and placed and height >= 0.9 * width and _SHARE[0] <= area / (rows * columns) <= _SHARE[1]


def _is_solid(region: Mask) -> bool:
    outlines, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.contourArea(cv2.convexHull(outlines[0]))
    return int(region.sum()) >= _LEAST_SOLID * float(hull)


def _disc(side: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), dtype=np.uint8)
