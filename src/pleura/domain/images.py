"""Patients, studies, devices and images, as the catalogue knows them."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Final, Literal

Origin = Literal["dicom", "picture"]

MOST_TEXT: Final = 256
"""Characters that are read of one value of a data set; DICOM allows 64 of most (PS3.5 section 6.2)."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who is in the picture, as the data set says: sealed at rest, never logged."""

    patient_name: str = ""
    patient_id: str = ""
    issuer: str = ""
    birth_date: str = ""
    accession_number: str = ""


@dataclass(frozen=True, kw_only=True)
class Device:
    """The modality or sender that made an image."""

    manufacturer: str = ""
    model: str = ""
    station: str = ""
    serial_number: str = ""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What the person who imports a picture says about it; a DICOM instance speaks for itself."""

    identity: Identity = Identity()
    device: Device = Device()


UNDESCRIBED: Final = Description()
"""Nothing was said."""


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What a disposable worker read in one received file: plain values only, checked for size."""

    origin: Origin
    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    modality: str
    transfer_syntax_uid: str
    photometric: str
    rows: int
    columns: int
    frames: int
    samples: int
    bits_stored: int
    acquired_at: str
    identity: Identity
    device: Device

    def __post_init__(self) -> None:
        if min(self.rows, self.columns, self.frames, self.samples, self.bits_stored) < 1:
            raise ValueError("an image has at least one row, column, frame, sample and bit")
        texts = (self.modality, self.acquired_at, *astuple(self.identity), *astuple(self.device))
        if not all(len(each) <= MOST_TEXT and each.isprintable() for each in texts):
            raise ValueError(f"a text about an image is printable and has at most {MOST_TEXT} characters")


@dataclass(frozen=True, kw_only=True)
class Image:
    """One original in the vault, without anything that names the patient."""

    id: str
    study: str
    patient: str
    modality: str
    device_serial: str
    rows: int
    columns: int
    bits_stored: int
    origin: Origin
    received_at: datetime


@dataclass(frozen=True, kw_only=True)
class SealedImage:
    """An image with what the vault needs to open it and the catalogue needs to find it again."""

    image: Image
    content_index: bytes
    """Keyed digest of the received bytes: finds a duplicate, confirms nothing to a thief."""
    instance_index: bytes
    """Keyed digest of the SOP Instance UID."""
    object_name: str
    object_size: int
    object_commitment: bytes
    """The commitment in the header of the sealed original: an older sealing has another one."""
    sketch_name: str | None
    """The sealed sketch (work image and features) that trace compares against; None until it is made."""
    sketch_commitment: bytes | None
    wrapped_dek: bytes
    sealed_facts: bytes
    """The `ImageFacts` as JSON, sealed under the patient's KEK."""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """One patient: the key that all her images hang on, and her identity sealed under it."""

    id: str
    index: bytes
    """Keyed digest of patient ID and issuer."""
    root_epoch: int
    wrapped_kek: bytes
    sealed_identity: bytes
    """The `Identity` as JSON, sealed under the KEK."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """One study of one patient."""

    id: str
    patient: str
    index: bytes
    """Keyed digest of the Study Instance UID."""
