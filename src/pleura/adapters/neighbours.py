"""The engine of the feature index: an inverted multi-index over product-quantised descriptors, by faiss.

The lists are the pairs of 256 by 256 centroids of the two halves of a descriptor (Babenko and Lempitsky,
IEEE TPAMI 37, 2015), and what a pair leaves over is kept in 32 bytes (Jegou, Douze and Schmid, IEEE TPAMI
33, 2011). The centroids come with pleura: they were learnt from phantoms (``python -m
bench.search.codebook``), so they say nothing about anybody, and the code of a film never depends on which
films came before it.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

_SIDE: Final = 128
_HALVES: Final = 2
_BITS: Final = 8
_CODE_BYTES: Final = 32
_LIST_BYTES: Final = 2
_PROBES: Final = range(16, 64)
"""Lists that are looked through for one descriptor: most where the lists are short."""

_CODES: Final = 1 << 26
"""Codes times lists from which fewer lists are enough: there are rivals to compare with in each."""

CODEBOOK: Final = "codebook.npz"


class InvertedLists:
    """The port `Neighbours`."""

    name: Final = "faiss-imi2x8-pq32-1"
    code_bytes: Final = _LIST_BYTES + _CODE_BYTES

    def __init__(self) -> None:
        with files("pleura.adapters").joinpath(CODEBOOK).open("rb") as stream:
            book = np.load(stream)
            self._lists = _multi_index(book["coarse"])
            self._index = _inverted(self._lists, book["fine"])

    def encode(self, descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(n, ``code_bytes``): list and remainder of each descriptor."""
        if not len(descriptors):
            return np.zeros((0, self.code_bytes), dtype=np.uint8)
        return np.asarray(self._index.sa_encode(descriptors.astype(np.float32)), dtype=np.uint8)

    def add(self, codes: NDArray[np.uint8], numbers: NDArray[np.int64]) -> None:
        """Keep *codes* under *numbers*."""
        self._index.add_sa_codes(codes, numbers)

    def nearest(
        self, descriptors: NDArray[np.uint8], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Squared distances and numbers, (n, *count*) each, nearest first; -1 where there are fewer."""
        lists = _CODES // max(1, self._index.ntotal)
        self._index.nprobe = min(max(lists, _PROBES.start), _PROBES.stop)
        distances, numbers = self._index.search(descriptors.astype(np.float32), count)
        return distances, numbers


def _multi_index(centroids: NDArray[np.float32]) -> Any:
    lists = faiss.MultiIndexQuantizer(_SIDE, _HALVES, _BITS)
    faiss.copy_array_to_vector(centroids.astype(np.float32).ravel(), lists.pq.centroids)
    lists.ntotal = 1 << (_HALVES * _BITS)
    lists.is_trained = True
    return lists


def _inverted(lists: Any, centroids: NDArray[np.float32]) -> Any:
    index = faiss.IndexIVFPQ(lists, _SIDE, lists.ntotal, _CODE_BYTES, _BITS)
    faiss.copy_array_to_vector(centroids.astype(np.float32).ravel(), index.pq.centroids)
    index.is_trained = True
    index.precompute_table()
    return index
