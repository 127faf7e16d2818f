"""Learns the centroids of the feature index from phantoms: ``python -m bench.search.codebook FILE``.

The file goes to ``src/pleura/adapters/codebook.npz``. Another file is another engine: the name of the engine
in ``pleura.adapters.neighbours`` has to change with it, so that every home makes its packs again.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import faiss
import numpy as np

from pleura.imaging.match.sketch import make_sketch
from pleura.imaging.simulate.phantom import phantom

_SEEDS: Final = range(1000, 1060)
_SAMPLE: Final = 72_000
_SIDE: Final = 128


def learn() -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    """``coarse`` (2, 256, 64) and ``fine`` (32, 256, 4), as float32."""
    films = [make_sketch((phantom(seed) >> 4).astype(np.uint8)).features for seed in _SEEDS]
    rows = np.concatenate([film.descriptors for film in films]).astype(np.float32)
    rows = rows[np.random.default_rng(1).permutation(len(rows))[:_SAMPLE]]
    index = faiss.index_factory(_SIDE, "IMI2x8,PQ32")
    index.train(rows)
    lists = faiss.downcast_index(index.quantizer).pq
    return {
        "coarse": faiss.vector_to_array(lists.centroids).reshape(2, 256, 64),
        "fine": faiss.vector_to_array(index.pq.centroids).reshape(32, 256, 4),
    }


if __name__ == "__main__":
    np.savez_compressed(Path(sys.argv[1]), **learn())
