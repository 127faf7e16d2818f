"""The code of the payload: a polar code of length 1024, decoded as a list whose check is the payload's MAC.

Arikan, "Channel polarization", IEEE Transactions on Information Theory 55 (2009); Tal and Vardy, "List
decoding of polar codes", ibid. 61 (2015). The order of the channels is the beta expansion of He et al.,
"Beta-expansion: a theoretical framework for fast and recursive construction of polar codes", GLOBECOM 2017.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

PAYLOAD_BYTES: Final = 20
WORD_BITS: Final = 1024

_LEVELS: Final = 10
_PATHS: Final = 32

Bits = NDArray[np.uint8]
Floats = NDArray[np.float32]


def encode(payload: bytes) -> Bits:
    """The code word of a payload: ``WORD_BITS`` of 0 and 1."""
    if len(payload) != PAYLOAD_BYTES:
        raise ValueError(f"a payload has {PAYLOAD_BYTES} bytes, {len(payload)} given")
    word = np.zeros(WORD_BITS, dtype=np.uint8)
    word[_CARRIERS] = np.unpackbits(np.frombuffer(payload, np.uint8))
    for level in range(_LEVELS):
        pairs = word.reshape(-1, 2, 1 << level)
        pairs[:, 0] ^= pairs[:, 1]
    return word


def decode(soft: Floats) -> list[bytes]:
    """The payloads that *soft* may stand for, likeliest first, at most 32.

    *soft* holds ``WORD_BITS`` numbers, positive where the bit looks like 0, in any scale. Whoever calls
    takes the one whose MAC is right, or none.
    """
    paths = _Paths(soft)
    for position in range(WORD_BITS):
        paths.step(position, free=bool(_IS_CARRIER[position]))
    likeliest = np.argsort(paths.penalty, kind="stable")
    return [np.packbits(paths.bits[path, _CARRIERS]).tobytes() for path in likeliest]


def _carriers() -> NDArray[np.int64]:
    """The positions that carry the payload: the most reliable channels, in ascending order."""
    position = np.arange(WORD_BITS)
    weight = sum(((position >> level) & 1) * 2 ** (level / 4) for level in range(_LEVELS))
    return np.sort(np.argsort(-np.asarray(weight), kind="stable")[: PAYLOAD_BYTES * 8])


_CARRIERS: Final = _carriers()
_IS_CARRIER: Final = np.isin(np.arange(WORD_BITS), _CARRIERS)


class _Paths:
    """The likeliest beginnings of the word so far, by successive cancellation with min-sum."""

    def __init__(self, soft: Floats) -> None:
        self.bits = np.zeros((_PATHS, WORD_BITS), dtype=np.uint8)
        # All paths begin alike, so only the first of them counts.
        self.penalty = np.full(_PATHS, np.inf)
        self.penalty[0] = 0
        self._soft = [np.zeros((_PATHS, 1 << level), dtype=np.float32) for level in range(_LEVELS + 1)]
        self._soft[_LEVELS][:] = soft
        self._left = [np.zeros((_PATHS, 1 << level), dtype=np.uint8) for level in range(_LEVELS)]

    def step(self, position: int, *, free: bool) -> None:
        """Decide the bit at *position*: 0 where it is not *free*, else both ways and the best paths kept."""
        self._look(position)
        looks = self._soft[0][:, 0]
        if free:
            self._fork(position, looks)
        else:
            self.penalty += np.where(looks < 0, -looks, 0)
        self._fold(position)

    def _look(self, position: int) -> None:
        """What the word says of the bit at *position*, given the bits before it."""
        level = _LEVELS
        if position:
            level = (position & -position).bit_length() - 1
            first, second = _halves(self._soft[level + 1])
            self._soft[level] = second + np.where(self._left[level] == 1, -first, first)
        while level:
            first, second = _halves(self._soft[level])
            level -= 1
            least = np.minimum(np.abs(first), np.abs(second))
            self._soft[level] = np.where((first < 0) ^ (second < 0), -least, least)

    def _fork(self, position: int, looks: Floats) -> None:
        """Every path goes both ways; the best of twice as many stay."""
        penalties = np.concatenate([self.penalty, self.penalty + np.abs(looks)])
        kept = np.argpartition(penalties, _PATHS - 1)[:_PATHS]
        parent, turned = kept % _PATHS, kept >= _PATHS
        bits = (looks[parent] < 0) ^ turned
        self.penalty = penalties[kept]
        self.bits = self.bits[parent]
        self.bits[:, position] = bits
        self._soft = [part[parent] for part in self._soft[:-1]] + self._soft[-1:]
        self._left = [part[parent] for part in self._left]

    def _fold(self, position: int) -> None:
        """Join the decided bit to its neighbours, so that later bits can be told what is known."""
        right, level = self.bits[:, position : position + 1], 0
        while position >> level & 1:
            right = np.concatenate([self._left[level] ^ right, right], axis=1)
            level += 1
        if level < _LEVELS:
            self._left[level] = right


def _halves(soft: Floats) -> tuple[Floats, Floats]:
    middle = soft.shape[1] // 2
    return soft[:, :middle], soft[:, middle:]
