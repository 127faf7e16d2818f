"""Nearest descriptors by comparing with every one, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class EveryDescriptor:
    """The port `Neighbours`: a code is the descriptor itself."""

    name = "every-descriptor"
    code_bytes = 128

    def __init__(self) -> None:
        self.codes = np.zeros((0, 128), dtype=np.uint8)
        self.numbers = np.zeros(0, dtype=np.int64)

    def encode(self, descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return descriptors

    def add(self, codes: NDArray[np.uint8], numbers: NDArray[np.int64]) -> None:
        self.codes = np.concatenate([self.codes, codes])
        self.numbers = np.concatenate([self.numbers, numbers])

    def nearest(
        self, descriptors: NDArray[np.uint8], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        ours, theirs = descriptors.astype(np.float32), self.codes.astype(np.float32)
        squares = (ours**2).sum(1)[:, None] + (theirs**2).sum(1)[None, :] - 2 * ours @ theirs.T
        count = min(count, len(theirs))
        order = np.argpartition(squares, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(squares, order, axis=1)
        within = np.argsort(near, axis=1, kind="stable")
        order = np.take_along_axis(order, within, axis=1)
        return np.take_along_axis(near, within, axis=1), self.numbers[order]
