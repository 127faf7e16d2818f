"""Nouns cannot be built wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pleura.domain.copies import CopyRecord
from pleura.domain.errors import BadInput
from pleura.domain.ids import KINDS, new_id
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


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_says_its_kind_and_never_repeats(kind: str) -> None:
    names = {new_id(kind) for _ in range(1000)}

    assert len(names) == 1000
    assert all(name.startswith(KINDS[kind] + "-") for name in names)
    assert not any(letter in name.split("-")[1] for name in names for letter in "ilou")
