"""How much a copy differs from its original where a reader looks: bounds, PSNR and SSIM, the worst block."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from bench.attribution.stage import Picture, marks
from numpy.typing import NDArray

from pleura.imaging.mark.embed import MAX_CHANGE, embed, psnr

BLOCK = 64


def ssim(first: Picture, second: Picture) -> NDArray[np.float64]:
    """Structural similarity at every pixel (Wang et al., IEEE Transactions on Image Processing 13, 2004)."""
    a, b = first.astype(np.float64), second.astype(np.float64)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), np.float64)

    mean_a, mean_b = mean(a), mean(b)
    spread_a, spread_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    joint = mean(a * b) - mean_a * mean_b
    light, detail = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_a * mean_b + light) * (2 * joint + detail)
    return np.asarray(likeness / ((mean_a**2 + mean_b**2 + light) * (spread_a + spread_b + detail)))


def central(shape: tuple[int, int]) -> tuple[slice, slice]:
    """The middle of a chest film, half of its height and three quarters of its width: mostly lung."""
    rows, columns = shape
    return slice(rows // 4, rows * 3 // 4), slice(columns // 8, columns * 7 // 8)


def worst_block(original: Picture, copy: Picture) -> float:
    """PSNR of the block of 64 x 64 pixels that changed most, in dB."""
    rows, columns = (length // BLOCK * BLOCK for length in original.shape)
    error = (copy[:rows, :columns].astype(np.float64) - original[:rows, :columns]) ** 2
    blocks = error.reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK).mean(axis=(1, 3))
    return float(20 * np.log10(255 / np.sqrt(blocks.max())))


def run(pictures: Sequence[Picture], seed: int) -> None:
    """Print one row of least and mean values over all films."""
    measured = []
    for film, picture in enumerate(pictures):
        copy = embed(picture, marks(film, 1, seed)[0])
        field = central((picture.shape[0], picture.shape[1]))
        likeness = ssim(picture, copy)
        measured.append(
            (
                float(np.abs(copy.astype(int) - picture).max()),
                psnr(picture, copy),
                psnr(picture[field], copy[field]),
                worst_block(picture, copy),
                float(likeness.mean()),
                float(likeness[field].mean()),
            )
        )
    table = np.array(measured)
    print(f"{len(pictures)} films, seed {seed}; central field: half the height, 3/4 of the width\n")
    print(
        "| | greatest change (bound) | PSNR, dB | central field | worst block of 64 x 64 | SSIM | central |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, row in (("worst film", table.min(axis=0)), ("mean", table.mean(axis=0))):
        change = table[:, 0].max() if name == "worst film" else row[0]
        print(
            f"| {name} | {change:.1f} ({MAX_CHANGE}) | {row[1]:.2f} | {row[2]:.2f} | {row[3]:.2f} "
            f"| {row[4]:.4f} | {row[5]:.4f} |"
        )
