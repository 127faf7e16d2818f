"""DICOM copies of 12 bits, shown in other windows than they were marked for, then photographed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bench.attribution.stage import Picture, Shelf, marks, read
from numpy.typing import NDArray

from pleura.domain.rasters import StoredPixels
from pleura.imaging.mark.embed import embed_stored, stored_bound
from pleura.imaging.match.sketch import make_sketch
from pleura.imaging.rasters import to_array, to_raster
from pleura.imaging.simulate.leaks import ATTACKS

BITS = 12
WHITE = 4095.0
WINDOWS = {
    "default": (0.0, 1.0),
    "wide, 150 %": (-0.25, 1.25),
    "narrow, 50 %": (0.25, 0.75),
    "lung": (0.05, 0.55),
}
"""Feet and heads of the ramps, as shares of the range."""
LEAKS = ("none", "jpeg-50", "phone-photo")


def stored_values(
    picture: Picture, dice: np.random.Generator, window: tuple[float, float] = (0.0, 1.0)
) -> NDArray[np.uint16]:
    """The film with 12 bits: its grey levels spread over a window, with the noise of a detector."""
    foot, width = window[0] * WHITE, (window[1] - window[0]) * (WHITE + 1)
    step = width / 256
    noise = dice.normal(0, 6, picture.shape) * (step / 16)
    spread = foot + (picture.astype(np.float32) + 0.5) * step + noise
    return np.clip(np.rint(spread), 0, WHITE).astype(np.uint16)


def shown(values: NDArray[np.uint16], window: tuple[float, float]) -> Picture:
    black, white = (share * WHITE for share in window)
    grey = np.rint((values - black) * (255 / (white - black)))
    return np.asarray(np.clip(grey, 0, 255), dtype=np.uint8)


def run(pictures: Sequence[Picture], seed: int) -> None:
    """Print how many copies are named in each window after each leak."""
    dice = np.random.default_rng(seed)
    originals = [stored_values(picture, dice) for picture in pictures]
    shelf = Shelf([make_sketch(shown(values, WINDOWS["default"])) for values in originals])
    made = {film: marks(film, 3, seed) for film in range(len(pictures))}
    copies, greatest, bound, power = [], 0, 0, list[float]()
    for film, values in enumerate(originals):
        stored = StoredPixels(raster=to_raster(values), bits_stored=BITS, black=0.0, white=WHITE)
        copy = to_array(embed_stored(stored, made[film][1]))
        bound = stored_bound(stored)
        change = copy.astype(np.int32) - values
        greatest, power = (
            max(greatest, int(np.abs(change).max())),
            [*power, float(np.sqrt(np.mean(change**2)))],
        )
        copies.append(copy)
    print(
        f"{len(pictures)} films of {BITS} bits, seed {seed}; stored values change by at most {greatest} "
        f"(bound {bound}) of {int(WHITE) + 1}, root mean square {np.mean(power):.1f}\n"
    )
    print("| window | leak | right | payload read | least z |")
    print("|---|---|---|---|---|")
    for window, ends in WINDOWS.items():
        for leak in LEAKS:
            found = [
                read(ATTACKS[leak](shown(copy, ends), np.random.default_rng((seed, film))), shelf, made)
                for film, copy in enumerate(copies)
            ]
            right = [
                each for film, each in enumerate(found) if each and (each.film, [*each.named]) == (film, [1])
            ]
            least = min((each.scores[1] for each in right), default=0.0)
            payloads = sum(each.payload == 1 for each in right)
            print(
                f"| {window} | {leak} | {len(right)}/{len(found)} | {payloads}/{len(found)} | {least:.1f} |",
                flush=True,
            )
