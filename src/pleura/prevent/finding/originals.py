"""The search over all originals: an index in memory that follows the catalogue.

The catalogue says what can be found. Whatever the packs or the index have beyond it is left out, and what
they lack is taken from the sketches, so a pack that is damaged, ahead or behind changes no answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from typing import Final

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
        self._lock = threading.Lock()

    def candidates(self, suspect: Features, limit: int) -> Sequence[tuple[str, Features]]:
        """At most *limit* originals with their features, most votes first."""
        self.prepare()
        with self._lock:
            images = self._index.candidates(suspect, limit)
        stored = [(image, self._archive.features(image)) for image in images]
        return [(image, Features.from_bytes(features)) for image, features in stored if features is not None]

    @cached_property
    def _index(self) -> FeatureIndex:
        return FeatureIndex(self._engine())

    def prepare(self, *, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Sketch what came in since the last time and let the index have what the catalogue has."""
        self._sketcher.catch_up(is_stopped=is_stopped)
        wanted = set(self._vault.sketched())
        with self._lock:
            self._index.remove(self._index.images - wanted)
            if not self._packs_read:
                self._index.add(self._packed(wanted))
                self._packs_read = True
            missing = sorted(wanted - self._index.images)
            for start in range(0, len(missing), _BATCH):
                self._take(missing[start : start + _BATCH])

    def strays(self) -> Collection[str]:
        """What the packs hold of images that are in the catalogue no more."""
        return self._packs.images() - set(self._vault.sketched())

    def sweep(self) -> None:
        """Let the packs have nothing of images that are in the catalogue no more."""
        self._packs.forget(self.strays())

    def _packed(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for image, part in self._packs.read(self._index.form, self._vault.search_key):
            if image in wanted:
                yield image, part

    def _take(self, images: Sequence[str]) -> None:
        """Add *images* from their sketches; one whose sketch is lost for good stays out."""
        stored = [(image, self._archive.features(image)) for image in images]
        parts = [
            (image, self._index.encode(Features.from_bytes(features)))
            for image, features in stored
            if features is not None
        ]
        self._index.add(parts)
        self._packs.write(self._index.form, parts, self._vault.search_key)
