"""Which originals may a suspect picture come from: votes of similar features that agree in scale and turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pleura.imaging.match.features import Features, unit

_VOTERS: Final = 700  # features of the suspect that vote
_RIVALS: Final = 5  # an original must be nearer than the fifth best one, so follow-ups do not cancel out
_SCALE_BINS: Final = 8  # of half an octave
_TURN_BINS: Final = 18  # of 20 degrees


def rank(suspect: Features, originals: Sequence[Features]) -> list[int]:
    """Positions in *originals*, most votes first.

    A feature of the suspect votes for an original by how much nearer its best feature is than those
    of the rivals; votes count together when they agree in change of scale and turn (weak geometric
    consistency, Jegou, Douze and Schmid, ECCV 2008).
    """
    voters = unit(suspect.descriptors[:_VOTERS])
    if len(voters) == 0 or not originals:
        return list(range(len(originals)))
    nearest = np.zeros((len(originals), len(voters)), dtype=np.float32)
    partner = np.zeros((len(originals), len(voters)), dtype=np.int64)
    for number, original in enumerate(originals):
        if len(original.descriptors):
            likeness = voters @ unit(original.descriptors).T
            partner[number] = likeness.argmax(axis=1)
            nearest[number] = likeness.max(axis=1)
    rivals = min(_RIVALS, len(originals) - 1)
    bar = np.sort(nearest, axis=0)[len(originals) - 1 - rivals] if rivals else np.zeros(len(voters))
    gain = np.maximum(nearest - bar, 0)
    votes = [
        _agreeing(suspect.places[: len(voters)], original.places, partner[number], gain[number])
        for number, original in enumerate(originals)
    ]
    return [int(number) for number in np.argsort(-np.array(votes), kind="stable")]


def _agreeing(
    ours: NDArray[np.float32],
    theirs: NDArray[np.float32],
    partner: NDArray[np.int64],
    gain: NDArray[np.float32],
) -> float:
    """The weight of the votes in the fullest bin of scale and turn, its neighbours included."""
    if len(theirs) == 0:
        return 0.0
    met = theirs[partner]
    octave = np.log2(ours[:, 2] / met[:, 2]) * 2
    scale = np.clip(np.rint(octave) + _SCALE_BINS // 2, 0, _SCALE_BINS - 1).astype(np.int64)
    turn = np.floor(((ours[:, 3] - met[:, 3]) % 360) / (360 / _TURN_BINS)).astype(np.int64) % _TURN_BINS
    bins = np.zeros((_SCALE_BINS + 1, _TURN_BINS))
    np.add.at(bins, (scale, turn), gain)
    merged = bins[:-1] + bins[1:]
    merged = merged + np.roll(merged, 1, axis=1)
    return float(merged.max())
