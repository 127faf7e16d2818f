"""What a mark says by itself is told from everything else by its MAC."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleura.crypto.payload import payload_of, read_payload, write_payload
from pleura.domain.copies import CopyRecord
from pleura.imaging.mark.polar import PAYLOAD_BYTES

KEY = bytes(range(32))
RECORD = CopyRecord(
    copy="cpy-3f9k2m7p1x8q",
    image="img-3f9k2m7p1x8q",
    recipient="Dr Li",
    purpose="treatment",
    form="png",
    issued_at=datetime(2026, 11, 27, 9, 30, 15, 123456, tzinfo=UTC),
    patient_id="P-0042",
    device_serial="SN-7",
    mark_version=2,
)


def test_a_payload_is_read_among_strangers() -> None:
    payload = payload_of(KEY, RECORD)
    written = write_payload(KEY, payload)

    assert len(written) == PAYLOAD_BYTES
    assert read_payload(KEY, [bytes(PAYLOAD_BYTES), written, bytes(PAYLOAD_BYTES)]) == payload
    assert payload.issued_at == datetime(2026, 11, 27, 9, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize("bit", range(PAYLOAD_BYTES * 8))
def test_no_flipped_bit_passes(bit: int) -> None:
    written = int.from_bytes(write_payload(KEY, payload_of(KEY, RECORD)), "big")

    assert read_payload(KEY, [(written ^ 1 << bit).to_bytes(PAYLOAD_BYTES, "big")]) is None


def test_the_key_of_another_image_reads_nothing() -> None:
    assert read_payload(bytes(32), [write_payload(KEY, payload_of(KEY, RECORD))]) is None


@pytest.mark.parametrize("field", ["copy", "patient_id", "device_serial", "recipient"])
def test_every_fact_of_the_record_changes_what_is_said(field: str) -> None:
    assert payload_of(KEY, replace(RECORD, **{field: "other"})) != payload_of(KEY, RECORD)


def test_equal_facts_of_different_kinds_look_different() -> None:
    payload = payload_of(KEY, replace(RECORD, patient_id="same", device_serial="same"))

    assert payload.patient != payload.device


def test_a_moment_beyond_the_field_is_the_last_that_fits() -> None:
    payload = payload_of(KEY, replace(RECORD, issued_at=datetime(2200, 1, 1, tzinfo=UTC)))

    assert read_payload(KEY, [write_payload(KEY, payload)]) == payload


@given(st.binary(min_size=PAYLOAD_BYTES, max_size=PAYLOAD_BYTES))
def test_whatever_comes_is_read_or_refused(candidate: bytes) -> None:
    assert read_payload(KEY, [candidate]) is None
