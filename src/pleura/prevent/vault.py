"""The vault: sealed originals and their sketches, opened only by whoever holds the keyring."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import msgspec

from pleura.crypto.container import CHUNK, commitment_of, open_all, open_range, open_stream, seal
from pleura.crypto.fields import open_field, seal_field
from pleura.crypto.keys import derive, new_key, unwrap, wrap
from pleura.domain.errors import EnvironmentFault, NotFound, PleuraError, SealBroken
from pleura.domain.ids import new_id
from pleura.domain.images import Identity, Image, ImageFacts, Patient, SealedImage
from pleura.domain.ports import Catalogue, ObjectStore, Records
from pleura.imaging.match.sketch import FEATURES_BYTES
from pleura.prevent.keyring import Keyring
from pleura.prevent.patients import facts_context, kek_of, patient_index

FRAME_CHUNK: Final = 64 * 1024
"""Bytes of plaintext in a chunk of a multi-frame original, so that a frame can be read without the others."""

_PAGE: Final = 500

UNREADABLE: Final = frozenset({"object-unreadable", "disk-failing"})
"""What a place says of one file that it cannot read."""

_MAX_WORK: Final = 8 << 20  # a work image has about a million pixels; its PNG is smaller than this


@dataclass(frozen=True, kw_only=True)
class KeptObject:
    """One sealed object that is durable but not yet in the catalogue."""

    name: str
    size: int
    commitment: bytes


class Vault:
    """Sealed originals and sketches."""

    def __init__(self, records: Records, objects: ObjectStore, keyring: Keyring) -> None:
        self._records = records
        self._objects = objects
        self._keyring = keyring

    def keep(self, image_id: str, original: BinaryIO, *, frames: int = 1) -> tuple[KeptObject, bytes]:
        """The sealed *original*, durable when this returns, and its fresh DEK."""
        dek = new_key()
        chunk = CHUNK if frames == 1 else FRAME_CHUNK
        return self._keep(f"{image_id}/original", original, dek, chunk), dek

    def discard(self, kept: KeptObject) -> None:
        """Delete an object that no row names."""
        self._objects.delete(kept.name)

    def add_sketch(self, image_id: str, sketch: bytes, *, instead_of: str | None = None) -> None:
        """Seal *sketch* under the DEK of the image, which it belongs to when this returns.

        *instead_of* names the sketch that it takes the place of. Where the image was erased meanwhile, or
        got a sketch from somebody else, nothing is kept. A crash in between leaves an object that nothing
        lists. Raises NotFound.
        """
        sealed, patient = self._find(image_id)
        # A name of its own: one that a crash left behind must not be in the way.
        name = f"{image_id}/{new_id('sketch')}"
        kept = self._keep(name, io.BytesIO(sketch), self._dek(sealed, patient), CHUNK)
        with self._records.begin() as unit:
            if instead_of is not None:
                _forget_sketch(image_id, instead_of, unit.catalogue)
            wanted = unit.catalogue.set_sketch(image_id, kept.name, kept.commitment)
        unwanted = instead_of if wanted else kept.name
        if unwanted is not None:
            self._objects.delete(unwanted)

    def _keep(self, name: str, clear: BinaryIO, dek: bytes, chunk: int) -> KeptObject:
        pieces = seal(clear, dek, context=name.encode(), chunk_size=chunk)
        header = bytes(next(pieces))
        size = self._objects.put(name, itertools.chain([header], pieces))
        return KeptObject(name=name, size=size, commitment=commitment_of(header))

    def images(self) -> list[Image]:
        """All images, oldest first."""
        with self._records.read() as unit:
            return [sealed.image for sealed in unit.catalogue.images()]

    def sketched(self) -> list[str]:
        """The images that have a sketch, in no order."""
        with self._records.read() as unit:
            return list(unit.catalogue.sketched())

    def page(self, size: int, *, before: str | None = None, patient: str | None = None) -> list[Image]:
        """At most *size* images, newest first, from before the image *before*, of one patient or of all."""
        with self._records.read() as unit:
            return list(unit.catalogue.image_page(size, before, patient))

    def patient_called(self, patient_id: str, issuer: str = "") -> str | None:
        """The name of the patient with that patient ID, found through its blind index."""
        index = patient_index(self._keyring, Identity(patient_id=patient_id, issuer=issuer), "")
        with self._records.read() as unit:
            found = unit.catalogue.patient_by_index(index)
        return found.id if found else None

    def image(self, image_id: str) -> Image:
        """One image; raises NotFound."""
        return self._find(image_id)[0].image

    def original(self, image_id: str) -> bytes:
        """The original as received, whole; raises NotFound, SealBroken."""
        sealed, patient = self._find(image_id)
        with self._objects.open(sealed.object_name) as stream:
            return open_all(
                stream,
                self._dek(sealed, patient),
                context=sealed.object_name.encode(),
                commitment=sealed.object_commitment,
            )

    def check(self, sealed: SealedImage, *, whole: bool) -> None:
        """Return when every object of an image opens; raises NotFound, SealBroken.

        Not *whole*: the header, the first and the last chunk only.
        """
        for name, _ in objects_of(sealed):
            self.check_object(sealed, name, whole=whole)

    def check_object(self, sealed: SealedImage, name: str, *, whole: bool) -> None:
        """As `check`, of the object *name* alone."""
        with self._objects.open(name) as stream:
            self.prove(sealed, name, stream, whole=whole)

    def opens(self, sealed: SealedImage, name: str, *, whole: bool) -> bool:
        """Whether the object *name* of an image is there and opens; raises what is wrong with more."""
        try:
            self.check_object(sealed, name, whole=whole)
        except PleuraError as fault:
            if not is_of_one_object(fault):
                raise
            return False
        return True

    def broken(self, sealed: SealedImage) -> list[str]:
        """Names of the objects of an image that are missing, cannot be read or do not open; all is read."""
        found = []
        for name, _ in objects_of(sealed):
            try:
                self.check_object(sealed, name, whole=True)
            except (NotFound, SealBroken, EnvironmentFault):
                found.append(name)
        return found

    def prove(self, sealed: SealedImage, name: str, stream: BinaryIO, *, whole: bool) -> None:
        """Return when *stream* is the object *name* of an image as the catalogue has it; raises SealBroken.

        Not *whole*: the header, the first and the last chunk only.
        """
        with self._records.read() as unit:
            patient = unit.catalogue.patient(sealed.image.patient)
        pieces = open_stream(
            stream,
            self._dek(sealed, patient),
            context=name.encode(),
            commitment=dict(objects_of(sealed))[name],
        )
        for _ in pieces if whole else itertools.islice(pieces, 1):
            pass

    def facts(self, image_id: str) -> ImageFacts:
        """What was read in the original when it arrived."""
        return self.facts_of(*self._find(image_id))

    def facts_of(self, sealed: SealedImage, patient: Patient) -> ImageFacts:
        """The same of rows that are at hand."""
        context = facts_context(sealed.image.id)
        clear = open_field(kek_of(patient, self._keyring), sealed.sealed_facts, context)
        return msgspec.json.decode(clear, type=ImageFacts)

    def features(self, image_id: str) -> bytes:
        """The features of the original, ``FEATURES_BYTES`` long; the rest of the sketch stays sealed.

        Raises NotFound also where there is no sketch yet.
        """
        return self._sketch_part(image_id, 0, FEATURES_BYTES)

    def work(self, image_id: str) -> bytes:
        """The work image of the original, as `imaging.match` wrote it; raises NotFound as `features` does."""
        return self._sketch_part(image_id, FEATURES_BYTES, _MAX_WORK)

    def search_key(self, image_id: str) -> bytes:
        """The key of what the search keeps of an image; raises NotFound."""
        return derive(self._dek(*self._find(image_id)), "search")

    def seal_facts(self, image_id: str, facts: ImageFacts, patient: Patient) -> bytes:
        """*facts* sealed under the patient's key."""
        kek = kek_of(patient, self._keyring)
        return seal_field(kek, msgspec.json.encode(facts), facts_context(image_id))

    def wrap_dek(self, dek: bytes, patient: Patient) -> bytes:
        """*dek* wrapped by the patient's key."""
        return wrap(kek_of(patient, self._keyring), dek)

    def _find(self, image_id: str) -> tuple[SealedImage, Patient]:
        with self._records.read() as unit:
            sealed = unit.catalogue.image(image_id)
            return sealed, unit.catalogue.patient(sealed.image.patient)

    def _dek(self, sealed: SealedImage, patient: Patient) -> bytes:
        return unwrap(kek_of(patient, self._keyring), sealed.wrapped_dek)

    def _sketch_part(self, image_id: str, offset: int, length: int) -> bytes:
        sealed, patient = self._find(image_id)
        if sealed.sketch_name is None or sealed.sketch_commitment is None:
            raise NotFound(
                "sketch-missing",
                "the image {image} has no sketch yet",
                "make it with pleura doctor --repair",
                image=image_id,
            )
        with self._objects.open(sealed.sketch_name) as stream:
            return open_range(
                stream,
                self._dek(sealed, patient),
                slice(offset, offset + length),
                context=sealed.sketch_name.encode(),
                commitment=sealed.sketch_commitment,
            )


def every_image(records: Records) -> Iterator[SealedImage]:
    """All images by name, a page at a time: memory stays flat, and no transaction is open in between.

    What comes in meanwhile may be left out; what was there before the first page is not.
    """
    after = ""
    while True:
        with records.begin() as unit:
            page = unit.catalogue.sealed_page(after, _PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].image.id


def is_of_one_object(fault: PleuraError) -> bool:
    """Whether *fault* says of one stored object that it is missing, is damaged or cannot be read."""
    return isinstance(fault, NotFound | SealBroken) or fault.code in UNREADABLE


def _forget_sketch(image: str, name: str, catalogue: Catalogue) -> None:
    """Let an image have no sketch; a depot loses its box after the next backup, which names another one."""
    if catalogue.forget_sketch(image, name):
        for depot in catalogue.depots():
            catalogue.note_deletions(depot.name, [name])


def objects_of(sealed: SealedImage) -> Iterator[tuple[str, bytes]]:
    """Name and commitment of every object of one image; a sketch that is not made yet is none."""
    yield sealed.object_name, sealed.object_commitment
    if sealed.sketch_name is not None and sealed.sketch_commitment is not None:
        yield sealed.sketch_name, sealed.sketch_commitment
