"""Copies: renditions of an original made for one recipient, purpose and time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from pleura.domain.errors import BadInput

CopyForm = Literal["png", "jpeg", "dicom"]
_MAX_TEXT = 200

NO_MARK: Final = 0
"""The mark version of a copy that left without a mark."""


@dataclass(frozen=True, kw_only=True)
class CopyRecord:
    """Everything a mark stands for; sealed at rest, its digest is in the ledger before the copy exists."""

    copy: str
    image: str
    recipient: str
    purpose: str
    form: CopyForm
    issued_at: datetime
    patient_id: str
    device_serial: str
    mark_version: int
    """`NO_MARK` where the copy carries none: no trace can name it then."""
    no_mark_reason: str | None = None
    """Why it carries none; exactly a copy without a mark has a reason."""

    def __post_init__(self) -> None:
        _check_text("recipient", self.recipient)
        _check_text("purpose", self.purpose)
        if self.no_mark_reason is not None:
            _check_text("reason", self.no_mark_reason)
        if (self.no_mark_reason is None) == (self.mark_version == NO_MARK):
            raise ValueError("exactly a copy without a mark has a reason for it")
        if self.form not in get_args(CopyForm):
            raise BadInput(
                "bad-copy-form",
                "there is no copy form {form}",
                "choose png, jpeg or dicom",
                form=self.form,
            )
        if self.issued_at.tzinfo is None:
            raise ValueError("issued_at needs a time zone")

    @property
    def is_marked(self) -> bool:
        """Whether the copy carries a mark."""
        return self.mark_version != NO_MARK


def _check_text(field: str, text: str) -> None:
    if not text.strip() or len(text) > _MAX_TEXT:
        raise BadInput(
            "bad-copy-text",
            "the {field} of a copy is empty or longer than {limit} characters",
            "give between 1 and {limit} characters",
            field=field,
            limit=_MAX_TEXT,
        )


@dataclass(frozen=True, kw_only=True)
class Payload:
    """What a mark says by itself, without a copy record: a moment, and digests under a key of the image."""

    issued_at: datetime
    """UTC, whole seconds."""
    copy: bytes
    """Four bytes of the keyed digest of the copy's name."""
    patient: bytes
    """Two bytes, of the patient ID."""
    device: bytes
    """Two bytes, of the device serial number."""
    recipient: bytes
    """Three bytes, of the recipient."""


@dataclass(frozen=True, kw_only=True)
class SealedCopy:
    """A copy record as stored: only whoever holds the patient's key can read to whom it went."""

    copy: str
    image: str
    issued_at: datetime
    ledger_index: int
    mark_version: int
    sealed_record: bytes
