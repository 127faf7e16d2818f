"""A mark goes into a picture: 8-bit renditions and 12- or 16-bit stored values."""

from __future__ import annotations

import math
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.domain.rasters import Raster, StoredPixels
from pleura.imaging.mark.layout import Floats, Mark, mask, pattern
from pleura.imaging.rasters import to_array, to_raster
from pleura.imaging.work import luma, to_work

TARGET_PSNR: Final = 50.0
"""Of an 8-bit rendition, in dB; the promise is 45."""

MAX_CHANGE: Final = 4
"""Grey levels by which one pixel may change: of an 8-bit rendition, or of a DICOM copy as displayed."""

_ROUNDS: Final = 3
_LEAST_POWER: Final = 0.25  # stored values; below it rounding leaves nothing of a mark


def embed(picture: NDArray[np.uint8], mark: Mark) -> NDArray[np.uint8]:
    """*picture*, grey (rows, columns) or RGB (rows, columns, 3), with *mark* in it.

    In colour all three samples change by the same amount, so hue stays. The change is at most
    ``MAX_CHANGE``, and its size is set so that the PSNR is close to ``TARGET_PSNR``.
    """
    grey = luma(picture)
    shape = _shape(grey)
    design = _design(to_work(grey), mark, shape)
    wanted = 255 * 10 ** (-TARGET_PSNR / 20)
    clear = grey.astype(np.float32)
    strength = wanted / max(_rms(design), 1e-6)
    change = np.zeros_like(clear)
    for _ in range(_ROUNDS):
        # Rounding, clipping and saturation take some of the power; measure it and give it back.
        change = np.rint(np.clip(strength * design, -MAX_CHANGE, MAX_CHANGE))
        got = _rms(np.clip(clear + change, 0, 255) - clear)
        strength *= wanted / max(got, 1e-6)
    added = change if picture.ndim == 2 else change[..., None]
    return np.asarray(np.clip(picture + added, 0, 255), dtype=np.uint8)


def stored_bound(stored: StoredPixels) -> int:
    """Stored values by which one pixel of a DICOM copy may change, at least 1.

    1/256 of the range of the stored bits, or 4 where that is less; and never more than ``MAX_CHANGE`` grey
    levels of the default window, where 1 stored value is not more already. A narrow window over a wide
    range, as of a CT, would else show far more than a rendition does.
    """
    of_range = max(MAX_CHANGE, 1 << max(stored.bits_stored - 8, 0))
    of_window = int(MAX_CHANGE * abs(stored.white - stored.black) / 255)
    return max(1, min(of_range, of_window))


def displayed_bound(stored: StoredPixels) -> int:
    """Grey levels by which `stored_bound` may show in a straight default window: 4 or fewer from 64 wide."""
    width = abs(stored.white - stored.black)
    return min(255, math.ceil(255 * stored_bound(stored) / width)) if width else 255


def embed_stored(stored: StoredPixels, mark: Mark) -> Raster:
    """The stored values with *mark* in them, same bits and sign.

    The mark is laid out on the picture as the default window shows it. No value changes by more
    than `stored_bound`, and none leaves the range of its stored bits.
    """
    values = to_array(stored.raster)
    bound = stored_bound(stored)
    shown = _shown(values, stored)
    design = _design(to_work(shown), mark, _shape(luma(values)))
    # White below black (MONOCHROME1) turns the change around, so that it looks the same on screen.
    direction = 1 if stored.white >= stored.black else -1
    strength = direction * _stored_power(stored) / max(_rms(design), 1e-6)
    change = np.rint(np.clip(strength * design, -bound, bound)).astype(np.int32)
    added = change if values.ndim == 2 else change[..., None]
    low, high = _range(stored)
    inside = (values >= low) & (values <= high)
    marked = np.where(inside, np.clip(values.astype(np.int32) + added, low, high), values)
    return to_raster(marked.astype(values.dtype))


def _stored_power(stored: StoredPixels) -> float:
    """Root mean square of the change in stored values: a third of the bound, or less as of a rendition."""
    of_rendition = abs(stored.white - stored.black) * 10 ** (-TARGET_PSNR / 20)
    return max(_LEAST_POWER, min(stored_bound(stored) / 3, of_rendition))


def psnr(original: NDArray[Any], copy: NDArray[Any], peak: float = 255.0) -> float:
    """Peak signal-to-noise ratio in dB; infinite for equal pictures."""
    error = _rms(original.astype(np.float32) - copy.astype(np.float32))
    return float("inf") if error == 0 else 20 * float(np.log10(peak / error))


def _design(work: NDArray[np.uint8], mark: Mark, shape: tuple[int, int]) -> Floats:
    """The masked pattern at full size, not yet scaled."""
    masked = pattern(mark.chips(shape), _shape(work)) * mask(work)
    return np.asarray(cv2.resize(masked, shape[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _shown(values: NDArray[Any], stored: StoredPixels) -> NDArray[np.uint8]:
    span = stored.white - stored.black or 1.0
    shown = np.clip((values.astype(np.float32) - stored.black) * (255 / span), 0, 255)
    return np.asarray(shown, dtype=np.uint8)


def _range(stored: StoredPixels) -> tuple[int, int]:
    if stored.raster.signed:
        return -(2 ** (stored.bits_stored - 1)), 2 ** (stored.bits_stored - 1) - 1
    return 0, 2**stored.bits_stored - 1


def _shape(grey: NDArray[Any]) -> tuple[int, int]:
    return int(grey.shape[0]), int(grey.shape[1])


def _rms(values: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(values), dtype=np.float64)))
