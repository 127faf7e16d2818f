"""What the picture worker and its processes say to each other: JSON headers and raw bytes, bounded."""

from __future__ import annotations

import socket
import struct
import time
from typing import Final, Literal

import msgspec

from pleura.domain.images import Description, ImageFacts
from pleura.domain.rasters import Raster

MAX_HEADER: Final = 64 << 10
MAX_BLOBS: Final = 1
MAX_ANSWER: Final = 1 << 30
"""Bytes of all blobs of one frame."""
DISK_FULL: Final = "disk-full"
"""The one refusal that is a fault of the machine and not of the file."""

Verb = Literal["receive", "unpack", "display", "stored", "derive", "suspect"]


class Summons(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the zygote needs to start one job; descriptors of its line and its files come along."""

    memory: int
    cpu_seconds: int
    wall_seconds: float
    file_bytes: int


class RasterShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A raster without its pixels, which travel as a blob or a file."""

    rows: int
    columns: int
    samples: Literal[1, 3]
    bits: Literal[8, 16]
    signed: bool

    @classmethod
    def of(cls, raster: Raster) -> RasterShape:
        """The shape of *raster*."""
        return cls(
            rows=raster.rows,
            columns=raster.columns,
            samples=raster.samples,
            bits=raster.bits,
            signed=raster.signed,
        )

    def raster(self, data: bytes) -> Raster:
        """The raster of this shape over *data*; raises ValueError where they do not fit."""
        if min(self.rows, self.columns) < 1:
            raise ValueError("a raster has at least one pixel")
        return Raster(
            rows=self.rows,
            columns=self.columns,
            samples=self.samples,
            bits=self.bits,
            signed=self.signed,
            data=data,
        )


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One method of the port and the arguments that are not files."""

    verb: Verb
    raster: RasterShape | None = None
    sop_instance_uid: str = ""
    derivation: str = ""
    about: Description = Description()


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one job gives back besides its blobs; ``refused`` is the code of a refusal."""

    refused: str = ""
    why: dict[str, int | str] = {}
    facts: ImageFacts | None = None
    raster: RasterShape | None = None
    bits_stored: int = 0
    black: float = 0.0
    white: float = 0.0
    count: int = 0


def send_frame(line: socket.socket, header: bytes, blobs: list[bytes]) -> None:
    """Write one frame: lengths of header and blobs (big endian), the header, the blobs."""
    sizes = struct.pack(f">IB{len(blobs)}Q", len(header), len(blobs), *map(len, blobs))
    line.sendall(sizes + header)
    for blob in blobs:
        line.sendall(blob)


def receive_frame(line: socket.socket, limit: int, deadline: float) -> tuple[bytes, list[bytes]]:
    """The header and the blobs of one frame, *deadline* in seconds of the monotonic clock.

    Raises TimeoutError, OSError where the line closes, and ValueError where a bound is broken.
    """
    length, count = struct.unpack(">IB", _exactly(line, 5, deadline))
    if length > MAX_HEADER or count > MAX_BLOBS:
        raise ValueError("the frame breaks its bounds")
    sizes = struct.unpack(f">{count}Q", _exactly(line, 8 * count, deadline))
    if sum(sizes) > limit:
        raise ValueError("the frame breaks its bounds")
    header = _exactly(line, length, deadline)
    return header, [_exactly(line, size, deadline) for size in sizes]


def _exactly(line: socket.socket, size: int, deadline: float) -> bytes:
    """The next *size* bytes; the buffer grows with what comes, not with what was promised."""
    pieces = bytearray()
    while len(pieces) < size:
        line.settimeout(max(0.001, deadline - time.monotonic()))
        piece = line.recv(min(size - len(pieces), 4 << 20))
        if not piece:
            raise ConnectionError("the line closed in the middle of a frame")
        pieces += piece
    return bytes(pieces)
