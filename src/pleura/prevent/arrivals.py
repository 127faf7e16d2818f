"""An image arrives: checked in a disposable worker, sealed, catalogued and recorded, then answered.

The order is what makes a crash harmless:

1. The file is opened once; the keyed digest of its bytes finds a duplicate, if what is stored opens.
2. A disposable worker without keys decodes the file; what it refuses is recorded and goes no further.
3. The original is sealed and durable under a name that nothing lists yet; the digest of what was sealed
   is the one of step 1, or the file is refused.
4. Patient, study, image and ledger entry become durable in one transaction.
5. Only then is the answer "stored". A crash before step 4 leaves an object that no catalogue row
   names; a rerun stores the file again. The sketch that a trace needs comes after (`prevent.sketcher`).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

from pleura.crypto.keys import DigestingReader, keyed_digest, keyed_digest_of
from pleura.domain.errors import BadInput
from pleura.domain.ids import new_id
from pleura.domain.images import UNDESCRIBED, Description, Image, ImageFacts, SealedImage
from pleura.domain.ports import Clock, PictureWorker, Records, Unit
from pleura.domain.rasters import Received
from pleura.ledger.ledger import Ledger
from pleura.prevent.keyring import Keyring
from pleura.prevent.patients import admit_patient, admit_study, instance_index
from pleura.prevent.vault import KeptObject, Vault


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """What became of one file."""

    status: Literal["stored", "duplicate", "refused"]
    image: str | None = None
    study: str | None = None
    refusal: BadInput | None = None


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """The way in for images."""

    records: Records
    vault: Vault
    worker: PictureWorker
    ledger: Ledger
    keyring: Keyring
    clock: Clock

    def receive(self, path: Path, *, actor: str, about: Description = UNDESCRIBED) -> Arrival:
        """What became of the file at *path*; raises EnvironmentFault when it could not be stored.

        *about* describes a picture; a DICOM instance speaks for itself.
        """
        try:
            with self.worker.opened(path) as source:
                return self._receive(source, actor, about)
        except BadInput as refusal:
            self._record_refusal(refusal, keyed_digest(self.keyring.index_key, b""), actor)
            return Arrival(status="refused", refusal=refusal)

    def _receive(self, source: BinaryIO, actor: str, about: Description) -> Arrival:
        content_index = keyed_digest_of(self.keyring.index_key, source)
        with self.records.begin() as unit:
            known = unit.catalogue.image_by_content(content_index)
        try:
            if known is not None:
                return self._duplicate(known)
            received = self.worker.receive(source, about)
            return self._store(source, received, content_index, actor)
        except BadInput as refusal:
            self._record_refusal(refusal, content_index, actor)
            return Arrival(status="refused", refusal=refusal)

    def _store(self, source: BinaryIO, received: Received, content_index: bytes, actor: str) -> Arrival:
        """The arrival once it is durable; an object that ends up in no row is deleted again."""
        image_id = new_id("image")
        kept, dek = self._keep(image_id, source, received, content_index)
        try:
            arrival = self._record(image_id, received.facts, kept, dek, content_index, actor)
        except BadInput:
            self.vault.discard(kept)
            raise
        if arrival.status == "duplicate":
            self.vault.discard(kept)
        return arrival

    def _keep(
        self, image_id: str, source: BinaryIO, received: Received, content_index: bytes
    ) -> tuple[KeptObject, bytes]:
        """The sealed original and its DEK; raises BadInput where the file is not what was checked any more.

        Somebody may be writing the file still. What is sealed must be what was decoded and what the
        digest stands for, so the digest is made once more of the very bytes that are sealed.
        """
        source.seek(0)
        if received.instance is None:
            reader = DigestingReader(self.keyring.index_key, source)
            kept, dek = self.vault.keep(image_id, cast("BinaryIO", reader), frames=received.facts.frames)
            sealed = reader.digest()
        else:
            kept, dek = self.vault.keep(image_id, io.BytesIO(received.instance))
            sealed = keyed_digest_of(self.keyring.index_key, source)
        if sealed != content_index:
            self.vault.discard(kept)
            raise BadInput(
                "file-changed",
                "the file was changed while it was imported",
                "wait until whoever writes it is done, and import it again",
            )
        return kept, dek

    def _record(
        self,
        image_id: str,
        facts: ImageFacts,
        kept: KeptObject,
        dek: bytes,
        content_index: bytes,
        actor: str,
    ) -> Arrival:
        """Row and ledger entry in one transaction, unless another import was first; raises BadInput."""
        with self.records.begin() as unit:
            known = unit.catalogue.image_by_content(content_index)
            if known is not None:
                return self._duplicate(known)
            known = unit.catalogue.image_by_instance(instance_index(self.keyring, facts))
            if known is not None:
                raise BadInput(
                    "instance-conflict",
                    "the SOP Instance UID is already stored with other content, as {image}",
                    "ask the sender which of the two is right; the stored one was not changed",
                    image=known.image.id,
                )
            sealed = self._catalogue(unit, image_id, facts, kept, dek, content_index)
            self.ledger.append(
                unit.ledger,
                "import",
                actor,
                image=image_id,
                study=sealed.image.study,
                content=content_index.hex(),
                size=kept.size,
            )
        return Arrival(status="stored", image=image_id, study=sealed.image.study)

    def _catalogue(
        self, unit: Unit, image_id: str, facts: ImageFacts, kept: KeptObject, dek: bytes, content_index: bytes
    ) -> SealedImage:
        patient = admit_patient(facts, unit.catalogue, self.keyring)
        study = admit_study(facts, patient, unit.catalogue, self.keyring)
        sealed = SealedImage(
            image=Image(
                id=image_id,
                study=study.id,
                patient=patient.id,
                modality=facts.modality,
                device_serial=facts.device.serial_number,
                rows=facts.rows,
                columns=facts.columns,
                bits_stored=facts.bits_stored,
                origin=facts.origin,
                received_at=self.clock.now(),
            ),
            content_index=content_index,
            instance_index=instance_index(self.keyring, facts),
            object_name=kept.name,
            object_size=kept.size,
            object_commitment=kept.commitment,
            sketch_name=None,
            sketch_commitment=None,
            wrapped_dek=self.vault.wrap_dek(dek, patient),
            sealed_facts=self.vault.seal_facts(image_id, facts, patient),
        )
        unit.catalogue.add_image(sealed)
        return sealed

    def _record_refusal(self, refusal: BadInput, content_index: bytes, actor: str) -> None:
        with self.records.begin() as unit:
            self.ledger.append(
                unit.ledger, "refusal", actor, reason=refusal.code, content=content_index.hex()
            )

    def _duplicate(self, known: SealedImage) -> Arrival:
        """The answer to a film that is stored already; raises BadInput where what is stored does not open.

        Whoever hears "duplicate" may delete the film.
        """
        if self.vault.opens(known, known.object_name, whole=False):
            return Arrival(status="duplicate", image=known.image.id, study=known.image.study)
        raise BadInput(
            "stored-image-damaged",
            "the film is stored as {image}, but what is stored of it is missing or damaged",
            "keep this file, it may be the only good one; pleura doctor names the command that brings the "
            "image back from a backup",
            image=known.image.id,
        )
