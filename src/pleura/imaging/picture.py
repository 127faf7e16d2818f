"""The picture of a trace: suspect, original and aligned difference side by side, with the verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from pleura.domain.errors import EnvironmentFault
from pleura.domain.tracing import Verdict

Colour: TypeAlias = tuple[int, int, int]
_Picture: TypeAlias = NDArray[np.uint8]
_Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

VERDICT_COLOURS: Mapping[Verdict, Colour] = MappingProxyType(
    {
        Verdict.TRACED: (176, 42, 48),
        Verdict.MATCHED: (178, 112, 12),
        Verdict.RELATED: (38, 104, 150),
        Verdict.UNKNOWN: (96, 104, 114),
    }
)
"""Red-ish, amber, blue and grey; large text and bars need 3:1 on the paper (WCAG 1.4.3, 1.4.11)."""

WIDTH = 1800
"""Pixels of the picture from left to right."""

MARGIN, GAP, _BAR = 56, 28, 10
"""Pixels around all, and between two panels."""

PANEL = (WIDTH - 2 * MARGIN - 2 * GAP) // 3
"""Pixels of a panel from left to right."""

_TALLEST, _LOWEST = 760, 240
_TOP, _SPACE = MARGIN + 44, 40  # of the panels; between panels and verdict
_TITLE, _HEADLINE, _BODY, _SMALL = 27, 42, 27, 20  # heights of letters in pixels
PAPER, _INK, _QUIET = (250, 250, 248), (26, 29, 34), (84, 89, 98)
_STAGE, _BARE = (14, 15, 17), (233, 233, 230)  # behind a picture; where there is nothing to show
_STRIP = 40  # for the scale under the difference
_FACES = 64  # looked at in a font collection
_HAN = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_CLOSING = (
    "\u3001\u3002\u3009\u300b\u300d\u300f\u3011\uff01\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\u201d\u2019\u2026"
    "!),.:;?]}"
)
_WORD = re.compile(rf"[{_HAN}][{re.escape(_CLOSING)}]*|[^\s{_HAN}]+[{re.escape(_CLOSING)}]*\s*|\s+")
"""What stays on one line: a Chinese character or a word, each with the punctuation that closes it."""


@dataclass(frozen=True, kw_only=True)
class Caption:
    """The words of the picture, already in the reader's language."""

    verdict: Verdict
    titles: tuple[str, str, str]
    """Above the suspect, the original and the difference."""
    headline: str
    lines: Sequence[str]
    no_original: str = ""
    """Shown in place of the original where none matched."""
    no_difference: str = ""
    """Shown in place of the difference where the two are not aligned."""


def side_by_side(
    suspect: _Picture,
    original: _Picture | None,
    *,
    caption: Caption,
    difference: NDArray[np.floating] | None = None,
    outline: ArrayLike | None = None,
    font: Path | None = None,
) -> _Picture:
    """Give back the picture of a trace, RGB, ``WIDTH`` pixels wide and as high as its text needs.

    Args:
        suspect: the picture as found, grey (height x width) or RGB, uint8.
        original: the matched original as displayed, likewise; None where none matched.
        caption: titles, headline and lines; long ones shrink or wrap and never leave their box.
        difference: the suspect less the original, in grey levels, laid over the original; not a
            number where they do not overlap.
        outline: corners (n x 2; x, y in pixels of the original) of the area that matched.
        font: a font file or collection with the glyphs of the caption; Pillow's own, which knows
            Latin letters only, where None.

    Raises:
        EnvironmentFault: the font cannot be read.
    """
    colour = VERDICT_COLOURS[caption.verdict]
    type_case = TypeCase.of(font)
    height = panel_height([picture for picture in (suspect, original) if picture is not None])
    panels = (
        framed(suspect, height),
        _words(caption.no_original, height, type_case)
        if original is None
        else _outlined(original, height, outline, colour),
        _words(caption.no_difference, height, type_case)
        if difference is None
        else _heat(difference, height, type_case),
    )
    text = text_block(caption.headline, caption.lines, colour, type_case)
    sheet = Image.new("RGB", (WIDTH, _TOP + height + _SPACE + text.height + MARGIN), PAPER)
    for place, (panel, title) in enumerate(zip(panels, caption.titles, strict=True)):
        left = MARGIN + place * (PANEL + GAP)
        put_title(ImageDraw.Draw(sheet), (left, _TOP - 14), title, type_case)
        sheet.paste(panel, (left, _TOP))
    sheet.paste(text, (MARGIN, _TOP + height + _SPACE))
    return np.asarray(sheet, dtype=np.uint8).copy()


@dataclass(frozen=True, kw_only=True)
class TypeCase:
    """One typeface in every size asked for."""

    path: Path | None
    face: int  # within a collection

    @classmethod
    def of(cls, path: Path | None) -> TypeCase:
        """Give back the typeface of a file; of a collection, the face with the simplified Chinese forms."""
        if path is None:
            return cls(path=None, face=0)
        names = []
        for face in range(_FACES):
            try:
                names.append(ImageFont.truetype(str(path), _BODY, index=face).getname()[0] or "")
            except OSError:
                break
        if not names:
            raise EnvironmentFault(
                "font-unreadable",
                "the font {font} cannot be read",
                "install a font with Chinese characters, such as Noto Sans CJK, or name another font file",
                font=path.name,
            )
        return cls(path=path, face=next((face for face, name in enumerate(names) if name.endswith("SC")), 0))

    def at(self, size: int) -> _Font:
        """Give back the typeface at a height in pixels."""
        if self.path is None:
            return ImageFont.load_default(size)
        return ImageFont.truetype(str(self.path), size, index=self.face)


def _wrapped(text: str, font: _Font, width: int) -> list[str]:
    """Give back the lines of a text that fit the width: broken at spaces and between Chinese characters.

    A word wider than a whole line, such as a digest, is broken where the line ends.
    """
    lines, line = [], ""
    for word in _WORD.findall(" ".join(text.split())):
        pieces = word if font.getlength(word.rstrip()) > width else (word,)
        for piece in pieces:
            if line and font.getlength(line + piece.rstrip()) > width:
                lines.append(line.rstrip())
                line = ""
            line += piece
    return [*lines, line.rstrip()]


def text_block(headline: str, lines: Sequence[str], colour: Colour, type_case: TypeCase) -> Image.Image:
    """Give back the colour bar, the headline in its colour and the lines, as wide as the three panels."""
    width, left = WIDTH - 2 * MARGIN, _BAR + 26
    large, plain = type_case.at(_HEADLINE), type_case.at(_BODY)
    rows = [(line, large, colour, 62) for line in _wrapped(headline, large, width - left)]
    for text in lines:
        rows += [(line, plain, _INK, 42) for line in _wrapped(text, plain, width - left)]
    block = Image.new("RGB", (width, sum(row[3] for row in rows) + 8), PAPER)
    draw = ImageDraw.Draw(block)
    draw.rectangle((0, 0, _BAR - 1, block.height), fill=colour)
    top = 4
    for line, font, ink, leading in rows:
        draw.text((left, top + leading / 2), line, fill=ink, font=font, anchor="lm")
        top += leading
    return block


def put_title(draw: ImageDraw.ImageDraw, place: tuple[int, int], title: str, type_case: TypeCase) -> None:
    """Write a title over its panel, smaller if it is long and cut with an ellipsis if that is not enough."""
    title = " ".join(title.split())
    size = next((size for size in range(_TITLE, _SMALL - 1, -1) if _fits(title, type_case.at(size))), _SMALL)
    font = type_case.at(size)
    if not _fits(title, font):
        room = next(end for end in range(len(title), -1, -1) if _fits(f"{title[:end]}...", font))
        title = f"{title[:room]}..."
    draw.text(place, title, fill=_QUIET, font=font, anchor="ls")


def _fits(text: str, font: _Font) -> bool:
    return font.getlength(text) <= PANEL


def panel_height(pictures: Sequence[_Picture]) -> int:
    """Give back a panel height that the tallest picture fills, within reason."""
    tallest = max(picture.shape[0] / picture.shape[1] for picture in pictures)
    return int(min(max(tallest * PANEL, _LOWEST), _TALLEST))


def _fitted(shape: tuple[int, ...], height: int) -> tuple[int, int]:
    """Give back width and height of the largest picture of these proportions that fits a panel."""
    rows, columns = shape[:2]
    factor = min(PANEL / columns, height / rows)
    return max(1, round(columns * factor)), max(1, round(rows * factor))


def framed(picture: _Picture, height: int) -> Image.Image:
    """Give back a panel with the picture in its middle."""
    size = _fitted(picture.shape, height)
    shrinks = size[0] < picture.shape[1]
    shown = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    panel = Image.new("RGB", (PANEL, height), _STAGE)
    panel.paste(Image.fromarray(shown), ((PANEL - size[0]) // 2, (height - size[1]) // 2))
    return panel


def _outlined(picture: _Picture, height: int, outline: ArrayLike | None, colour: Colour) -> Image.Image:
    """Give back a panel with the picture, darker outside the outline that is drawn on it."""
    size = _fitted(picture.shape, height)
    shown = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    canvas = np.repeat(shown[..., None], 3, axis=2) if shown.ndim == 2 else shown.copy()
    if outline is not None:
        corners = np.asarray(outline, dtype=np.float64) * (size[0] / picture.shape[1])
        drawn = np.rint(np.clip(corners, -4 * WIDTH, 4 * WIDTH) * 16).astype(np.int32)
        inside = np.zeros(canvas.shape[:2], dtype=np.uint8)
        cv2.fillPoly(inside, [drawn], 1, cv2.LINE_8, 4)
        canvas[inside == 0] //= 2
        bright = tuple(min(255, channel + 60) for channel in colour)
        cv2.polylines(canvas, [drawn], True, bright, 2, cv2.LINE_AA, 4)  # noqa: FBT003 (isClosed)
    return framed(np.asarray(canvas, dtype=np.uint8), height)


def outlined(picture: _Picture, outlines: Sequence[tuple[ArrayLike, bool]]) -> _Picture:
    """Give back the picture, RGB, with numbered outlines drawn on it.

    Args:
        picture: grey (height x width) or RGB, uint8.
        outlines: for each, its corners (n x 2; x, y in pixels of the picture), and whether it is drawn in the
            colour of what is matched or of what is only related.
    """
    canvas = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture.copy()
    reach = max(canvas.shape)
    thick = max(2, reach // 400)
    for number, (outline, exact) in enumerate(outlines, start=1):
        colour = VERDICT_COLOURS[Verdict.MATCHED if exact else Verdict.RELATED]
        corners = np.rint(np.clip(np.asarray(outline), -4 * reach, 4 * reach)).astype(np.int32)
        cv2.polylines(canvas, [corners], True, colour, thick, cv2.LINE_AA)  # noqa: FBT003 (isClosed)
        left, top = np.clip(corners.min(axis=0), 0, None)
        place = int(left) + 4 * thick, int(top) + 16 * thick
        for ink, stroke in ((PAPER, 3 * thick), (colour, thick)):
            cv2.putText(
                canvas, str(number), place, cv2.FONT_HERSHEY_SIMPLEX, thick / 2, ink, stroke, cv2.LINE_AA
            )
    return np.asarray(canvas, dtype=np.uint8)


def _words(text: str, height: int, type_case: TypeCase) -> Image.Image:
    """Give back an empty panel that says why it is empty."""
    panel = Image.new("RGB", (PANEL, height), _BARE)
    font = type_case.at(_BODY)
    lines = _wrapped(text, font, PANEL - 64)
    draw = ImageDraw.Draw(panel)
    for number, line in enumerate(lines):
        middle = height / 2 + (number - (len(lines) - 1) / 2) * 42
        draw.text((PANEL / 2, middle), line, fill=_QUIET, font=font, anchor="mm")
    return panel


def _heat(difference: NDArray[np.floating], height: int, type_case: TypeCase) -> Image.Image:
    """Give back a panel with the signed difference: blue is darker, red is brighter than the original.

    The scale under it is chosen so that all but the largest hundredth of what is shown lies within it.
    """
    known = np.isfinite(difference)
    size = _fitted(difference.shape, height - _STRIP)
    values = np.where(known, difference, 0).astype(np.float32)
    shown = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    covered = np.asarray(cv2.resize(known.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)) > 0
    reach = max(float(np.percentile(np.abs(shown[covered]), 99)), 0.5) if covered.any() else 1.0
    colours = np.where(
        covered[..., None], _diverging(shown / np.float32(reach)), np.array(_BARE, dtype=np.uint8)
    )
    panel = Image.new("RGB", (PANEL, height), _BARE)
    panel.paste(Image.fromarray(colours), ((PANEL - size[0]) // 2, (height - _STRIP - size[1]) // 2))
    _put_scale(panel, reach, type_case)
    return panel


def _diverging(share: NDArray[np.float32]) -> _Picture:
    """Give back blue for -1, near white for 0 and red for +1, height x width x 3."""
    knots = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    table = np.array([(22, 62, 128), (104, 154, 208), (247, 247, 245), (226, 128, 104), (148, 22, 36)])
    return np.stack([np.interp(share, knots, table[:, c]) for c in range(3)], axis=-1).astype(np.uint8)


def _put_scale(panel: Image.Image, reach: float, type_case: TypeCase) -> None:
    """Put the colour scale and its ends in grey levels on a strip at the foot of a panel."""
    bar = 180
    draw = ImageDraw.Draw(panel)
    scale = np.repeat(_diverging(np.linspace(-1, 1, bar, dtype=np.float32)[None, :]), 12, axis=0)
    left, middle = (panel.width - bar) // 2, panel.height - _STRIP // 2
    panel.paste(Image.fromarray(scale), (left, middle - 6))
    font = type_case.at(_SMALL)
    draw.text((left - 12, middle), f"-{reach:.1f}", fill=_INK, font=font, anchor="rm")
    draw.text((left + bar + 12, middle), f"+{reach:.1f}", fill=_INK, font=font, anchor="lm")
