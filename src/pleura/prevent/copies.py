"""A copy leaves: its record is in the ledger before its first byte exists."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from typing import Final

import msgspec

from pleura.crypto.fields import open_field, seal_field
from pleura.crypto.keys import digest
from pleura.crypto.payload import payload_of, write_payload
from pleura.domain.copies import CopyForm, CopyRecord, SealedCopy
from pleura.domain.errors import LedgerBroken, NotFound
from pleura.domain.ids import new_id
from pleura.domain.ports import Catalogue, Clock, PictureWorker, Records, Unit
from pleura.imaging.mark.embed import embed, embed_stored
from pleura.imaging.mark.layout import MARK_VERSION, PLAN_BYTES, STREAM_BYTES, Mark
from pleura.imaging.rasters import encode_jpeg, encode_png, to_array, to_raster
from pleura.ledger.ledger import Ledger
from pleura.prevent.custody.rules import refuse_restricted
from pleura.prevent.keyring import Keyring
from pleura.prevent.patients import kek_of, record_context
from pleura.prevent.vault import Vault

JPEG_QUALITY: Final = 95

DERIVATION: Final = "marked copy made by pleura; the invisible mark names one recipient"


@dataclass(frozen=True, kw_only=True)
class CopyRequest:
    """What somebody asks for: one rendition of one image for one recipient and purpose."""

    image: str
    recipient: str
    purpose: str
    form: CopyForm


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
        """One marked copy; raises NotFound, BadInput, Refused, and what keeps the ledger from being written.

        1. Everything that can fail on the original happens first.
        2. The record becomes durable in catalogue and ledger, unless a restriction was answered meanwhile.
        3. Only then are the marked bytes made.
        """
        self._refuse_restricted(request.image)
        facts = self.vault.facts(request.image)
        original = self.vault.original(request.image)
        record = CopyRecord(
            copy=new_id("copy"),
            image=request.image,
            recipient=request.recipient,
            purpose=request.purpose,
            form=request.form,
            issued_at=self.clock.now(),
            patient_id=facts.identity.patient_id,
            device_serial=facts.device.serial_number,
            mark_version=MARK_VERSION,
        )
        if request.form == "dicom":
            stored = self.worker.stored(original)
            self._write_record(record, actor)
            pixels = embed_stored(stored, self._mark(record))
            content = self.worker.derive(original, pixels, _derived_uid(), DERIVATION)
            return IssuedCopy(record=record, content=content)
        display = to_array(self.worker.display(original))
        self._write_record(record, actor)
        marked = to_raster(embed(display, self._mark(record)))
        content = encode_png(marked) if request.form == "png" else encode_jpeg(marked, JPEG_QUALITY)
        return IssuedCopy(record=record, content=content)

    def marks(self, image_id: str) -> dict[str, int]:
        """Of all copies made of one image, oldest first: the name and the version of the mark."""
        with self.records.read() as unit:
            return {copy.copy: copy.mark_version for copy in unit.catalogue.copies_of(image_id)}

    def record(self, image_id: str, copy: str) -> CopyRecord:
        """The record of one copy, proven to be the one in the ledger; raises NotFound, LedgerBroken."""
        with self.records.read() as unit:
            return self.proven(_find(image_id, copy, unit.catalogue), unit)

    def records_of(self, image_id: str) -> list[CopyRecord]:
        """The proven records of all copies of one image, newest first."""
        with self.records.read() as unit:
            return [self.proven(copy, unit) for copy in reversed(unit.catalogue.copies_of(image_id))]

    def proven(self, sealed: SealedCopy, unit: Unit) -> CopyRecord:
        """The record of a row that is at hand; raises NotFound, SealBroken, LedgerBroken."""
        patient = unit.catalogue.patient(unit.catalogue.image(sealed.image).image.patient)
        entry = self.ledger.entry(unit.ledger, sealed.ledger_index)
        kek = kek_of(patient, self.keyring)
        clear = open_field(kek, sealed.sealed_record, record_context(sealed.copy))
        if entry.facts.get("record") != digest(clear).hex():
            raise LedgerBroken(
                "copy-record-changed",
                "the record of {copy} is not the one that the ledger holds",
                "run pleura audit verify and keep this home as it is: it is evidence",
                copy=sealed.copy,
            )
        return msgspec.json.decode(clear, type=_Document).record

    def _refuse_restricted(self, image_id: str) -> None:
        with self.records.read() as unit:
            refuse_restricted(unit.catalogue.image(image_id).image, unit.catalogue)

    def _write_record(self, record: CopyRecord, actor: str) -> None:
        clear = msgspec.json.encode(_Document(salt=secrets.token_hex(32), record=record))
        with self.records.begin() as unit:
            image = unit.catalogue.image(record.image).image
            refuse_restricted(image, unit.catalogue)
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
