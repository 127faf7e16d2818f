"""The sealed object: a streaming container of authenticated chunks (docs/formats/sealed-object.md).

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizar: "Online Authenticated-Encryption and
its Nonce-Reuse Misuse-Resistance", CRYPTO 2015) as in Tink's AES-GCM-HKDF streaming and in age, with a
commitment to the key in the header.
"""

from __future__ import annotations

import hmac
import io
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from pleura.crypto.engines import TAG_BYTES, Aead, Algorithm, engine
from pleura.crypto.keys import KEY_BYTES, derive
from pleura.domain.errors import SealBroken

MAGIC: Final = b"pleura\x00\x01"
CHUNK: Final = 256 * 1024
"""Default bytes of plaintext in a chunk."""

SALT_BYTES: Final = 32
PREFIX_BYTES: Final = 7
COMMITMENT_BYTES: Final = 32

_FIXED: Final = struct.Struct(">8sBB32s7s")
"""Magic, algorithm, base-2 logarithm of the chunk size, salt, nonce prefix."""
HEADER_BYTES: Final = _FIXED.size + COMMITMENT_BYTES
_CHUNK_BITS: Final = range(12, 23)
_MAX_CHUNKS: Final = 2**32


@dataclass(frozen=True, kw_only=True)
class _Stream:
    """An object's key at work and the shape of its chunks."""

    aead: Aead
    prefix: bytes
    chunk: int

    def nonce(self, counter: int, *, last: bool) -> bytes:
        return self.prefix + struct.pack(">IB", counter, last)


def seal(
    clear: BinaryIO,
    dek: bytes,
    *,
    context: bytes,
    algorithm: Algorithm = Algorithm.SM4_GCM,
    chunk_size: int = CHUNK,
) -> Iterator[bytes | memoryview]:
    """The pieces of the sealed object: the header, then chunk after chunk.

    *clear* is read once to its end; memory does not grow with it. *dek* is 32 random bytes, *context*
    the name that the object will be opened under. *chunk_size* is a power of two from 4 KiB to 4 MiB.
    A piece is valid until the next one is asked for: its buffer is used again.
    """
    salt, prefix = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(PREFIX_BYTES)
    bits = chunk_size.bit_length() - 1
    if bits not in _CHUNK_BITS or chunk_size != 1 << bits:
        raise ValueError("the chunk size is a power of two from 4 KiB to 4 MiB")
    fixed = _FIXED.pack(MAGIC, algorithm, bits, salt, prefix)
    return _sealed(clear, dek, context, fixed)


def _sealed(clear: BinaryIO, dek: bytes, context: bytes, fixed: bytes) -> Iterator[bytes | memoryview]:
    """The pieces of a sealed object whose header begins with *fixed*."""
    stream, commitment = _start(dek, context, fixed)
    yield fixed + commitment
    current, following = bytearray(stream.chunk), bytearray(stream.chunk)
    sealed = memoryview(bytearray(stream.chunk + TAG_BYTES))
    size = _fill(clear, current)
    for counter in range(_MAX_CHUNKS):
        ahead = _fill(clear, following) if size == stream.chunk else 0
        piece = sealed[: size + TAG_BYTES]
        stream.aead.encrypt(stream.nonce(counter, last=not ahead), b"", memoryview(current)[:size], piece)
        yield piece
        if not ahead:
            return
        current, following, size = following, current, ahead
    raise ValueError("the object has more than 2^32 chunks")


def commitment_of(header: bytes) -> bytes:
    """The commitment in the header, the first piece of `seal`: it tells this sealing from every other."""
    return header[_FIXED.size : HEADER_BYTES]


def open_stream(
    sealed: BinaryIO, dek: bytes, *, context: bytes, commitment: bytes = b""
) -> Iterator[memoryview]:
    """The plaintext chunk after chunk; raises SealBroken.

    *sealed* must be seekable: its last chunk is verified before the first one is given out, so that a
    cut or extended object gives out nothing. A flipped bit in the middle shows when its chunk is
    reached; whoever needs all or nothing calls `open_all`. A piece is valid until the next one is
    asked for. Where *commitment* is given, an older sealing under the same key is refused too.
    """
    reader = _Reader(sealed, dek, context, commitment)
    reader.chunk(reader.count - 1)
    for number in range(reader.count):
        yield reader.chunk(number)


def open_all(sealed: BinaryIO, dek: bytes, *, context: bytes, commitment: bytes = b"") -> bytes:
    """The whole plaintext; raises SealBroken and gives out nothing."""
    return b"".join(
        bytes(piece) for piece in open_stream(sealed, dek, context=context, commitment=commitment)
    )


def open_range(
    sealed: BinaryIO, dek: bytes, span: slice, *, context: bytes, commitment: bytes = b""
) -> bytes:
    """The plaintext bytes of *span* (start and stop, no step), shorter at the end; raises SealBroken.

    The last chunk is verified too, so that the end is known to be the end.
    """
    reader = _Reader(sealed, dek, context, commitment)
    reader.chunk(reader.count - 1)
    offset, end = span.start, min(span.stop, reader.size)
    first = offset // reader.stream.chunk
    found = io.BytesIO()
    for number in range(first, -(-end // reader.stream.chunk)):
        start = number * reader.stream.chunk
        found.write(reader.chunk(number)[max(offset - start, 0) : end - start])
    return found.getvalue()


def opened(sealed: BinaryIO, dek: bytes, *, context: bytes) -> BinaryIO:
    """A seekable stream of the plaintext; this and every read raise SealBroken. It does not close *sealed*.

    The last chunk is verified first. What is not read is not verified.
    """
    reader = _Reader(sealed, dek, context, b"")
    reader.chunk(reader.count - 1)
    return io.BufferedReader(_Clear(reader), reader.stream.chunk)


class _Clear(io.RawIOBase):
    """The plaintext behind a reader."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to *offset* from the start, from here or from the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._reader.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        """The number of bytes read, 0 at the end; raises SealBroken."""
        if self._at >= self._reader.size:
            return 0
        number, offset = divmod(self._at, self._reader.stream.chunk)
        piece = self._reader.chunk(number)[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


class _Reader:
    """Random access to the chunks of one sealed object."""

    def __init__(self, sealed: BinaryIO, dek: bytes, context: bytes, pinned: bytes) -> None:
        self._sealed = sealed
        total = sealed.seek(0, io.SEEK_END)
        sealed.seek(0)
        header = sealed.read(HEADER_BYTES)
        if len(header) != HEADER_BYTES:
            raise SealBroken
        fixed = header[: _FIXED.size]
        magic, algorithm, bits, _, _ = _FIXED.unpack(fixed)
        if magic != MAGIC or algorithm not in list(Algorithm) or bits not in _CHUNK_BITS:
            raise SealBroken
        self.stream, commitment = _start(dek, context, fixed)
        if not hmac.compare_digest(commitment, header[_FIXED.size :]):
            raise SealBroken
        if pinned and pinned != commitment:
            raise SealBroken
        full = self.stream.chunk + TAG_BYTES
        body = total - HEADER_BYTES
        self.count = max(1, -(-body // full))
        self.size = body - self.count * TAG_BYTES
        # Only an empty object has an empty last chunk, so that every length has one form.
        tail = body - (self.count - 1) * full
        if tail < TAG_BYTES or (tail == TAG_BYTES and self.count > 1) or self.count > _MAX_CHUNKS:
            raise SealBroken
        self._sealed_buffer = bytearray(full)
        self._clear_buffer = memoryview(bytearray(self.stream.chunk))

    def chunk(self, number: int) -> memoryview:
        """The plaintext of one chunk, valid until the next call; raises SealBroken."""
        self._sealed.seek(HEADER_BYTES + number * len(self._sealed_buffer))
        size = _fill(self._sealed, self._sealed_buffer)
        last = number == self.count - 1
        expected = self.size + self.count * TAG_BYTES - number * len(self._sealed_buffer)
        if size != min(expected, len(self._sealed_buffer)):
            raise SealBroken
        clear = self._clear_buffer[: size - TAG_BYTES]
        sealed = memoryview(self._sealed_buffer)[:size]
        self.stream.aead.decrypt(self.stream.nonce(number, last=last), b"", sealed, clear)
        return clear.toreadonly()


def _start(dek: bytes, context: bytes, fixed: bytes) -> tuple[_Stream, bytes]:
    """The stream of an object and the commitment to its key.

    key || commitment = HKDF(DEK, "sealed-object", fixed header || context)
    """
    if len(dek) != KEY_BYTES:
        raise SealBroken
    _, algorithm, bits, _, prefix = _FIXED.unpack(fixed)
    chosen = engine(Algorithm(algorithm))
    material = derive(dek, "sealed-object", fixed + context, chosen.key_bytes + COMMITMENT_BYTES)
    stream = _Stream(aead=chosen.start(material[: chosen.key_bytes]), prefix=prefix, chunk=1 << bits)
    return stream, material[chosen.key_bytes :]


def _fill(stream: BinaryIO, buffer: bytearray) -> int:
    """The number of bytes read into *buffer*, less than its length only at the end of *stream*."""
    view = memoryview(buffer)
    filled = 0
    while filled < len(buffer):
        got = stream.readinto(view[filled:])  # type: ignore[attr-defined]  # every binary stream has it
        if not got:
            break
        filled += got
    return filled
