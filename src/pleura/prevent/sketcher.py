"""The sketches of originals, made after the originals are stored and before anything is looked for.

An arrival is answered when the original is durable; what a trace compares against follows from the
original alone, so it can be made later, and made again. Why so: docs/decisions/0005-sketches-come-after.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from pleura.domain.errors import BadInput, NotFound, PleuraError
from pleura.domain.ports import PictureWorker, Records
from pleura.imaging.match.sketch import make_sketch
from pleura.imaging.rasters import to_array
from pleura.prevent.vault import Vault, is_of_one_object

THREADS: Final = 2
"""One original is decoded in its worker while another is sketched."""


@dataclass(frozen=True, kw_only=True)
class Sketcher:
    """Makes the sketches that are missing."""

    records: Records
    vault: Vault
    worker: PictureWorker

    def pending(self) -> Sequence[str]:
        """The images that have no sketch yet, oldest first."""
        with self.records.read() as unit:
            return unit.catalogue.unsketched()

    def catch_up(
        self,
        advance: Callable[[int], None] = lambda _: None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make every missing sketch, or leave the rest once *is_stopped*; *advance* is told 1 after each.

        An original that is lost, or cannot be read or decoded now though it could when it came, stays
        pending. Safe to interrupt, and safe beside another one: whoever comes second keeps nothing. Raises
        EnvironmentFault for what is wrong with more than one object.
        """
        pool = ThreadPoolExecutor(THREADS)
        try:
            for _ in pool.map(self.make, self.pending()):
                advance(1)
                if is_stopped():
                    break
        finally:
            pool.shutdown(cancel_futures=True)

    def make(self, image: str) -> None:
        """Make the sketch of one image, unless its original does not open or decode now, or was erased."""
        self._make(image, instead_of=None)

    def renew(self, image: str) -> bool:
        """Whether a sketch was made again for an image whose sketch does not open; its original had to."""
        try:
            with self.records.read() as unit:
                damaged = unit.catalogue.image(image).sketch_name
        except NotFound:  # erased meanwhile
            return False
        return self._make(image, instead_of=damaged)

    def _make(self, image: str, *, instead_of: str | None) -> bool:
        """Whether there was an original to make it from."""
        try:
            display = self.worker.display(self.vault.original(image))
        except PleuraError as fault:
            if isinstance(fault, BadInput) or is_of_one_object(fault):
                return False  # The next ones must not wait for it; the doctor shows it.
            raise
        with contextlib.suppress(NotFound):  # erased meanwhile
            self.vault.add_sketch(image, make_sketch(to_array(display)).to_bytes(), instead_of=instead_of)
        return True
