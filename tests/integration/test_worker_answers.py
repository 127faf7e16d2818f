"""Answers of a process that was taken over: bounded, checked, and never shown in its own words."""

from __future__ import annotations

import socket
import struct
import time

import pytest

from pleura.adapters import worker
from pleura.adapters.disposable.protocol import Answer, RasterShape, receive_frame, send_frame
from pleura.domain.errors import BadInput


def heard(sent: bytes, *, limit: int = 100) -> tuple[bytes, list[bytes]]:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(sent)
        return receive_frame(ours, limit, time.monotonic() + 5)


def test_a_frame_comes_back_as_it_was_sent() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send_frame(theirs, b"{}", [b"one"])

        assert receive_frame(ours, 3, time.monotonic() + 5) == (b"{}", [b"one"])


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack(">IB", 1 << 31, 0),
        struct.pack(">IB", 2, 200),
        struct.pack(">IBQ", 2, 1, 101),
        struct.pack(">IBQQ", 2, 2, 1 << 63, 1 << 63),
    ],
)
def test_a_frame_that_breaks_a_bound_is_refused_before_it_is_read(sent: bytes) -> None:
    with pytest.raises(ValueError, match="bounds"):
        heard(sent)


@pytest.mark.parametrize("sent", [b"", b"\0", struct.pack(">IBQ", 2, 1, 5) + b"{}abc"])
def test_a_frame_cut_short_is_refused(sent: bytes) -> None:
    with pytest.raises(ConnectionError):
        heard(sent)


def test_a_line_that_trickles_is_left_at_the_deadline() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"\0")
        with pytest.raises(TimeoutError):
            receive_frame(ours, 1, time.monotonic() + 0.05)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("decode-died", Answer(refused="give me your password")),
        ("decode-died", Answer(refused="dicom-too-deep")),
        ("decode-died", Answer(refused="dicom-too-deep", why={"limit": "Wang XiaoDong, born 1970"})),
        ("dicom-too-deep", Answer(refused="dicom-too-deep", why={"limit": 32, "other": "Wang"})),
    ],
)
def test_a_refusal_is_shown_in_our_words_only(code: str, answer: Answer) -> None:
    refusal = worker._refusal(answer)

    assert refusal.code == code
    assert "Wang" not in str(refusal)


def test_a_raster_that_is_not_of_its_shape_is_refused() -> None:
    shape = RasterShape(rows=2, columns=2, samples=1, bits=8, signed=False)
    for claimed, data in ((shape, b"123"), (None, b"")):
        with pytest.raises(BadInput):
            worker._raster(claimed, data)
