"""The vault: sealed originals and their sketches, opened only by whoever holds the keyring."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO, Final

import msgspec

from pleura.crypto.container import open_all, open_range, seal
from pleura.crypto.fields import open_field, seal_field
from pleura.crypto.keys import new_key, unwrap, wrap
from pleura.domain.images import Image, ImageFacts, Patient, SealedImage
from pleura.domain.ports import ObjectStore, Records
from pleura.imaging.match.sketch import FEATURES_BYTES
from pleura.prevent.keyring import Keyring
from pleura.prevent.patients import kek_of

_MAX_WORK: Final = 8 << 20  # a work image has about a million pixels; its PNG is smaller than this


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Two sealed objects that are durable but not yet in the catalogue."""

    object_name: str
    object_size: int
    sketch_name: str
    dek: bytes


class Vault:
    """Sealed originals and sketches."""

    def __init__(self, records: Records, objects: ObjectStore, keyring: Keyring) -> None:
        self._records = records
        self._objects = objects
        self._keyring = keyring

    def keep(self, image_id: str, original: BinaryIO, sketch: bytes) -> Kept:
        """Names and key of the sealed *original* and *sketch*, both durable when this returns."""
        dek = new_key()

        def put(part: str, clear: BinaryIO) -> tuple[str, int]:
            name = f"{image_id}/{part}"
            return name, self._objects.put(name, seal(clear, dek, context=name.encode()))

        object_name, object_size = put("original", original)
        sketch_name, _ = put("sketch", io.BytesIO(sketch))
        return Kept(object_name=object_name, object_size=object_size, sketch_name=sketch_name, dek=dek)

    def images(self) -> list[Image]:
        """All images, oldest first."""
        with self._records.begin() as unit:
            return [sealed.image for sealed in unit.catalogue.images()]

    def image(self, image_id: str) -> Image:
        """One image; raises NotFound."""
        return self._find(image_id)[0].image

    def original(self, image_id: str) -> bytes:
        """The original as received, whole; raises NotFound, SealBroken."""
        sealed, patient = self._find(image_id)
        return self._open(sealed.object_name, self._dek(sealed, patient))

    def facts(self, image_id: str) -> ImageFacts:
        """What was read in the original when it arrived."""
        sealed, patient = self._find(image_id)
        clear = open_field(kek_of(patient, self._keyring), sealed.sealed_facts, _facts_context(image_id))
        return msgspec.json.decode(clear, type=ImageFacts)

    def features(self, image_id: str) -> bytes:
        """The features of the original, ``FEATURES_BYTES`` long; the rest of the sketch stays sealed."""
        return self._sketch_part(image_id, 0, FEATURES_BYTES)

    def work(self, image_id: str) -> bytes:
        """The work image of the original, as `imaging.match` wrote it."""
        return self._sketch_part(image_id, FEATURES_BYTES, _MAX_WORK)

    def seal_facts(self, image_id: str, facts: ImageFacts, patient: Patient) -> bytes:
        """*facts* sealed under the patient's key."""
        kek = kek_of(patient, self._keyring)
        return seal_field(kek, msgspec.json.encode(facts), _facts_context(image_id))

    def wrap_dek(self, dek: bytes, patient: Patient) -> bytes:
        """*dek* wrapped by the patient's key."""
        return wrap(kek_of(patient, self._keyring), dek)

    def _find(self, image_id: str) -> tuple[SealedImage, Patient]:
        with self._records.begin() as unit:
            sealed = unit.catalogue.image(image_id)
            return sealed, unit.catalogue.patient(sealed.image.patient)

    def _dek(self, sealed: SealedImage, patient: Patient) -> bytes:
        return unwrap(kek_of(patient, self._keyring), sealed.wrapped_dek)

    def _sketch_part(self, image_id: str, offset: int, length: int) -> bytes:
        sealed, patient = self._find(image_id)
        name = sealed.sketch_name
        with self._objects.open(name) as stream:
            dek = self._dek(sealed, patient)
            return open_range(stream, dek, offset, length, context=name.encode())

    def _open(self, name: str, dek: bytes) -> bytes:
        with self._objects.open(name) as stream:
            return open_all(stream, dek, context=name.encode())


def _facts_context(image_id: str) -> bytes:
    return f"facts/{image_id}".encode()
