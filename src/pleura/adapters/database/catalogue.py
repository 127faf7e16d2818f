"""The catalogue: nouns in, rows out, within one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, insert, select

from pleura.adapters.database import schema
from pleura.domain.copies import SealedCopy
from pleura.domain.errors import NotFound
from pleura.domain.images import Image, Patient, SealedImage, Study
from pleura.domain.installation import Account, InstallationKey, KeyPurpose

_IMAGE_FIELDS = frozenset(field.name for field in fields(Image))


class SqlCatalogue:
    """The port `Catalogue` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_key(self, key: InstallationKey) -> None:
        """Store one wrapped key of the installation."""
        self._connection.execute(insert(schema.installation_keys).values(_values(key)))

    def key(self, purpose: KeyPurpose) -> InstallationKey | None:
        """The wrapped key for *purpose*."""
        table = schema.installation_keys
        row = self._one(select(table).where(table.c.purpose == purpose))
        return InstallationKey(**row) if row else None

    def add_patient(self, patient: Patient) -> None:
        """Store a patient, and her key in the table of keys."""
        self._connection.execute(
            insert(schema.patients).values(
                id=patient.id, index=patient.index, sealed_identity=patient.sealed_identity
            )
        )
        self._connection.execute(
            insert(schema.patient_keys).values(
                patient=patient.id, root_epoch=patient.root_epoch, wrapped_kek=patient.wrapped_kek
            )
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
        self._connection.execute(insert(schema.studies).values(_values(study)))

    def study_by_index(self, index: bytes) -> Study | None:
        """The study with that keyed digest."""
        row = self._one(select(schema.studies).where(schema.studies.c.index == index))
        return Study(**row) if row else None

    def add_image(self, image: SealedImage) -> None:
        """Store an image."""
        values = {name: value for name, value in _values(image).items() if name != "image"}
        self._connection.execute(insert(schema.images).values(values | _values(image.image)))

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

    def images(self) -> Sequence[SealedImage]:
        """All images, oldest first."""
        table = schema.images
        rows = self._connection.execute(select(table).order_by(table.c.received_at, table.c.id)).mappings()
        return [_sealed_image(row) for row in rows]

    def add_copy(self, copy: SealedCopy) -> None:
        """Store a copy; its ledger entry comes first."""
        self._connection.execute(insert(schema.copies).values(_values(copy)))

    def copies_of(self, image_id: str) -> Sequence[SealedCopy]:
        """All copies of one image, oldest first."""
        table = schema.copies
        statement = select(table).where(table.c.image == image_id).order_by(table.c.ledger_index)
        return [SealedCopy(**_named(row)) for row in self._connection.execute(statement).mappings()]

    def add_account(self, account: Account) -> None:
        """Store an account."""
        self._connection.execute(insert(schema.accounts).values(_values(account)))

    def account(self, name: str) -> Account | None:
        """The account of that name."""
        row = self._one(select(schema.accounts).where(schema.accounts.c.name == name))
        return Account(**row) if row else None

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
