"""The vectors of the mark are read as they say, and with one fault they are not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pleura.crypto.keys import derive, keystream
from pleura.crypto.payload import read_payload
from pleura.imaging.mark.layout import PLAN_BYTES, STREAM_BYTES, Mark, plan
from pleura.imaging.mark.polar import encode
from pleura.imaging.mark.read import own_part, payloads, residual, score
from pleura.imaging.match.register import align, find_geometry
from pleura.imaging.match.sketch import make_sketch
from pleura.imaging.match.suspect import views

FOLDER = Path(__file__).parents[2] / "vectors" / "mark"
VECTOR: dict[str, Any] = json.loads((FOLDER / "mark.json").read_text(encoding="utf-8"))


def grey(name: str) -> Any:
    return cv2.imread(str(FOLDER / name), cv2.IMREAD_GRAYSCALE)


def read(name: str, **changed: str) -> tuple[float, bool]:
    """The score of the copy in a picture, and whether its payload is read."""
    facts = VECTOR | changed
    key, image = bytes.fromhex(facts.get("key", VECTOR["mark_key"])), facts["image"]
    sketch, view = make_sketch(grey("original.png")), next(views(grey(name)))
    geometry = find_geometry(view.features, sketch.features)
    assert geometry is not None
    work = sketch.work
    rest = residual(align(view.grey, geometry, work.grey), work.grey, (work.rows, work.columns))
    shared = plan(keystream(derive(key, "plan", image.encode()), PLAN_BYTES), rest.shape)
    own = keystream(derive(key, "mark", f"{image}/{facts['copy']}".encode()), STREAM_BYTES)
    heard = read_payload(derive(key, "payload", image.encode()), payloads(rest, shared))
    return score(own_part(rest, shared), own), heard is not None


def test_chips_and_code_word_come_out_of_the_keys_as_written() -> None:
    key, image = bytes.fromhex(VECTOR["mark_key"]), VECTOR["image"]
    mark = Mark(
        own=keystream(derive(key, "mark", f"{image}/{VECTOR['copy']}".encode()), STREAM_BYTES),
        plan=keystream(derive(key, "plan", image.encode()), PLAN_BYTES),
        payload=bytes.fromhex(VECTOR["payload"]),
    )
    fine, coarse = mark.chips(tuple(VECTOR["rows_columns"]))

    assert hashlib.sha256(mark.own).hexdigest() == VECTOR["own_sha256"]
    assert hashlib.sha256(mark.plan).hexdigest() == VECTOR["plan_sha256"]
    assert np.packbits(encode(mark.payload)).tobytes().hex() == VECTOR["code_word"]
    assert hashlib.sha256(np.packbits(fine > 0)).hexdigest() == VECTOR["fine_chips_sha256"]
    assert hashlib.sha256(np.packbits(coarse > 0)).hexdigest() == VECTOR["coarse_chips_sha256"]


@pytest.mark.parametrize("name", ["copy.png", "copy.jpg"])
def test_the_marked_picture_is_read(name: str) -> None:
    z, heard = read(name)

    assert z > 20
    assert heard


def test_nothing_is_read_in_the_original() -> None:
    z, heard = read("original.png")

    assert z < 6
    assert not heard


@pytest.mark.parametrize("fault", VECTOR["faults"], ids=lambda fault: fault["fault"])
def test_with_one_fault_the_copy_is_not_read(fault: dict[str, Any]) -> None:
    z, heard = read("copy.png", **{name: fault[name] for name in ("key", "image", "copy") if name in fault})

    assert z < 6
    assert heard == fault.get("payload_is_read", False)
