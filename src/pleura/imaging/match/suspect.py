"""A suspect picture as it may have to be looked at: as it is, mirrored, as a negative, and part by part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.imaging.match.features import SUSPECT_FEATURES, Features, features
from pleura.imaging.work import Grey, luma, shrunk

SUSPECT_SIDE: Final = 1280
"""Long side in pixels at which a suspect is looked at: a quarter more than the work grid."""

_GRID_BLUR: Final = 1.0  # pixels; takes the sub-pixel grid of a photographed screen away

# A film on a page: what is left where strokes and rules are gone, and is not paper.
_PAGE_SIDE: Final = 512
_PAPER: Final = 0.25  # of the page at least
_SHADE: Final = 6  # grey levels that paper differs from itself
_STROKE: Final = 13  # pixels of the page, wider than its letters and lines
_TINT: Final = 24  # grey levels from the paper
_LEAST_SIDE: Final = 48  # pixels of the page
_FILLED: Final = 0.55  # of its box
_MOST_PARTS: Final = 6
_WHOLE: Final = 0.8  # of the picture: such a part is looked at already

Box = tuple[int, int, int, int]
"""Column, row, columns and rows."""


@dataclass(frozen=True, kw_only=True)
class View:
    """One way to look at the suspect."""

    grey: Grey
    features: Features
    to_suspect: NDArray[np.float64]
    """The homography from pixels of ``grey`` to pixels of the suspect."""
    box: Box
    """The part of the suspect that is looked at."""
    mirrored: bool
    negative: bool
    """Whether ``grey`` has the suspect's dark and light exchanged."""


def views(suspect: NDArray[Any]) -> Iterator[View]:
    """The views of an 8-bit grey or RGB picture, likeliest first, each made only when asked for.

    The whole as it is, every part that may be a film by itself, the whole mirrored, as a negative,
    and as both, and the parts mirrored.
    """
    grey = luma(suspect)
    rows, columns = grey.shape
    whole, films = (0, 0, columns, rows), parts(grey)
    for box in (whole, *films):
        yield _look(grey, box)
    yield _look(grey, whole, mirrored=True)
    yield _look(grey, whole, negative=True)
    yield _look(grey, whole, mirrored=True, negative=True)
    for box in films:
        yield _look(grey, box, mirrored=True)


def parts(grey: NDArray[Any]) -> list[Box]:
    """Column, row, columns and rows of at most six parts that may be films on a page, largest first.

    Letters, lines and rules go (a closing for dark ones, an opening for light ones); what is then not the
    commonest grey level, and fills its box, is a part. A picture without much of one grey level is no page.
    """
    page = np.asarray(shrunk(grey, _PAGE_SIDE), dtype=np.uint8)
    scale = max(grey.shape) / max(page.shape)
    kernel = np.ones((_STROKE, _STROKE), np.uint8)
    calm = cv2.morphologyEx(cv2.morphologyEx(page, cv2.MORPH_CLOSE, kernel), cv2.MORPH_OPEN, kernel)
    paper = int(np.bincount(calm.ravel(), minlength=256).argmax())
    change = cv2.absdiff(calm, np.full_like(calm, paper))
    if (change <= _SHADE).mean() < _PAPER:
        return []
    tinted = (change > _TINT).astype(np.uint8)
    outlines, _ = cv2.findContours(tinted, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxes = [tuple(cv2.boundingRect(outline)) for outline in outlines if _is_film(outline, page.size)]
    boxes.sort(key=lambda box: -box[2] * box[3])
    return [_scaled(box, scale, grey.shape) for box in boxes[:_MOST_PARTS]]


def _is_film(outline: NDArray[Any], page: int) -> bool:
    _, _, columns, rows = cv2.boundingRect(outline)
    return (
        min(columns, rows) >= _LEAST_SIDE
        and cv2.contourArea(outline) >= _FILLED * columns * rows
        and columns * rows <= _WHOLE * page
    )


def _scaled(box: tuple[int, ...], scale: float, shape: tuple[int, ...]) -> Box:
    """The box in pixels of the picture, a little wider, for the outline may have lost its edge."""
    column, row, columns, rows = (edge * scale for edge in box)
    left, top = max(0, int(column - scale)), max(0, int(row - scale))
    right = min(shape[1], int(column + columns + 2 * scale))
    bottom = min(shape[0], int(row + rows + 2 * scale))
    return left, top, right - left, bottom - top


def _look(grey: NDArray[Any], box: Box, *, mirrored: bool = False, negative: bool = False) -> View:
    left, top, columns, rows = box
    shown = np.ascontiguousarray(
        shrunk(grey[top : top + rows, left : left + columns], SUSPECT_SIDE), dtype=np.uint8
    )
    place = np.array([[columns / shown.shape[1], 0, left], [0, rows / shown.shape[0], top], [0, 0, 1]])
    if mirrored:
        shown = np.ascontiguousarray(shown[:, ::-1])
        place = place @ np.array([[-1.0, 0, shown.shape[1] - 1], [0, 1, 0], [0, 0, 1]])
    if negative:
        shown = np.bitwise_not(shown)
    return View(
        grey=shown,
        features=features(shown, SUSPECT_FEATURES, smooth=_GRID_BLUR),
        to_suspect=place,
        box=box,
        mirrored=mirrored,
        negative=negative,
    )
