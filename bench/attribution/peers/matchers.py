"""Other ways to tell which original a picture shows."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from bench.attribution.peers.markers import Absent
from bench.attribution.stage import Picture
from PIL import Image

from pleura.imaging.work import shrunk

_ORB_SIDE, _ORB_FEATURES, _ORB_RATIO, _ORB_REACH = 1024, 2000, 0.8, 5.0
_PAIRS = 8


@dataclass(frozen=True, kw_only=True)
class Matcher:
    """How a picture is described, and how alike two descriptions are: higher is more alike."""

    name: str
    unit: str
    describe: Callable[[Picture], Any]
    """Of a grey picture."""
    likeness: Callable[[Any, Any], float]


def matchers() -> tuple[list[Matcher], list[Absent]]:
    """The matchers that can run here, and those that cannot."""
    found: list[Matcher] = [_orb()]
    absent: list[Absent] = []
    for name, maker in {"PDQ": _pdq, "pHash": _phash}.items():
        try:
            found.append(maker())
        except ModuleNotFoundError as missing:
            absent.append(Absent(name, f"not installed: {missing.name}"))
    return found, absent


def _pdq() -> Matcher:
    """PDQ: 256 bits of a discrete cosine transform (ThreatExchange)."""
    library: Any = importlib.import_module("pdqhash")

    def describe(picture: Picture) -> Any:
        return np.asarray(library.compute(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB))[0], np.uint8)

    return Matcher(name="PDQ", unit="of 256 bits", describe=describe, likeness=_agreeing_bits)


def _phash() -> Matcher:
    """pHash as ImageHash makes it: 64 bits of a discrete cosine transform."""
    library: Any = importlib.import_module("imagehash")

    def describe(picture: Picture) -> Any:
        return np.asarray(library.phash(Image.fromarray(picture)).hash, np.uint8).ravel()

    return Matcher(name="pHash", unit="of 64 bits", describe=describe, likeness=_agreeing_bits)


def _orb() -> Matcher:
    """ORB (Rublee et al., ICCV 2011): features that agree on one homography."""
    # A corner need stand out by a third of the default only: radiographs are soft.
    detector = cv2.ORB.create(nfeatures=_ORB_FEATURES, fastThreshold=7)

    def describe(picture: Picture) -> Any:
        keypoints, descriptors = detector.detectAndCompute(shrunk(picture, _ORB_SIDE), None)
        return np.array([point.pt for point in keypoints], np.float32), descriptors

    return Matcher(name="ORB", unit="inliers", describe=describe, likeness=_inliers)


def _agreeing_bits(first: Any, second: Any) -> float:
    return float((first == second).sum())


def _inliers(suspect: Any, original: Any) -> float:
    """Features of the suspect that one homography lays over their partners in the original."""
    (ours, mine), (theirs, yours) = suspect, original
    if mine is None or yours is None or min(len(mine), len(yours)) < _PAIRS:
        return 0.0
    pairs: Sequence[Any] = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(mine, yours, k=2)
    near = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _ORB_RATIO * pair[1].distance]
    if len(near) < _PAIRS:
        return 0.0
    from_there = theirs[[each.trainIdx for each in near]]
    to_here = ours[[each.queryIdx for each in near]]
    homography, inlying = cv2.findHomography(from_there, to_here, cv2.RANSAC, _ORB_REACH)
    return float(inlying.sum()) if np.shape(homography) == (3, 3) else 0.0
