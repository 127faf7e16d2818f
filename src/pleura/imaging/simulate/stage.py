"""A copy as a file is altered as if it had leaked, for doors that know no arrays."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pleura.imaging.simulate.leaks import ATTACKS, LEAKS

FIVE_LEAKS: Sequence[str] = tuple(LEAKS)
"""Names of the five leaks of the demo."""


def leak(attack: str, copy: bytes, seed: int) -> bytes:
    """The PNG of what somebody outside would hold of a PNG or JPEG *copy* after *attack*.

    *attack* is a name in ``leaks.ATTACKS``; the same *seed* gives the same bytes.
    """
    picture = cv2.imdecode(np.frombuffer(copy, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    leaked = ATTACKS[attack](np.asarray(picture, dtype=np.uint8), np.random.default_rng(seed))
    ordered = leaked[..., ::-1] if leaked.ndim == 3 else leaked
    return cv2.imencode(".png", ordered)[1].tobytes()
