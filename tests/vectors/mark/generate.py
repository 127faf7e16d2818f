"""Write the vectors of docs/formats/mark.md: ``python tests/vectors/mark/generate.py``.

A phantom, a copy of it as PNG and as JPEG, the keys and the record it was marked for, every intermediate
value, and one fault each: what a reader must not find. Pixels may come out a grey level apart where OpenCV
rounds in another way; what is read in them may not.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from pleura.crypto.keys import derive, keystream
from pleura.crypto.payload import payload_of, write_payload
from pleura.domain.copies import CopyRecord
from pleura.imaging.mark.embed import embed
from pleura.imaging.mark.layout import PLAN_BYTES, STREAM_BYTES, Mark
from pleura.imaging.mark.polar import encode
from pleura.imaging.simulate.phantom import phantom

FOLDER = Path(__file__).parent
KEY = bytes(range(32))
RECORD = CopyRecord(
    copy="cpy-0123456789ab",
    image="img-0123456789ab",
    recipient="王建国",
    purpose="会诊",
    form="png",
    issued_at=datetime(2026, 11, 27, 8, 30, 15, 250000, tzinfo=UTC),
    patient_id="DEMO-0001",
    device_serial="SN-7",
    mark_version=2,
)
FAULTS = (
    {"fault": "the mark key of another home", "key": bytes(32).hex()},
    {"fault": "another image", "image": "img-0123456789ac"},
    {"fault": "another copy of the image", "copy": "cpy-0123456789ac", "payload_is_read": True},
)


def main() -> None:
    film = (phantom(7) >> 4).astype(np.uint8)
    film = np.asarray(cv2.resize(film, (480, 600), interpolation=cv2.INTER_AREA), np.uint8)
    payload_key = derive(KEY, "payload", RECORD.image.encode())
    mark = Mark(
        own=keystream(derive(KEY, "mark", f"{RECORD.image}/{RECORD.copy}".encode()), STREAM_BYTES),
        plan=keystream(derive(KEY, "plan", RECORD.image.encode()), PLAN_BYTES),
        payload=write_payload(payload_key, payload_of(payload_key, RECORD)),
    )
    copy = embed(film, mark)
    for name, picture, options in (
        ("original.png", film, []),
        ("copy.png", copy, []),
        ("copy.jpg", copy, [cv2.IMWRITE_JPEG_QUALITY, 60]),
    ):
        cv2.imwrite(str(FOLDER / name), picture, options)
    fine, coarse = mark.chips((film.shape[0], film.shape[1]))
    facts = {
        "mark_key": KEY.hex(),
        "image": RECORD.image,
        "copy": RECORD.copy,
        "recipient": RECORD.recipient,
        "patient_id": RECORD.patient_id,
        "device_serial": RECORD.device_serial,
        "issued_at": RECORD.issued_at.isoformat(),
        "own_sha256": hashlib.sha256(mark.own).hexdigest(),
        "plan_sha256": hashlib.sha256(mark.plan).hexdigest(),
        "payload": mark.payload.hex(),
        "code_word": np.packbits(encode(mark.payload)).tobytes().hex(),
        "rows_columns": film.shape,
        "fine_chips": np.packbits(fine > 0).tobytes().hex()[:128],
        "fine_chips_sha256": hashlib.sha256(np.packbits(fine > 0)).hexdigest(),
        "coarse_chips_sha256": hashlib.sha256(np.packbits(coarse > 0)).hexdigest(),
        "faults": FAULTS,
    }
    (FOLDER / "mark.json").write_text(
        json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
