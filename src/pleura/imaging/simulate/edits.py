"""What people and programs do to a picture without leaving the computer.

Every function takes a grey (height x width) or RGB (height x width x 3) uint8 picture and gives
back a new one; where chance plays a part, it comes from the generator passed in and from nowhere else.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]

CHROMA_420 = 0x221111
"""The sampling-factor word of libjpeg for 4:2:0 chroma, which every messenger uses."""


def as_rgb(picture: Picture) -> Picture:
    """Give back the picture with three channels, height x width x 3."""
    return np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture


def through_jpeg(picture: Picture, quality: int) -> Picture:
    """Give back the picture after one JPEG round trip (ITU-T T.81, 4:2:0 when it has colour)."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, CHROMA_420]
    return _through(".jpg", picture, options)


def through_webp(picture: Picture, quality: int) -> Picture:
    """Give back the picture after one lossy WebP round trip; the result is always RGB."""
    return _through(".webp", as_rgb(picture), [cv2.IMWRITE_WEBP_QUALITY, quality])


def _through(suffix: str, picture: Picture, options: list[int]) -> Picture:
    _, coded = cv2.imencode(suffix, picture[..., ::-1] if picture.ndim == 3 else picture, options)
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_UNCHANGED), dtype=np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1] if decoded.ndim == 3 else decoded)


def scaled(picture: Picture, factor: float) -> Picture:
    """Give back the picture scaled by the factor: area means when shrinking, cubic when growing."""
    height, width = picture.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=how), dtype=np.uint8)


def long_side_at_most(picture: Picture, pixels: int) -> Picture:
    """Give back the picture shrunk so that its long side is at most so many pixels; never grown."""
    factor = pixels / max(picture.shape[:2])
    return scaled(picture, factor) if factor < 1 else picture


def cropped(picture: Picture, area: float, rng: np.random.Generator) -> Picture:
    """Give back a window of the same aspect with the given share (0..1) of the area, placed by chance."""
    height, width = picture.shape[:2]
    rows, columns = max(1, round(height * math.sqrt(area))), max(1, round(width * math.sqrt(area)))
    top, left = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
    return picture[top : top + rows, left : left + columns].copy()


def rotated(picture: Picture, degrees: float) -> Picture:
    """Give back the picture turned about its middle, cut to the largest upright window without corners.

    The window keeps the picture's aspect; the angle is counter-clockwise and below 45 degrees.
    """
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    turned = cv2.warpAffine(picture, turn, (width, height), flags=cv2.INTER_CUBIC)
    sine, cosine = abs(math.sin(math.radians(degrees))), abs(math.cos(math.radians(degrees)))
    keep = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine))
    rows, columns = max(1, int(height * keep)), max(1, int(width * keep))
    top, left = (height - rows) // 2, (width - columns) // 2
    return np.asarray(turned[top : top + rows, left : left + columns], dtype=np.uint8).copy()


def toned(picture: Picture, *, gain: float = 1.0, shift: float = 0.0, gamma: float = 1.0) -> Picture:
    """Give back the picture with each grey g (0..1) replaced by gain * g**gamma + shift / 255, clipped."""
    grey = np.linspace(0.0, 1.0, 256) ** gamma * gain * 255 + shift
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)[picture]


def equalised(picture: Picture) -> Picture:
    """Give back the luminance after contrast-limited adaptive equalisation (Zuiderveld 1994), grey."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
    return np.asarray(cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(grey), dtype=np.uint8)


def stretched(picture: Picture, factor: float) -> Picture:
    """Give back the picture with its width alone scaled by the factor."""
    height, width = picture.shape[:2]
    size = max(1, round(width * factor)), height
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def flattened(picture: Picture) -> Picture:
    """Give back the grey picture after its histogram was made flat over all of it."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
    return np.asarray(cv2.equalizeHist(grey), dtype=np.uint8)


def posterised(picture: Picture, levels: int) -> Picture:
    """Give back the picture with so many grey levels, evenly spaced."""
    step = 255 / (levels - 1)
    return np.rint(np.rint(picture / step) * step).astype(np.uint8)


def denoised(picture: Picture) -> Picture:
    """Give back the picture after a bilateral filter, as apps that make skin smooth use it."""
    return np.asarray(cv2.bilateralFilter(picture, 9, 40, 7), dtype=np.uint8)


def blurred(picture: Picture, sigma: float) -> Picture:
    """Give back the picture after a Gaussian blur of the given standard deviation in pixels."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), dtype=np.uint8)


def sharpened(picture: Picture, amount: float = 1.0) -> Picture:
    """Give back the picture after an unsharp mask of two pixels and the given amount."""
    soft = cv2.GaussianBlur(picture, (0, 0), 2.0)
    return np.asarray(cv2.addWeighted(picture, 1 + amount, soft, -amount, 0), dtype=np.uint8)


def noisy(picture: Picture, deviation: float, rng: np.random.Generator) -> Picture:
    """Give back the picture with independent normal noise of the given standard deviation in grey levels."""
    noise = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(deviation)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def tilted(picture: Picture, rng: np.random.Generator, strength: float = 0.04) -> Picture:
    """Give back the picture with its corners pulled in by up to ``strength`` of each side (a homography)."""
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)
    inward = (1 - 2 * corners) * rng.uniform(0, strength, (4, 2)).astype(np.float32)
    size = np.array([width - 1, height - 1], dtype=np.float32)
    pull = cv2.getPerspectiveTransform(corners * size, (corners + inward) * size)
    return np.asarray(cv2.warpPerspective(picture, pull, (width, height), flags=cv2.INTER_CUBIC), np.uint8)


def scribbled(picture: Picture, rng: np.random.Generator) -> Picture:
    """Give back the picture with a caption across it and one patch in mosaic, as people post it."""
    canvas = as_rgb(picture).copy()
    height, width = canvas.shape[:2]
    scale, weight = width / 700, max(1, width // 250)
    place = int(width * 0.05), int(height * rng.uniform(0.2, 0.8))
    cv2.putText(canvas, "seen today, what is this??", place, 0, scale, (255, 60, 60), weight, cv2.LINE_AA)
    rows, columns = height // 6, width // 5
    top, left = int(rng.integers(0, height - rows)), int(rng.integers(0, width - columns))
    _blot(canvas[top : top + rows, left : left + columns])
    return canvas


def blotted(picture: Picture, share: float, rng: np.random.Generator) -> Picture:
    """Give back the picture with a window of that share (0..1) of its area in mosaic."""
    canvas = picture.copy()
    height, width = canvas.shape[:2]
    rows, columns = round(height * math.sqrt(share)), round(width * math.sqrt(share))
    top, left = int(rng.integers(0, height - rows)), int(rng.integers(0, width - columns))
    _blot(canvas[top : top + rows, left : left + columns])
    return canvas


def _blot(patch: Picture) -> None:
    coarse = cv2.resize(patch, (8, 8), interpolation=cv2.INTER_AREA)
    patch[:] = cv2.resize(coarse, (patch.shape[1], patch.shape[0]), interpolation=cv2.INTER_NEAREST)
