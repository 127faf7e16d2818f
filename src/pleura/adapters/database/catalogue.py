"""The catalogue: nouns in, rows out, within one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from pleura.adapters.database import schema
from pleura.domain.copies import SealedCopy
from pleura.domain.custody.erasure import BegunErasure, ErasureRequest, Restriction
from pleura.domain.errors import NotFound
from pleura.domain.images import Image, Patient, SealedImage, Study
from pleura.domain.installation import Account, Depot, InstallationKey, KeyPurpose, PatientKey

_IMAGE_FIELDS: Final = frozenset(field.name for field in fields(Image))
_ROWS_AT_A_TIME: Final = 500


class SqlCatalogue:
    """The port `Catalogue` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_key(self, key: InstallationKey) -> None:
        """Store one wrapped key of the installation."""
        self._connection.execute(insert(schema.installation_keys), _values(key))

    def key(self, purpose: KeyPurpose) -> InstallationKey | None:
        """The wrapped key for *purpose*."""
        table = schema.installation_keys
        row = self._one(select(table).where(table.c.purpose == purpose))
        return InstallationKey(**row) if row else None

    def replace_key(self, key: InstallationKey) -> None:
        """Store another wrapping of a key of the installation."""
        table = schema.installation_keys
        statement = update(table).where(table.c.purpose == key.purpose)
        self._connection.execute(statement.values(root_epoch=key.root_epoch, wrapped=key.wrapped))

    def patient_keys(self, after: str, limit: int) -> Sequence[PatientKey]:
        """At most *limit* patient keys, by patient, following the patient *after*."""
        table = schema.patient_keys
        statement = select(table).where(table.c.patient > after).order_by(table.c.patient).limit(limit)
        return [PatientKey(**_named(row)) for row in self._connection.execute(statement).mappings()]

    def replace_patient_keys(self, keys: Sequence[PatientKey]) -> None:
        """Store other wrappings of patient keys."""
        table = schema.patient_keys
        statement = (
            update(table)
            .where(table.c.patient == bindparam("of"))
            .values(root_epoch=bindparam("epoch"), wrapped_kek=bindparam("wrapped"))
        )
        rows = [{"of": key.patient, "epoch": key.root_epoch, "wrapped": key.wrapped_kek} for key in keys]
        self._connection.execute(statement, rows)

    def add_patient(self, patient: Patient) -> None:
        """Store a patient, and her key in the table of keys."""
        self._connection.execute(
            insert(schema.patients),
            {"id": patient.id, "index": patient.index, "sealed_identity": patient.sealed_identity},
        )
        self._connection.execute(
            insert(schema.patient_keys),
            {
                "patient": patient.id,
                "root_epoch": patient.root_epoch,
                "wrapped_kek": patient.wrapped_kek,
            },
        )

    def patient(self, patient_id: str) -> Patient:
        """One patient; raises NotFound."""
        row = self._one(_patients().where(schema.patients.c.id == patient_id))
        if row is None:
            raise NotFound(
                "patient-unknown",
                "there is no patient {patient}",
                "list the images and their patients with pleura images",
                patient=patient_id,
            )
        return Patient(**row)

    def patient_by_index(self, index: bytes) -> Patient | None:
        """The patient with that keyed digest."""
        row = self._one(_patients().where(schema.patients.c.index == index))
        return Patient(**row) if row else None

    def add_study(self, study: Study) -> None:
        """Store a study."""
        self._connection.execute(insert(schema.studies), _values(study))

    def study_by_index(self, index: bytes) -> Study | None:
        """The study with that keyed digest."""
        row = self._one(select(schema.studies).where(schema.studies.c.index == index))
        return Study(**row) if row else None

    def add_image(self, image: SealedImage) -> None:
        """Store an image."""
        values = {name: value for name, value in _values(image).items() if name != "image"}
        self._connection.execute(insert(schema.images), values | _values(image.image))

    def image(self, image_id: str) -> SealedImage:
        """One image; raises NotFound."""
        image = self._image(schema.images.c.id == image_id)
        if image is None:
            raise NotFound(
                "image-unknown",
                "there is no image {image}",
                "list the images with pleura images",
                image=image_id,
            )
        return image

    def image_by_content(self, index: bytes) -> SealedImage | None:
        """The image with that keyed digest of its bytes."""
        return self._image(schema.images.c.content_index == index)

    def image_by_instance(self, index: bytes) -> SealedImage | None:
        """The image with that keyed digest of its SOP Instance UID."""
        return self._image(schema.images.c.instance_index == index)

    def images(self) -> Iterator[SealedImage]:
        """All images, oldest first, some hundred in memory at a time."""
        table = schema.images
        statement = select(table).order_by(table.c.received_at, table.c.id)
        result = self._connection.execute(statement.execution_options(yield_per=_ROWS_AT_A_TIME))
        return (_sealed_image(row) for row in result.mappings())

    def sealed_page(self, after: str, limit: int) -> Sequence[SealedImage]:
        """At most *limit* images, by name, following the image *after*."""
        table = schema.images
        statement = select(table).where(table.c.id > after).order_by(table.c.id).limit(limit)
        return [_sealed_image(row) for row in self._connection.execute(statement).mappings()]

    def image_page(self, size: int, before: str | None, patient: str | None) -> Sequence[Image]:
        """At most *size* images, newest first, from before the image *before*, of one patient or of all."""
        table = schema.images
        statement = select(*(table.c[name] for name in sorted(_IMAGE_FIELDS)))
        if patient is not None:
            statement = statement.where(table.c.patient == patient)
        if before is not None:
            last = self.image(before).image
            statement = statement.where(tuple_(table.c.received_at, table.c.id) < (last.received_at, last.id))
        statement = statement.order_by(table.c.received_at.desc(), table.c.id.desc()).limit(size)
        return [Image(**_named(row)) for row in self._connection.execute(statement).mappings()]

    def image_count(self) -> int:
        """The number of images."""
        return int(self._connection.execute(select(func.count()).select_from(schema.images)).scalar_one())

    def sketched(self) -> Sequence[str]:
        """The images that have a sketch, in no order."""
        table = schema.images
        statement = select(table.c.id).where(table.c.sketch_name.is_not(None))
        return list(self._connection.execute(statement).scalars())

    def unsketched(self) -> Sequence[str]:
        """The images that have no sketch yet, oldest first."""
        table = schema.images
        statement = select(table.c.id).where(table.c.sketch_name.is_(None)).order_by(table.c.received_at)
        return list(self._connection.execute(statement).scalars())

    def set_sketch(self, image: str, name: str, commitment: bytes) -> bool:
        """Whether *image* is there and had no sketch; then it has this one now."""
        table = schema.images
        statement = update(table).where(table.c.id == image, table.c.sketch_name.is_(None))
        values = {"sketch_name": name, "sketch_commitment": commitment}
        return self._connection.execute(statement.values(values)).rowcount == 1

    def forget_sketch(self, image: str, name: str) -> bool:
        """Whether *image* had the sketch *name*; then it has none now."""
        table = schema.images
        statement = update(table).where(table.c.id == image, table.c.sketch_name == name)
        values = {"sketch_name": None, "sketch_commitment": None}
        return self._connection.execute(statement.values(values)).rowcount == 1

    def images_of_study(self, study: str) -> Sequence[SealedImage]:
        """All images of one study."""
        return self._images(schema.images.c.study == study)

    def images_of_patient(self, patient: str) -> Sequence[SealedImage]:
        """All images of one patient."""
        return self._images(schema.images.c.patient == patient)

    def erase_image(self, image: str) -> None:
        """Delete an image with its wrapped key, its copies, and its study when that is empty then."""
        study = self.image(image).image.study
        self._connection.execute(delete(schema.copies).where(schema.copies.c.image == image))
        self._connection.execute(delete(schema.images).where(schema.images.c.id == image))
        self._connection.execute(
            delete(schema.studies).where(
                schema.studies.c.id == study,
                ~select(schema.images.c.id).where(schema.images.c.study == study).exists(),
            )
        )

    def erase_patient(self, patient: str) -> None:
        """Delete a patient and her key; her images are gone already."""
        self._connection.execute(delete(schema.patient_keys).where(schema.patient_keys.c.patient == patient))
        self._connection.execute(delete(schema.patients).where(schema.patients.c.id == patient))

    def rekey(self, patient: Patient, images: Sequence[SealedImage], copies: Sequence[SealedCopy]) -> None:
        """Store another key of a patient, and what hangs on it under that key."""
        table = schema.patients
        statement = update(table).where(table.c.id == patient.id)
        self._connection.execute(statement.values(sealed_identity=patient.sealed_identity))
        self.replace_patient_keys(
            [PatientKey(patient=patient.id, root_epoch=patient.root_epoch, wrapped_kek=patient.wrapped_kek)]
        )
        for sealed in images:
            each = update(schema.images).where(schema.images.c.id == sealed.image.id)
            self._connection.execute(
                each.values(wrapped_dek=sealed.wrapped_dek, sealed_facts=sealed.sealed_facts)
            )
        for copy in copies:
            one = update(schema.copies).where(schema.copies.c.copy == copy.copy)
            self._connection.execute(one.values(sealed_record=copy.sealed_record))

    def add_copy(self, copy: SealedCopy) -> None:
        """Store a copy; its ledger entry comes first."""
        self._connection.execute(insert(schema.copies), _values(copy))

    def copies_of(self, image_id: str) -> Sequence[SealedCopy]:
        """All copies of one image, oldest first."""
        table = schema.copies
        statement = select(table).where(table.c.image == image_id).order_by(table.c.ledger_index)
        return [SealedCopy(**_named(row)) for row in self._connection.execute(statement).mappings()]

    def add_account(self, account: Account) -> None:
        """Store an account."""
        self._connection.execute(insert(schema.accounts), _values(account))

    def account(self, name: str) -> Account | None:
        """The account of that name."""
        row = self._one(select(schema.accounts).where(schema.accounts.c.name == name))
        return Account(**row) if row else None

    def policy(self, name: str) -> str | None:
        """The value of a rule of this installation."""
        table = schema.policies
        row = self._one(select(table).where(table.c.name == name))
        return str(row["value"]) if row else None

    def set_policy(self, name: str, value: str) -> None:
        """Set a rule of this installation."""
        table = schema.policies
        self._connection.execute(delete(table).where(table.c.name == name))
        self._connection.execute(insert(table), {"name": name, "value": value})

    def restrict(self, restriction: Restriction) -> None:
        """Store a restriction, once."""
        if self.restricted([restriction.subject]) is None:
            self._connection.execute(insert(schema.restrictions), _values(restriction))

    def lift(self, subject: str) -> None:
        """Remove the restriction of *subject*."""
        table = schema.restrictions
        self._connection.execute(delete(table).where(table.c.subject == subject))

    def restricted(self, subjects: Sequence[str]) -> Restriction | None:
        """The oldest restriction that lies on one of *subjects*."""
        table = schema.restrictions
        statement = select(table).where(table.c.subject.in_(subjects)).order_by(table.c.since).limit(1)
        row = self._one(statement)
        return Restriction(**row) if row else None

    def add_erasure_request(self, request: ErasureRequest) -> None:
        """Store a request for erasure."""
        self._connection.execute(insert(schema.erasure_requests), _values(request))

    def erasure_request(self, name: str) -> ErasureRequest | None:
        """The request of that name, or for that subject."""
        table = schema.erasure_requests
        row = self._one(select(table).where((table.c.name == name) | (table.c.subject == name)))
        return ErasureRequest(**row) if row else None

    def erasure_requests(self) -> Sequence[ErasureRequest]:
        """The requests that wait, oldest first."""
        table = schema.erasure_requests
        rows = self._connection.execute(select(table).order_by(table.c.asked_at, table.c.name)).mappings()
        return [ErasureRequest(**_named(row)) for row in rows]

    def drop_erasure_request(self, name: str) -> None:
        """Remove a request for erasure."""
        table = schema.erasure_requests
        self._connection.execute(delete(table).where(table.c.name == name))

    def begin_erasure(self, erasure: BegunErasure) -> None:
        """Store an erasure that is under way; its ledger entry comes first."""
        values = _values(erasure) | {"images": " ".join(erasure.images)}
        self._connection.execute(insert(schema.erasures), values)

    def begun_erasures(self) -> Sequence[BegunErasure]:
        """The erasures under way, oldest first."""
        statement = select(schema.erasures).order_by(schema.erasures.c.ledger_index)
        rows = [_named(row) for row in self._connection.execute(statement).mappings()]
        return [BegunErasure(**{**row, "images": tuple(row["images"].split())}) for row in rows]

    def end_erasure(self, subject: str) -> None:
        """Remove an erasure that is complete here."""
        self._connection.execute(delete(schema.erasures).where(schema.erasures.c.subject == subject))

    def note_deletions(self, place: str, names: Sequence[str]) -> None:
        """Store that these objects are to be deleted in a depot, or, where *place* is empty, here."""
        rows = [{"place": place, "object_name": name} for name in names]
        self._connection.execute(insert(schema.deletions), rows)

    def deletions(self, place: str) -> Sequence[str]:
        """The objects that are still to be deleted in one place."""
        table = schema.deletions
        statement = select(table.c.object_name).where(table.c.place == place).order_by(table.c.object_name)
        return list(self._connection.execute(statement).scalars())

    def waiting_deletions(self) -> Mapping[str, int]:
        """For each place the number of objects that are still to be deleted there."""
        place = schema.deletions.c.place
        statement = select(place, func.count()).group_by(place).order_by(place)
        return {str(name): int(count) for name, count in self._connection.execute(statement)}

    def drop_deletions(self, place: str, names: Sequence[str]) -> None:
        """Remove deletions that are done."""
        table = schema.deletions
        statement = delete(table).where(table.c.place == place, table.c.object_name == bindparam("gone"))
        self._connection.execute(statement, [{"gone": name} for name in names])

    def put_depot(self, depot: Depot) -> None:
        """Store a depot, or its new state."""
        table = schema.depots
        self._connection.execute(delete(table).where(table.c.name == depot.name))
        self._connection.execute(insert(table), _values(depot))

    def drop_depot(self, name: str) -> None:
        """Remove a depot and the deletions that wait for it."""
        table, waiting = schema.depots, schema.deletions
        self._connection.execute(delete(waiting).where(waiting.c.place == name))
        self._connection.execute(delete(table).where(table.c.name == name))

    def depot(self, name: str) -> Depot | None:
        """The depot of that name."""
        row = self._one(select(schema.depots).where(schema.depots.c.name == name))
        return Depot(**row) if row else None

    def depots(self) -> Sequence[Depot]:
        """All depots by name."""
        statement = select(schema.depots).order_by(schema.depots.c.name)
        return [Depot(**_named(row)) for row in self._connection.execute(statement).mappings()]

    def _images(self, condition: ColumnElement[bool]) -> Sequence[SealedImage]:
        table = schema.images
        statement = select(table).where(condition).order_by(table.c.received_at, table.c.id)
        return [_sealed_image(row) for row in self._connection.execute(statement).mappings()]

    def _image(self, condition: ColumnElement[bool]) -> SealedImage | None:
        row = self._one(select(schema.images).where(condition))
        return _sealed_image(row) if row else None

    def _one(self, statement: Select[Any]) -> dict[str, Any] | None:
        row = self._connection.execute(statement).mappings().one_or_none()
        return None if row is None else _named(row)


def _patients() -> Select[Any]:
    """Patients whose key has not been erased, as the noun has them."""
    keys = schema.patient_keys
    return select(schema.patients, keys.c.root_epoch, keys.c.wrapped_kek).join(keys)


def _sealed_image(row: Mapping[Any, Any]) -> SealedImage:
    named = _named(row)
    image = Image(**{name: value for name, value in named.items() if name in _IMAGE_FIELDS})
    rest = {name: value for name, value in named.items() if name not in _IMAGE_FIELDS}
    return SealedImage(image=image, **rest)


def _named(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}


def _values(noun: Any) -> dict[str, Any]:
    """The fields of a noun under the names of their columns; the tables were named after the nouns."""
    return {field.name: getattr(noun, field.name) for field in fields(noun)}
