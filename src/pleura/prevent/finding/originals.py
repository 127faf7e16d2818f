"""The search over all originals: an index in memory that follows the catalogue.

The catalogue says what can be found. Whatever the packs or the index have beyond it is left out, and what
they lack is taken from the sketches, so a pack that is damaged, ahead or behind changes no answer.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from typing import Final

from pleura.domain.errors import BadInput
from pleura.domain.ports import Archive
from pleura.imaging.match.features import Features
from pleura.imaging.match.index import FeatureIndex, Neighbours
from pleura.prevent.finding.packs import Packs
from pleura.prevent.sketcher import Sketcher
from pleura.prevent.vault import Vault

_BATCH: Final = 256
"""Originals that go into a pack together: about 10 MB."""


class Originals:
    """Every original of the vault, to be asked which of them a picture may come from."""

    def __init__(
        self,
        vault: Vault,
        sketcher: Sketcher,
        archive: Archive,
        packs: Packs,
        engine: Callable[[], Neighbours],
    ) -> None:
        self._vault = vault
        self._sketcher = sketcher
        self._archive = archive
        self._packs = packs
        self._engine = engine
        self._packs_read = False
        self._lost: set[str] = set()
        self._lock = threading.Lock()

    @cached_property
    def _index(self) -> FeatureIndex:
        return FeatureIndex(self._engine())

    def prepare(self, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Sketch what came in since the last time and let the index have what the catalogue has.

        *is_stopped* is asked between batches; the rest is left for the next time.
        """
        self._sketcher.catch_up(is_stopped=is_stopped)
        with self._lock:
            wanted = set(self._vault.sketched())
            if not self._packs_read:
                packed = (part for part in self._packs.read(self._index.form, self._vault.search_key))
                while not is_stopped() and (some := list(itertools.islice(packed, _BATCH))):
                    self._index.add((image, part) for image, part in some if image in wanted)
                self._packs_read = not is_stopped()
            missing = sorted(wanted - self._index.images - self._lost)
            for start in range(0, len(missing), _BATCH):
                if is_stopped():
                    return
                self._take(missing[start : start + _BATCH])

    def candidates(self, suspect: Features, limit: int) -> Sequence[tuple[str, Features]]:
        """At most *limit* originals with their features, most votes first, as of the last `prepare`."""
        with self._lock:
            images = self._index.candidates(suspect, limit)
        stored = [(image, self._features(image)) for image in images]
        return [(image, features) for image, features in stored if features is not None]

    def strays(self) -> Collection[str]:
        """What the packs hold of images that are in the catalogue no more."""
        return self._packs.images() - set(self._vault.sketched())

    def sweep(self) -> None:
        """Let the packs have nothing of images that are in the catalogue no more."""
        self._packs.forget(self.strays())

    def _take(self, images: Sequence[str]) -> None:
        """Add *images* from their sketches; one whose features are lost is left to the next process."""
        stored = [(image, self._features(image)) for image in images]
        parts = [(image, self._index.encode(features)) for image, features in stored if features is not None]
        self._lost |= {image for image, features in stored if features is None}
        self._index.add(parts)
        self._packs.write(self._index.form, parts, self._vault.search_key)

    def _features(self, image: str) -> Features | None:
        """The features of an original; None where they are lost, and so is what they were made from."""
        found = self._stored(image)
        # What opens and is not what this version writes is made again.
        return self._stored(image) if found is None and self._sketcher.renew(image) else found

    def _stored(self, image: str) -> Features | None:
        stored = self._archive.features(image)
        try:
            return Features.from_bytes(stored) if stored is not None else None
        except BadInput:
            return None
