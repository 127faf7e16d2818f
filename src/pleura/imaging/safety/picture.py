"""The picture for a radiologist: original, copy and their difference, whole and where it is greatest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pleura.imaging.picture import (
    GAP,
    MARGIN,
    PANEL,
    PAPER,
    WIDTH,
    Colour,
    TypeCase,
    framed,
    panel_height,
    put_title,
    text_block,
)
from pleura.imaging.safety.likeness import BLOCK, Block, Picture
from pleura.imaging.work import luma

AMPLIFIED: Final = 32
"""By how much the difference is shown larger than it is: 4 grey levels reach from grey to black or white."""

_GREY: Final = 128  # where nothing differs
_DETAIL: Final = 2 * BLOCK  # pixels of the side of what the second row shows
_INK: Final[Colour] = (40, 78, 130)
_FRAME: Final[Colour] = (255, 176, 32)
_TITLE: Final = 44
_SPACE: Final = 40


@dataclass(frozen=True, kw_only=True)
class Words:
    """The words of the picture, already in the reader's language."""

    titles: tuple[str, str, str]
    """Above original, copy and difference."""
    details: tuple[str, str, str]
    """Above the same where the copy differs most."""
    headline: str
    lines: Sequence[str]


def difference_picture(
    original: Picture, copy: Picture, worst: Block, words: Words, font: Path | None = None
) -> Picture:
    """The picture, RGB: above both pictures whole and what differs, below the surroundings of *worst*.

    *original* and *copy* are of one shape, grey or RGB, as displayed. Without a *font* only Latin letters
    are drawn. Raises EnvironmentFault for a font that cannot be read.
    """
    type_case = TypeCase.of(font)
    pictures = original, copy, amplified(original, copy)
    place = _surroundings(worst, original.shape)
    height = panel_height([original])
    rows = [
        ([framed(_outlined(each, place), height) for each in pictures], words.titles),
        ([framed(np.ascontiguousarray(each[place]), PANEL) for each in pictures], words.details),
    ]
    text = text_block(words.headline, words.lines, _INK, type_case)
    tops = MARGIN + _TITLE, MARGIN + _TITLE + height + _SPACE + _TITLE
    foot = tops[1] + PANEL + _SPACE
    sheet = Image.new("RGB", (WIDTH, foot + text.height + MARGIN), PAPER)
    for top, (panels, titles) in zip(tops, rows, strict=True):
        for number, (panel, title) in enumerate(zip(panels, titles, strict=True)):
            left = MARGIN + number * (PANEL + GAP)
            put_title(ImageDraw.Draw(sheet), (left, top - 14), title, type_case)
            sheet.paste(panel, (left, top))
    sheet.paste(text, (MARGIN, foot))
    return np.asarray(sheet, dtype=np.uint8).copy()


def amplified(original: Picture, copy: Picture) -> Picture:
    """What the copy has more or less than the original, `AMPLIFIED` times, around a grey of 128."""
    difference = luma(copy).astype(np.int32) - luma(original)
    return np.asarray(np.clip(_GREY + AMPLIFIED * difference, 0, 255), dtype=np.uint8)


def _surroundings(worst: Block, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The rows and columns around a block that the second row shows, within the picture."""

    def around(start: int, length: int) -> slice:
        first = min(max(start - (_DETAIL - BLOCK) // 2, 0), max(length - _DETAIL, 0))
        return slice(first, min(first + _DETAIL, length))

    return around(worst.row, shape[0]), around(worst.column, shape[1])


def _outlined(picture: Picture, place: tuple[slice, slice]) -> Picture:
    """The picture as RGB with a frame around what the second row shows."""
    colour: NDArray[np.uint8] = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture
    canvas = np.ascontiguousarray(colour).copy()
    corners = (place[1].start, place[0].start), (place[1].stop - 1, place[0].stop - 1)
    cv2.rectangle(canvas, *corners, _FRAME, max(1, round(max(picture.shape[:2]) / 300)))
    return canvas
