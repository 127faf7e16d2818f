"""The sketches of originals, made after the originals are stored and before anything is looked for.

An arrival is answered when the original is durable; what a trace compares against follows from the
original alone, so it can be made later, and made again. Why so: docs/decisions/0005-sketches-come-after.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from pleura.domain.errors import BadInput, NotFound
from pleura.domain.ports import PictureWorker, Records
from pleura.imaging.match.sketch import make_sketch
from pleura.imaging.rasters import to_array
from pleura.prevent.vault import Vault

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

        An original that cannot be decoded now, though it could when it came, stays pending. Safe to
        interrupt, and safe beside another one: whoever comes second keeps nothing. Raises
        EnvironmentFault, SealBroken.
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
        """Make the sketch of one image, unless its worker refuses it now or it was erased meanwhile."""
        try:
            display = self.worker.display(self.vault.original(image))
            self.vault.add_sketch(image, make_sketch(to_array(display)).to_bytes())
        except (BadInput, NotFound):
            return  # The next ones must not wait for it; what stays pending is shown by the doctor.
