"""A copy leaves: its record is in the ledger before its first byte exists, marked or not."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from typing import Final

import msgspec

from pleura.crypto.fields import open_field, seal_field
from pleura.crypto.keys import digest
from pleura.crypto.payload import payload_of, write_payload
from pleura.domain.copies import NO_MARK, CopyForm, CopyRecord, SealedCopy
from pleura.domain.errors import BadInput, LedgerBroken, NotFound, Refused
from pleura.domain.ids import new_id
from pleura.domain.images import ImageFacts
from pleura.domain.ports import Catalogue, Clock, PictureWorker, Records, Unit
from pleura.domain.rasters import Raster, StoredPixels
from pleura.imaging.mark.embed import embed, embed_stored
from pleura.imaging.mark.layout import MARK_VERSION, PLAN_BYTES, STREAM_BYTES, Mark
from pleura.imaging.rasters import encode_jpeg, encode_png, to_array, to_raster
from pleura.ledger.ledger import Ledger
from pleura.prevent.custody.rules import refuse_restricted, refuse_unmarked
from pleura.prevent.keyring import Keyring
from pleura.prevent.patients import kek_of, record_context
from pleura.prevent.vault import Vault

JPEG_QUALITY: Final = 95

DERIVATION: Final = "marked copy made by pleura; the invisible mark names one recipient"
UNMARKED_DERIVATION: Final = "copy made by pleura without a mark; the stored values are those of the original"


@dataclass(frozen=True, kw_only=True)
class CopyRequest:
    """What somebody asks for: one rendition of one image for one recipient and purpose."""

    image: str
    recipient: str
    purpose: str
    form: CopyForm
    no_mark_reason: str | None = None
    """Why it is to carry no mark; only where the rule allows that."""


@dataclass(frozen=True, kw_only=True)
class IssuedCopy:
    """A copy that may leave: its record and its bytes."""

    record: CopyRecord
    content: bytes


class _Document(msgspec.Struct, frozen=True):
    """A copy record with the salt that keeps its digest in the ledger from being guessed."""

    salt: str
    record: CopyRecord


@dataclass(frozen=True, kw_only=True)
class Copies:
    """The way out for images."""

    records: Records
    vault: Vault
    worker: PictureWorker
    ledger: Ledger
    keyring: Keyring
    clock: Clock

    def issue(self, request: CopyRequest, *, actor: str) -> IssuedCopy:
        """One copy; raises NotFound, BadInput, Refused, and what keeps the ledger from being written.

        1. Everything that can fail on the original happens first.
        2. The record becomes durable in catalogue and ledger, unless a rule says no by now.
        3. Only then are the bytes made, with their mark.

        A refusal is recorded as well.
        """
        try:
            return self._issue(request, actor)
        except Refused as refusal:
            with self.records.begin() as unit:
                self.ledger.append(
                    unit.ledger, "copy-refused", actor, image=request.image, reason=refusal.code
                )
            raise

    def pixels(self, record: CopyRecord, original: bytes) -> Raster:
        """What the copy of a record has for pixels, made again: the same keys, the same mark, every time.

        8-bit as displayed, or the stored values where its form is DICOM. Raises BadInput for a mark of a
        version that is no longer made, and what is wrong with *original*.
        """
        if record.mark_version not in {NO_MARK, MARK_VERSION}:
            raise BadInput(
                "mark-version-old",
                "the mark of {copy} is of version {version}, which is read and no longer made",
                "give the file that left: --file FILE",
                copy=record.copy,
                version=record.mark_version,
            )
        return self._marked(self._decoded(record.form, original), record)

    def encoded(self, pixels: Raster, record: CopyRecord, original: bytes) -> bytes:
        """The file that leaves; of a DICOM copy, with a UID that no other has."""
        if record.form == "dicom":
            derivation = DERIVATION if record.is_marked else UNMARKED_DERIVATION
            return self.worker.derive(original, pixels, _derived_uid(), derivation)
        return encode_png(pixels) if record.form == "png" else encode_jpeg(pixels, JPEG_QUALITY)

    def marks(self, image_id: str) -> dict[str, int]:
        """Of all marked copies made of one image, oldest first: the name and the version of the mark."""
        with self.records.read() as unit:
            copies = unit.catalogue.copies_of(image_id)
            return {copy.copy: copy.mark_version for copy in copies if copy.mark_version != NO_MARK}

    def unmarked(self, image_id: str) -> list[CopyRecord]:
        """The proven records of the copies of one image that left without a mark, oldest first."""
        with self.records.read() as unit:
            copies = unit.catalogue.copies_of(image_id)
            return [self.proven(copy, unit) for copy in copies if copy.mark_version == NO_MARK]

    def record(self, image_id: str, copy: str) -> CopyRecord:
        """The record of one copy, proven to be the one in the ledger; raises NotFound, LedgerBroken."""
        with self.records.read() as unit:
            return self.proven(_find(image_id, copy, unit.catalogue), unit)

    def records_of(self, image_id: str) -> list[CopyRecord]:
        """The proven records of all copies of one image, newest first."""
        with self.records.read() as unit:
            return [self.proven(copy, unit) for copy in reversed(unit.catalogue.copies_of(image_id))]

    def proven(self, sealed: SealedCopy, unit: Unit) -> CopyRecord:
        """The record of a row that is at hand; raises NotFound, SealBroken, LedgerBroken.

        The row says the same of the mark: whoever changed it there would hide the copy from every trace.
        """
        patient = unit.catalogue.patient(unit.catalogue.image(sealed.image).image.patient)
        entry = self.ledger.entry(unit.ledger, sealed.ledger_index)
        kek = kek_of(patient, self.keyring)
        clear = open_field(kek, sealed.sealed_record, record_context(sealed.copy))
        said = entry.facts.get("record"), entry.facts.get("mark_version")
        if said != (digest(clear).hex(), sealed.mark_version):
            raise LedgerBroken(
                "copy-record-changed",
                "the record of {copy} is not the one that the ledger holds",
                "run pleura audit verify and keep this home as it is: it is evidence",
                copy=sealed.copy,
            )
        return msgspec.json.decode(clear, type=_Document).record

    def _issue(self, request: CopyRequest, actor: str) -> IssuedCopy:
        self._permit(request)
        facts = self.vault.facts(request.image)
        original = self.vault.original(request.image)
        record = self._record_of(request, facts)
        decoded = self._decoded(record.form, original)
        self._write_record(record, actor)
        content = self.encoded(self._marked(decoded, record), record, original)
        return IssuedCopy(record=record, content=content)

    def _permit(self, request: CopyRequest) -> None:
        """Return when the rules let this copy leave; raises NotFound, Refused."""
        with self.records.read() as unit:
            refuse_restricted(unit.catalogue.image(request.image).image, unit.catalogue)
            if request.no_mark_reason is None:
                return
            refuse_unmarked(request.image, unit.catalogue)
        if request.form != "dicom":
            raise Refused(
                "unmarked-form",
                "a copy of {image} without a mark is for diagnosis, and {form} is not",
                "choose --form dicom, or leave out --no-mark",
                image=request.image,
                form=request.form,
            )

    def _record_of(self, request: CopyRequest, facts: ImageFacts) -> CopyRecord:
        return CopyRecord(
            copy=new_id("copy"),
            image=request.image,
            recipient=request.recipient,
            purpose=request.purpose,
            form=request.form,
            issued_at=self.clock.now(),
            patient_id=facts.identity.patient_id,
            device_serial=facts.device.serial_number,
            mark_version=MARK_VERSION if request.no_mark_reason is None else NO_MARK,
            no_mark_reason=request.no_mark_reason,
        )

    def _decoded(self, form: CopyForm, original: bytes) -> StoredPixels | Raster:
        return self.worker.stored(original) if form == "dicom" else self.worker.display(original)

    def _marked(self, decoded: StoredPixels | Raster, record: CopyRecord) -> Raster:
        if not record.is_marked:
            return decoded.raster if isinstance(decoded, StoredPixels) else decoded
        if isinstance(decoded, StoredPixels):
            return embed_stored(decoded, self._mark(record))
        return to_raster(embed(to_array(decoded), self._mark(record)))

    def _write_record(self, record: CopyRecord, actor: str) -> None:
        clear = msgspec.json.encode(_Document(salt=secrets.token_hex(32), record=record))
        with self.records.begin() as unit:
            image = unit.catalogue.image(record.image).image
            refuse_restricted(image, unit.catalogue)
            allowed = {} if record.is_marked else {"unmarked": refuse_unmarked(image.id, unit.catalogue)}
            patient = unit.catalogue.patient(image.patient)
            receipt = self.ledger.append(
                unit.ledger,
                "copy",
                actor,
                copy=record.copy,
                image=record.image,
                form=record.form,
                mark_version=record.mark_version,
                record=digest(clear).hex(),
                **allowed,
            )
            unit.catalogue.add_copy(
                SealedCopy(
                    copy=record.copy,
                    image=record.image,
                    issued_at=record.issued_at,
                    ledger_index=receipt.index,
                    mark_version=record.mark_version,
                    sealed_record=seal_field(
                        kek_of(patient, self.keyring), clear, record_context(record.copy)
                    ),
                )
            )

    def _mark(self, record: CopyRecord) -> Mark:
        key = self.keyring.payload_key(record.image)
        return Mark(
            own=self.keyring.mark_stream(record.image, record.copy, STREAM_BYTES),
            plan=self.keyring.plan_stream(record.image, PLAN_BYTES),
            payload=write_payload(key, payload_of(key, record)),
        )


def _find(image_id: str, copy: str, catalogue: Catalogue) -> SealedCopy:
    for sealed in catalogue.copies_of(image_id):
        if sealed.copy == copy:
            return sealed
    raise NotFound("copy-unknown", "there is no copy {copy}", "list the copies of the image", copy=copy)


def _derived_uid() -> str:
    """A fresh SOP Instance UID from 122 random bits (DICOM PS3.5 B.2, UUID-derived)."""
    return f"2.25.{uuid.uuid4().int}"
