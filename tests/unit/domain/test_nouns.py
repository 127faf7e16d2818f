"""Nouns cannot be built wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pleura.domain.copies import CopyRecord
from pleura.domain.errors import BadInput
from pleura.domain.ids import KINDS, new_id
from pleura.domain.images import MOST_TEXT, Device, Identity, ImageFacts
from pleura.domain.rasters import Raster

RECORD = CopyRecord(
    copy="cpy-1",
    image="img-1",
    recipient="Dr Li",
    purpose="second opinion",
    form="png",
    issued_at=datetime(2026, 1, 2, tzinfo=UTC),
    patient_id="P-1",
    device_serial="SN-1",
    mark_version=1,
)


@pytest.mark.parametrize("recipient", ["", "   ", "x" * 201])
def test_a_copy_without_a_sensible_recipient_is_refused(recipient: str) -> None:
    with pytest.raises(BadInput, match="recipient"):
        replace(RECORD, recipient=recipient)


def test_a_copy_in_an_unknown_form_is_refused() -> None:
    with pytest.raises(BadInput, match="png, jpeg or dicom"):
        replace(RECORD, form="gif")  # type: ignore[arg-type]


def test_a_copy_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        replace(RECORD, issued_at=datetime(2026, 1, 2))  # noqa: DTZ001 - the fault under test


def test_a_raster_with_missing_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="5 bytes given for a raster of 6"):
        Raster(rows=2, columns=3, samples=1, bits=8, signed=False, data=bytes(5))


@pytest.mark.parametrize(
    "changes",
    [
        {"modality": "D" * (MOST_TEXT + 1)},
        {"device": Device(serial_number="S" * (MOST_TEXT + 1))},
        {"identity": Identity(patient_name="Wang\x00Xiaodong")},
    ],
)
def test_facts_hold_no_text_that_a_database_could_refuse(changes: dict[str, object]) -> None:
    facts = ImageFacts(
        origin="dicom",
        sop_class_uid="1.2",
        sop_instance_uid="1.2.3",
        study_uid="1.2.4",
        series_uid="1.2.5",
        modality="D" * MOST_TEXT,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        photometric="MONOCHROME2",
        rows=1,
        columns=1,
        frames=1,
        samples=1,
        bits_stored=8,
        acquired_at="",
        identity=Identity(patient_name="王^小东"),
        device=Device(serial_number="S" * MOST_TEXT),
    )

    with pytest.raises(ValueError, match="printable"):
        replace(facts, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_says_its_kind_and_never_repeats(kind: str) -> None:
    names = {new_id(kind) for _ in range(1000)}

    assert len(names) == 1000
    assert all(name.startswith(KINDS[kind] + "-") for name in names)
    assert not any(letter in name.split("-")[1] for name in names for letter in "ilou")
