"""A suspect picture as it may have to be looked at: as it is, mirrored, as a negative."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pleura.imaging.match.features import SUSPECT_FEATURES, Features, features
from pleura.imaging.work import Grey, luma, shrunk

SUSPECT_SIDE: Final = 1280
"""Long side in pixels at which a suspect is looked at: a quarter more than the work grid."""

_GRID_BLUR: Final = 1.0  # pixels; takes the sub-pixel grid of a photographed screen away


@dataclass(frozen=True, kw_only=True)
class View:
    """One way to look at the suspect."""

    grey: Grey
    features: Features


def views(suspect: NDArray[Any]) -> Iterator[View]:
    """The views of an 8-bit grey or RGB picture, likeliest first, each made only when asked for."""
    grey = np.ascontiguousarray(shrunk(luma(suspect), SUSPECT_SIDE), dtype=np.uint8)
    for picture in (grey, np.ascontiguousarray(grey[:, ::-1]), np.bitwise_not(grey)):
        yield View(grey=picture, features=features(picture, SUSPECT_FEATURES, smooth=_GRID_BLUR))
