"""An image arrives: checked in a disposable worker, sealed, catalogued and recorded, then answered.

The order is what makes a crash harmless:

1. The keyed digest of the bytes finds a duplicate.
2. A disposable worker without keys decodes the file; what it refuses is recorded and goes no further.
3. The original is sealed and durable under a name that nothing lists yet.
4. Patient, study, image and ledger entry become durable in one transaction.
5. Only then is the answer "stored". A crash before step 4 leaves an object that no catalogue row
   names; a rerun stores the file again. The sketch that a trace needs comes after (`prevent.sketcher`).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from pleura.crypto.fields import blind_index
from pleura.crypto.keys import keyed_digest_of
from pleura.domain.errors import BadInput
from pleura.domain.ids import new_id
from pleura.domain.images import UNDESCRIBED, Description, Image, ImageFacts, SealedImage
from pleura.domain.ports import Clock, PictureWorker, Records, Unit
from pleura.domain.rasters import Received
from pleura.ledger.ledger import Ledger
from pleura.prevent.keyring import Keyring
from pleura.prevent.patients import admit_patient, admit_study
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
        with path.open("rb") as stream:
            content_index = keyed_digest_of(self.keyring.index_key, stream)
        with self.records.begin() as unit:
            known = unit.catalogue.image_by_content(content_index)
        if known is not None:
            return _duplicate(known)
        try:
            received = self.worker.receive(path, about)
            self._refuse_other_content(received.facts, content_index)
        except BadInput as refusal:
            self._record_refusal(refusal, content_index, actor)
            return Arrival(status="refused", refusal=refusal)
        return self._store(path, received, content_index, actor)

    def _store(self, path: Path, received: Received, content_index: bytes, actor: str) -> Arrival:
        image_id = new_id("image")
        with _original(path, received) as original:
            kept, dek = self.vault.keep(image_id, original, frames=received.facts.frames)
        with self.records.begin() as unit:
            # Another import of the same file may have finished while this one was sealing.
            known = unit.catalogue.image_by_content(content_index)
            if known is not None:
                return _duplicate(known)
            sealed = self._catalogue(unit, image_id, received.facts, kept, dek, content_index)
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
            instance_index=self._instance_index(facts),
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

    def _refuse_other_content(self, facts: ImageFacts, content_index: bytes) -> None:
        with self.records.begin() as unit:
            known = unit.catalogue.image_by_instance(self._instance_index(facts))
        # The same content may have been stored meanwhile by another import: that is a duplicate.
        if known is not None and known.content_index != content_index:
            raise BadInput(
                "instance-conflict",
                "the SOP Instance UID is already stored with other content, as {image}",
                "ask the sender which of the two is right; the stored one was not changed",
                image=known.image.id,
            )

    def _instance_index(self, facts: ImageFacts) -> bytes:
        return blind_index(self.keyring.index_key, "instance", facts.sop_instance_uid)

    def _record_refusal(self, refusal: BadInput, content_index: bytes, actor: str) -> None:
        with self.records.begin() as unit:
            self.ledger.append(
                unit.ledger, "refusal", actor, reason=refusal.code, content=content_index.hex()
            )


def _original(path: Path, received: Received) -> BinaryIO:
    """The bytes to seal: the file as received, or the DICOM instance made from a picture."""
    return path.open("rb") if received.instance is None else io.BytesIO(received.instance)


def _duplicate(known: SealedImage) -> Arrival:
    return Arrival(status="duplicate", image=known.image.id, study=known.image.study)
