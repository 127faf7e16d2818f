"""A mark is read: what of the aligned suspect the original does not explain, against secret signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.imaging.mark.layout import LAYERS, Floats, Plan, cell_grid, chips, mask
from pleura.imaging.mark.polar import WORD_BITS, decode
from pleura.imaging.match.register import Alignment
from pleura.imaging.work import Grey

_LOCAL: Final = 14.0  # standard deviation of the regression window, work pixels
_RIDGE: Final = (1e-3, 0.5, 0.1, 0.1, 0.1)
_CLIP: Final = 2.5


@dataclass(frozen=True, kw_only=True)
class Residual:
    """Sums over the cells of each layer, scaled so that one dot product with the signs gives z."""

    shape: tuple[int, int]
    """Rows and columns of the original."""
    cells: tuple[Floats, ...]


def residual(alignment: Alignment, work: Grey, shape: tuple[int, int]) -> Residual:
    """What the mark may have left in the aligned suspect; no key takes part.

    1. The tone curve of the suspect, as the mean of its values for each grey level of the original.
    2. Local regression on the toned original, its gradients and its Laplacian absorbs blur,
       sharpening, uneven light and the last trace of misalignment.
    3. Division by the local scale and clipping bound what an overlay or a scratch can do.
    4. A matched filter, measured on the residual's own spectrum, then sums over the cells.

    *work* is the original's work image, *shape* the rows and columns of the original.
    """
    rest, slope = _unexplained(alignment, work)
    seen = alignment.valid.astype(np.float32)
    power = cv2.GaussianBlur(rest * rest, (0, 0), 8) / (cv2.GaussianBlur(seen, (0, 0), 8) + 1e-6)
    scale = np.sqrt(power) + 0.3
    clipped = np.clip(rest / scale, -_CLIP, _CLIP) * seen
    # Where the display clips, the slope is zero: the mark cannot be there, and noise is kept out.
    weight = mask(work) * slope / scale
    layers = [_cell_sums(clipped, weight, cell_grid(shape, side)) for side, _ in LAYERS]
    return Residual(shape=shape, cells=_normalised(layers))


def difference(alignment: Alignment, work: Grey) -> Floats:
    """What of the aligned suspect the original does not explain, in grey levels; not a number outside."""
    rest, _ = _unexplained(alignment, work)
    return np.where(alignment.valid, rest, np.float32(np.nan))


def own_part(rest: Residual, shared: Plan) -> Residual:
    """The residual in the cells whose signs are a copy's own; the payload cells say nothing of one copy."""
    cells = [layer * part.own for layer, part in zip(rest.cells, shared, strict=True)]
    return Residual(shape=rest.shape, cells=_scaled(cells))


def score(rest: Residual, own: bytes) -> float:
    """z of the copy whose signs are *own*: standard normal for an innocent copy.

    Of a mark of version 2, *rest* is the `own_part`. P(z > t) <= exp(-t^2 / 2) for secret independent
    signs, whatever the suspect picture is, because the cells have unit length and were found without the
    signs (Hoeffding 1963, theorem 2).
    """
    signs = chips(own, rest.shape)
    return sum(float(np.vdot(cells, layer)) for cells, layer in zip(rest.cells, signs, strict=True))


def payloads(rest: Residual, shared: Plan) -> list[bytes]:
    """The payloads that the residual may carry, likeliest first; the right one is known by its MAC."""
    soft = np.zeros(WORD_BITS)
    for layer, part in zip(rest.cells, shared, strict=True):
        soft += np.bincount(part.bit, layer.ravel()[part.payload] * part.pad, minlength=WORD_BITS)
    return decode(soft.astype(np.float32))


def _unexplained(alignment: Alignment, work: Grey) -> tuple[Floats, Floats]:
    """Steps 1 and 2: the rest in grey levels of the suspect, and the slope of its tone curve."""
    toned, slope = _toned(alignment.picture, work, alignment.valid)
    seen = alignment.valid.astype(np.float32)
    rest = (alignment.picture - toned) * seen
    return (rest - _explained(rest, toned, seen)) * seen, slope


def _toned(picture: Floats, work: Grey, valid: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The original in the suspect's grey levels, and the slope of that tone curve at each pixel."""
    levels = work[valid]
    window = cv2.getGaussianKernel(21, 3).ravel()
    count = np.convolve(np.bincount(levels, minlength=256), window, "same")
    total = np.convolve(np.bincount(levels, picture[valid], minlength=256), window, "same")
    known = np.flatnonzero(count > 1)
    if known.size == 0:
        return np.zeros_like(picture), np.zeros_like(picture)
    curve = np.interp(np.arange(256), known, total[known] / count[known]).astype(np.float32)
    slope = np.abs(np.gradient(curve)).astype(np.float32)
    return curve[work], slope[work]


def _explained(rest: Floats, toned: Floats, seen: Floats) -> Floats:
    """The part of *rest* that a smoothly varying mix of the original and its derivatives explains."""
    detail = toned - cv2.GaussianBlur(toned, (0, 0), 12)
    basis = (
        np.ones_like(toned),
        detail,
        cv2.Sobel(toned, cv2.CV_32F, 1, 0, scale=1 / 8),
        cv2.Sobel(toned, cv2.CV_32F, 0, 1, scale=1 / 8),
        cv2.Laplacian(toned, cv2.CV_32F),
    )
    right = np.stack([_local_sum(part * rest * seen) for part in basis], axis=-1)
    gram = np.empty((*right.shape, len(basis)), dtype=np.float32)
    for row, first in enumerate(basis):
        for column, second in enumerate(basis[: row + 1]):
            gram[..., row, column] = gram[..., column, row] = _local_sum(first * second * seen)
    gram += np.diag(np.array(_RIDGE, dtype=np.float32))
    mix = np.linalg.solve(gram, right[..., None])[..., 0]
    size = rest.shape[::-1]
    fitted = np.zeros_like(rest)
    for number, part in enumerate(basis):
        fitted += cv2.resize(np.ascontiguousarray(mix[..., number]), size) * part
    return fitted


def _local_sum(values: Floats) -> Floats:
    """Gaussian-weighted sums on a grid of every fourth pixel."""
    rows, columns = (max(1, length // 4) for length in values.shape)
    small = cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), _LOCAL / 4), dtype=np.float32)


def _cell_sums(clipped: NDArray[Any], weight: NDArray[Any], grid: tuple[int, int]) -> Floats:
    """The matched-filtered residual, weighted and summed over the cells of *grid*."""
    rows, columns = clipped.shape
    spectrum = np.fft.rfft2(clipped)
    noise = cv2.GaussianBlur((np.abs(spectrum) ** 2).astype(np.float32), (0, 0), 6) + 1e-6
    down = np.fft.fftfreq(rows)[:, None] * rows / (grid[0] / 2)
    across = np.fft.rfftfreq(columns)[None] * columns / (grid[1] / 2)
    shape = np.exp(-0.35 * (down**2 + across**2))
    matched = np.fft.irfft2(spectrum * (shape / noise), s=(rows, columns)).astype(np.float32)
    sums = cv2.resize(matched * weight, grid[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(sums, dtype=np.float32)


def _normalised(layers: list[Floats]) -> tuple[Floats, ...]:
    """The layers in the shares of their power, all together of unit length."""
    parts = [
        cells * np.float32(np.sqrt(share) / (np.linalg.norm(cells) + 1e-12))
        for cells, (_, share) in zip(layers, LAYERS, strict=True)
    ]
    return _scaled(parts)


def _scaled(layers: list[Floats]) -> tuple[Floats, ...]:
    """The layers, all together of unit length."""
    length = np.sqrt(sum(float(np.vdot(layer, layer)) for layer in layers))
    return tuple(layer / np.float32(length + 1e-12) for layer in layers)
