"""How much a copy differs from its original as displayed, and in its stored values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.domain.errors import BadInput
from pleura.imaging.safety.lungs import Mask, central_field, lung_field
from pleura.imaging.work import luma

Picture = NDArray[np.uint8]
Field = Literal["lung", "centre"]

BLOCK: Final = 64
"""Pixels of the side of the block that is looked for; a smaller picture is one block."""

_PEAK: Final = 255.0
_WINDOW, _SIGMA = 11, 1.5  # of the weights of Wang et al., section III-B
_LIGHT, _DETAIL = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2  # C1 and C2
_STRIP: Final = 512  # rows at a time, so that memory does not grow with the picture


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How like two pictures are within one region."""

    psnr: float
    """Decibels; infinite where nothing differs."""
    ssim: float
    """Mean structural similarity, at most 1."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block, `BLOCK` pixels square."""

    row: int
    """Of its upper left corner."""
    column: int
    value: float
    """Its PSNR in decibels, or its mean structural similarity."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A copy against its original, both as displayed with 8 bits."""

    change: int
    """Greatest change of one pixel, grey levels."""
    whole: Likeness
    field: Field
    """Whether `within` is of the lungs, as `lung_field` finds them in the original, or of the middle."""
    field_share: float
    """Of the picture."""
    within: Likeness
    least_psnr: Block
    least_ssim: Block


@dataclass(frozen=True, kw_only=True)
class StoredChange:
    """How much the stored values of a DICOM copy differ from those of its original."""

    greatest: int
    root_mean_square: float


@dataclass(frozen=True, kw_only=True)
class _Error:
    squares: NDArray[np.float32]
    """Sums over the samples of each pixel: whole numbers, so that no rounding hides or makes a change."""
    samples: int


def alike(original: NDArray[Any], copy: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The two pictures, both grey where one of them is; raises BadInput for two sizes."""
    if original.shape[:2] != copy.shape[:2]:
        raise BadInput(
            "compare-differs",
            "the file has {columns} x {rows} pixels, and the image has others",
            "give the file of the copy itself; a screenshot, a photo or a crop is for pleura trace",
            rows=copy.shape[0],
            columns=copy.shape[1],
        )
    if original.shape == copy.shape:
        return original, copy
    return luma(original), luma(copy)


def measure(original: Picture, copy: Picture) -> Measured:
    """What changed between two displayed pictures of one shape, grey or RGB.

    The error is taken over all samples, structural similarity over the luma. The worst blocks are the worst
    of all places, not of a grid.
    """
    error = _error(np.abs(original.astype(np.int16) - copy))
    similar = ssim(luma(original), luma(copy))
    lungs = lung_field(original)
    within = central_field(original.shape) if lungs is None else lungs
    everywhere = np.ones(within.shape, dtype=np.bool_)
    most = _least(-error.squares)
    return Measured(
        change=greatest_change(original, copy),
        whole=_likeness(error, similar, everywhere),
        field="centre" if lungs is None else "lung",
        field_share=float(within.mean()),
        within=_likeness(error, similar, within),
        least_psnr=Block(row=most.row, column=most.column, value=_psnr(-most.value / error.samples)),
        least_ssim=_least(similar),
    )


def stored_change(original: NDArray[Any], copy: NDArray[Any]) -> StoredChange:
    """What changed between two arrays of stored values of one shape."""
    change = copy.astype(np.int32) - original.astype(np.int32)
    return StoredChange(
        greatest=greatest_change(original, copy),
        root_mean_square=float(np.sqrt(np.mean(np.square(change, dtype=np.float64)))),
    )


def greatest_change(original: NDArray[Any], copy: NDArray[Any]) -> int:
    """Greatest change of one sample between two arrays of one shape, of 8 or 16 bits."""
    return int(np.abs(copy.astype(np.int32) - original.astype(np.int32)).max())


def ssim(first: Picture, second: Picture) -> NDArray[np.float32]:
    """Structural similarity of two grey pictures at every pixel, at full resolution.

    Weights: a Gaussian of 11 x 11 pixels with a standard deviation of 1.5; K1 = 0.01, K2 = 0.03, L = 255;
    beyond the edge the picture is mirrored. Source: Wang, Bovik, Sheikh and Simoncelli, Image quality
    assessment: from error visibility to structural similarity, IEEE Transactions on Image Processing 13
    (2004), section III-B.
    """
    rows, around = first.shape[0], _WINDOW // 2
    similar = np.empty(first.shape, dtype=np.float32)
    for top in range(0, rows, _STRIP):
        low, high = max(0, top - around), min(rows, top + _STRIP + around)
        strip = _ssim(first[low:high].astype(np.float64), second[low:high].astype(np.float64))
        similar[top : top + _STRIP] = strip[top - low :][:_STRIP]
    return similar


def _ssim(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    mean_x, mean_y = _mean(x), _mean(y)
    variances = _mean(x * x) - mean_x**2 + _mean(y * y) - mean_y**2
    covariance = _mean(x * y) - mean_x * mean_y
    alike = (2 * mean_x * mean_y + _LIGHT) * (2 * covariance + _DETAIL)
    return np.asarray(alike / ((mean_x**2 + mean_y**2 + _LIGHT) * (variances + _DETAIL)))


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    blurred = cv2.GaussianBlur(values, (_WINDOW, _WINDOW), _SIGMA, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, dtype=np.float64)


def _error(difference: NDArray[np.int16]) -> _Error:
    squares = np.square(difference, dtype=np.float32)
    if squares.ndim == 2:
        return _Error(squares=squares, samples=1)
    return _Error(squares=squares.sum(axis=2), samples=squares.shape[2])


def _likeness(error: _Error, similar: NDArray[np.float32], region: Mask) -> Likeness:
    return Likeness(
        psnr=_psnr(float(error.squares[region].mean(dtype=np.float64)) / error.samples),
        ssim=float(similar[region].mean(dtype=np.float64)),
    )


def _psnr(mean_square: float) -> float:
    return float("inf") if mean_square <= 0 else 10 * float(np.log10(_PEAK**2 / mean_square))


def _least(values: NDArray[np.float32]) -> Block:
    """The block with the least mean of all places, and that mean."""
    rows, columns = (min(BLOCK, length) for length in values.shape)
    sums = cv2.integral(values, sdepth=cv2.CV_64F)
    means = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    row, column = np.unravel_index(int(np.argmin(means)), means.shape)
    value = float(means[row, column]) / (rows * columns)
    return Block(row=int(row), column=int(column), value=value)
