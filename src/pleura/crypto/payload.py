"""The 20 bytes that a mark carries beside its signs, and their MAC (docs/formats/mark.md, section 3a)."""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from pleura.crypto.keys import keyed_digest
from pleura.domain.copies import CopyRecord, Payload

MAC_BYTES: Final = 5

_FACTS: Final = struct.Struct(">I4s2s2s3s")
_LAST_SECOND: Final = 2**32 - 1  # 7 February 2106


def payload_of(key: bytes, record: CopyRecord) -> Payload:
    """What the mark of a copy says of its record, under the payload *key* of the image."""
    moment = min(int(record.issued_at.timestamp()), _LAST_SECOND)
    return Payload(
        issued_at=datetime.fromtimestamp(moment, UTC),
        copy=_tag(key, "copy", record.copy)[:4],
        patient=_tag(key, "patient", record.patient_id)[:2],
        device=_tag(key, "device", record.device_serial)[:2],
        recipient=_tag(key, "recipient", record.recipient)[:3],
    )


def write_payload(key: bytes, payload: Payload) -> bytes:
    """The 20 bytes of a payload: seconds since 1970 (big endian), the tags, the MAC over both."""
    moment = int(payload.issued_at.timestamp())
    facts = _FACTS.pack(moment, payload.copy, payload.patient, payload.device, payload.recipient)
    return facts + _tag(key, "mac", facts)[:MAC_BYTES]


def read_payload(key: bytes, candidates: Iterable[bytes]) -> Payload | None:
    """The first of *candidates* whose MAC is right; of n random ones, one passes with n / 2^40."""
    for candidate in candidates:
        facts, mac = candidate[: _FACTS.size], candidate[_FACTS.size :]
        if hmac.compare_digest(mac, _tag(key, "mac", facts)[:MAC_BYTES]):
            moment, copy, patient, device, recipient = _FACTS.unpack(facts)
            return Payload(
                issued_at=datetime.fromtimestamp(moment, UTC),
                copy=copy,
                patient=patient,
                device=device,
                recipient=recipient,
            )
    return None


def _tag(key: bytes, what: str, value: str | bytes) -> bytes:
    """The keyed digest of one fact, kept apart from those of every other kind."""
    raw = value if isinstance(value, bytes) else value.encode()
    return keyed_digest(key, what.encode() + b"\x00" + raw)
