"""Scores of copies that are not in the picture: standard normal, and below the bound in the tail."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from bench.attribution.stage import Picture, Shelf, marks, read

from pleura.imaging.mark.embed import embed
from pleura.imaging.mark.layout import Floats
from pleura.imaging.simulate.leaks import ATTACKS

SHOWN = ("none", "jpeg-50", "crop-25", "phone-photo", "print-scan", "noise-15", "unmarked")
TAILS = (1.0, 2.0, 3.0, 4.0, 4.5, 5.0)
_BATCH = 2000


def run(pictures: Sequence[Picture], shelf: Shelf, count: int, seed: int) -> None:
    """Print mean, deviation and tails of *count* innocent scores, over films of every kind."""
    rows: list[Floats] = []
    for film, picture in enumerate(pictures):
        made = {film: marks(film, 3, seed)}
        copy = embed(picture, made[film][1])
        for attack in SHOWN:
            dice = np.random.default_rng((seed, film))
            found = read(picture if attack == "unmarked" else ATTACKS[attack](copy, dice), shelf, made)
            if found is not None:
                rows.append(np.concatenate([cells.ravel() for cells in found.own.cells]))
    dice = np.random.default_rng(seed)
    scores: list[Floats] = []
    for row in rows:
        for _ in range(math.ceil(count / len(rows) / _BATCH)):
            bits = np.unpackbits(np.frombuffer(dice.bytes(_BATCH * -(-row.size // 8)), np.uint8))
            signs = bits.reshape(_BATCH, -1)[:, : row.size].astype(np.float32)
            # A sum of signs +1 and -1 is twice the sum over the ones less the sum over all.
            scores.append(2 * (signs @ row) - row.sum())
    z = np.concatenate(scores).astype(np.float64)
    deviation = z.std()
    print(f"{z.size:,} innocent copies against {len(rows)} suspects, seed {seed}\n")
    print("| mean | standard deviation | kurtosis (normal: 3) | greatest |")
    print("|---|---|---|---|")
    print(f"| {z.mean():.5f} | {deviation:.5f} | {np.mean((z / deviation) ** 4):.4f} | {z.max():.2f} |\n")
    print("| t | scores above t | expected of a normal | Hoeffding's bound, which is reported |")
    print("|---|---|---|---|")
    for tail in TAILS:
        normal = z.size * math.erfc(tail / math.sqrt(2)) / 2
        print(
            f"| {tail} | {(z > tail).sum():,} | {normal:,.1f} | {z.size * math.exp(-tail * tail / 2):,.1f} |"
        )
