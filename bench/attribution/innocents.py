"""Scores of copies that are not in the picture: standard normal, and below the bound in the tail."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from bench.attribution.rates.calibration import print_moments, print_tails, print_traces
from bench.attribution.stage import Picture, Shelf, marks, read

from pleura.imaging.mark.embed import embed
from pleura.imaging.mark.layout import Floats
from pleura.imaging.mark.read import Residual
from pleura.imaging.simulate.leaks import ATTACKS

SHOWN = ("none", "jpeg-50", "crop-25", "phone-photo", "print-scan", "noise-15", "unmarked")
_BATCH = 2000


def scores(own: Residual, count: int, dice: np.random.Generator) -> Floats:
    """z of *count* copies whose signs chance has just made."""
    row = np.concatenate([cells.ravel() for cells in own.cells])
    bits = np.unpackbits(np.frombuffer(dice.bytes(count * -(-row.size // 8)), np.uint8))
    signs = bits.reshape(count, -1)[:, : row.size].astype(np.float32)
    # A sum of signs +1 and -1 is twice the sum over the ones less the sum over all.
    return np.asarray(2 * (signs @ row) - row.sum(), np.float32)


def run(pictures: Sequence[Picture], shelf: Shelf, count: int, seed: int) -> Floats:
    """Print mean, deviation and tails of *count* innocent scores, over films of every kind; the scores."""
    suspects: list[Residual] = []
    for film, picture in enumerate(pictures):
        made = {film: marks(film, 3, seed)}
        copy = embed(picture, made[film][1])
        for attack in SHOWN:
            dice = np.random.default_rng((seed, film))
            found = read(picture if attack == "unmarked" else ATTACKS[attack](copy, dice), shelf, made)
            if found is not None:
                suspects.append(found.own)
    if not suspects:
        raise SystemExit("not one of these films is found again after an attack: are they radiographs?")
    dice = np.random.default_rng(seed)
    batches = math.ceil(count / len(suspects) / _BATCH)
    z = np.concatenate([scores(own, _BATCH, dice) for own in suspects for _ in range(batches)])
    print(f"{z.size:,} innocent copies against {len(suspects)} suspects, seed {seed}\n")
    print_moments(z)
    print_tails(z)
    print_traces(z)
    return z
