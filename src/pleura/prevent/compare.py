"""A copy beside its original, for somebody inside who may see both: an access, recorded as one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pleura.crypto.keys import keyed_digest_of
from pleura.domain.copies import CopyRecord
from pleura.domain.errors import BadInput
from pleura.domain.ports import PictureWorker, Records
from pleura.domain.rasters import Raster, StoredPixels
from pleura.imaging.mark.embed import MAX_CHANGE, displayed_bound, stored_bound
from pleura.imaging.rasters import decode_own, to_array
from pleura.imaging.safety.likeness import (
    Measured,
    StoredChange,
    alike,
    greatest_change,
    measure,
    stored_change,
)
from pleura.ledger.ledger import Ledger
from pleura.prevent.copies import Copies
from pleura.prevent.custody.rules import refuse_restricted
from pleura.prevent.vault import Vault


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How much one pixel of the copy may change by its mark."""

    displayed: int
    """Grey levels of the default display, where that is a straight window."""
    stored: int | None
    """Stored values; None where the copy is a rendition of 8 bits."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What one copy does to what a reader sees."""

    record: CopyRecord
    given: bool
    """Whether a file that was given took the place of the copy as it left."""
    original: Raster
    """As displayed, 8 bits."""
    copy: Raster
    measured: Measured
    stored: StoredChange | None
    bounds: Bounds
    by_mark: int | None
    """Greatest change of a JPEG copy before it was compressed: what the mark did of it; else None."""


@dataclass(frozen=True, kw_only=True)
class _Copy:
    shown: Raster
    stored: Raster | None
    uncompressed: Raster | None
    content: str | None
    """Keyed digest of the file that was given."""


@dataclass(frozen=True, kw_only=True)
class Comparisons:
    """Compares copies with their originals."""

    records: Records
    vault: Vault
    worker: PictureWorker
    copies: Copies
    ledger: Ledger

    def compare(self, image: str, copy: str, file: Path | None = None, *, actor: str) -> Comparison:
        """One copy beside its original; raises NotFound, BadInput, Refused, LedgerBroken.

        The copy is made again from its record, or is in *file*. The ledger has the entry before anything is
        answered.
        """
        record = self.copies.record(image, copy)
        with self.records.read() as unit:
            refuse_restricted(unit.catalogue.image(image).image, unit.catalogue)
        original = self.vault.original(image)
        shown = self.worker.display(original)
        found = self._made(record, original) if file is None else self._given(record, file)
        values = self.worker.stored(original) if record.form == "dicom" else None
        comparison = Comparison(
            record=record,
            given=file is not None,
            original=shown,
            copy=found.shown,
            measured=measure(*alike(to_array(shown), to_array(found.shown))),
            stored=_stored_change(values, found),
            bounds=_bounds(record, values),
            by_mark=greatest_change(to_array(shown), to_array(found.uncompressed))
            if found.uncompressed
            else None,
        )
        self._write(record, found, actor)
        return comparison

    def _made(self, record: CopyRecord, original: bytes) -> _Copy:
        pixels = self.copies.pixels(record, original)
        if record.form == "png":
            return _Copy(shown=pixels, stored=None, uncompressed=None, content=None)
        content = self.copies.encoded(pixels, record, original)
        if record.form == "jpeg":
            return _Copy(shown=decode_own(content), stored=None, uncompressed=pixels, content=None)
        return _Copy(shown=self.worker.display(content), stored=pixels, uncompressed=None, content=None)

    def _given(self, record: CopyRecord, file: Path) -> _Copy:
        with self.worker.opened(file) as source:
            digest = keyed_digest_of(self.copies.keyring.index_key, source).hex()
            shown = self.worker.suspect(source)
            stored = None
            if record.form == "dicom":
                source.seek(0)
                stored = self.worker.stored(_instance(source.read())).raster
        return _Copy(shown=shown, stored=stored, uncompressed=None, content=digest)

    def _write(self, record: CopyRecord, found: _Copy, actor: str) -> None:
        with self.records.begin() as unit:
            refuse_restricted(unit.catalogue.image(record.image).image, unit.catalogue)
            content = {"content": found.content} if found.content else {}
            self.ledger.append(unit.ledger, "compare", actor, copy=record.copy, image=record.image, **content)


def _instance(content: bytes) -> bytes:
    """The bytes of a DICOM file; raises BadInput for any other."""
    # A quarter of a second that no other command should pay for.
    from pleura.imaging.dicom.structure import is_part10  # noqa: PLC0415

    if not is_part10(content):
        raise BadInput(
            "compare-form",
            "this copy left as a DICOM file, and the file that was given is none",
            "give the DICOM file; what was made from it is for pleura trace",
        )
    return content


def _bounds(record: CopyRecord, original: StoredPixels | None) -> Bounds:
    if not record.is_marked:
        return Bounds(displayed=0, stored=0 if original else None)
    if original is None:
        return Bounds(displayed=MAX_CHANGE, stored=None)
    return Bounds(displayed=displayed_bound(original), stored=stored_bound(original))


def _stored_change(original: StoredPixels | None, copy: _Copy) -> StoredChange | None:
    if original is None or copy.stored is None:
        return None
    return stored_change(*alike(to_array(original.raster), to_array(copy.stored)))
