"""Local features: RootSIFT on locally equalised pictures, quantised to bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pleura.domain.errors import BadInput
from pleura.imaging.work import Grey

ORIGINAL_FEATURES: Final = 1200
"""Kept of an original, strongest first."""

SUSPECT_FEATURES: Final = 2500

_CONTRAST: Final = 0.02  # half of SIFT's default: radiographs are soft
_SCALE: Final = 512.0  # RootSIFT entries are below 1/2 but for a few, which saturate

SQUARED_LENGTH: Final = _SCALE**2
"""Of every descriptor."""

_HEADER: Final = struct.Struct("<4sI")
_MAGIC: Final = b"PLF1"
_ROW: Final = np.dtype([("place", "<f4", (4,)), ("descriptor", "u1", (128,))])

FEATURES_BYTES: Final = _HEADER.size + ORIGINAL_FEATURES * _ROW.itemsize
"""Length of the byte form, always the same, so that it can be read from the head of a sketch."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """Keypoints and descriptors of one picture, strongest first."""

    places: NDArray[np.float32]
    """(n, 4): column, row, diameter in pixels, angle in degrees."""
    descriptors: NDArray[np.uint8]
    """(n, 128): RootSIFT times 512 (Arandjelovic and Zisserman, CVPR 2012)."""

    def to_bytes(self) -> bytes:
        """The byte form, ``FEATURES_BYTES`` long: magic, count, rows, zero padding."""
        rows = np.zeros(ORIGINAL_FEATURES, dtype=_ROW)
        count = min(len(self.places), ORIGINAL_FEATURES)
        rows["place"][:count] = self.places[:count]
        rows["descriptor"][:count] = self.descriptors[:count]
        return _HEADER.pack(_MAGIC, count) + rows.tobytes()

    @staticmethod
    def from_bytes(data: bytes) -> Features:
        """The features of a byte form; raises BadInput."""
        if len(data) != FEATURES_BYTES or not data.startswith(_MAGIC):
            raise BadInput("bad-features", "the features of an image are damaged", "import the image again")
        count = min(_HEADER.unpack_from(data)[1], ORIGINAL_FEATURES)
        rows = np.frombuffer(data, dtype=_ROW, offset=_HEADER.size)[:count]
        return Features(places=rows["place"], descriptors=rows["descriptor"])


def features(grey: Grey, most: int, *, smooth: float = 0.0) -> Features:
    """At most *most* features of a grey picture; *smooth* in pixels takes a screen's grid away first."""
    softened = cv2.GaussianBlur(grey, (0, 0), smooth) if smooth else grey
    equalised = cv2.createCLAHE(3.0, (8, 8)).apply(softened)
    detector = cv2.SIFT.create(nfeatures=most, contrastThreshold=_CONTRAST)
    keypoints, descriptors = detector.detectAndCompute(equalised, None)
    if descriptors is None:
        empty = np.zeros((0, 4), dtype=np.float32)
        return Features(places=empty, descriptors=np.zeros((0, 128), dtype=np.uint8))
    order = np.argsort([-keypoint.response for keypoint in keypoints], kind="stable")[:most]
    places = np.array([(*keypoints[n].pt, keypoints[n].size, keypoints[n].angle) for n in order])
    root = np.sqrt(descriptors[order] / (descriptors[order].sum(axis=1, keepdims=True) + 1e-9))
    quantised = np.clip(np.rint(root * _SCALE), 0, 255).astype(np.uint8)
    return Features(places=places.astype(np.float32), descriptors=quantised)


def unit(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Descriptors as float32 rows of unit length, so that a dot product is a similarity."""
    rows = descriptors.astype(np.float32)
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9), dtype=np.float32)
