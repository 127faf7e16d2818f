"""Writes the vectors of the sealed object: ``python tests/vectors/sealed-object/generate.py``.

Salt and nonce prefix are fixed here and random everywhere else, so the same bytes come out each time.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pleura.crypto.container import _FIXED, HEADER_BYTES, MAGIC, _sealed
from pleura.crypto.engines import TAG_BYTES, Algorithm

DEK: Final = bytes(range(32))
CONTEXT: Final = b"img-vector/original"
SALT: Final = bytes(range(100, 132))
PREFIX: Final = bytes(range(200, 207))
BITS: Final = 12
CHUNK: Final = 1 << BITS
FULL: Final = CHUNK + TAG_BYTES

Case = tuple[str, bytes, bytes | None]


def clear(length: int) -> bytes:
    return bytes((7 * place + place // 251) % 256 for place in range(length))


def sealed(
    length: int,
    algorithm: int = Algorithm.SM4_GCM,
    *,
    dek: bytes = DEK,
    context: bytes = CONTEXT,
) -> bytes:
    fixed = _FIXED.pack(MAGIC, algorithm, BITS, SALT, PREFIX)
    return b"".join(bytes(piece) for piece in _sealed(io.BytesIO(clear(length)), dek, context, fixed))


def flipped(data: bytes, place: int, bit: int = 0) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1 << bit
    return bytes(changed)


def chunks(data: bytes) -> list[bytes]:
    body = data[HEADER_BYTES:]
    return [body[start : start + FULL] for start in range(0, len(body), FULL)]


def right() -> Iterator[Case]:
    """Objects that open."""
    for algorithm, name in ((Algorithm.SM4_GCM, "sm4"), (Algorithm.AES_256_GCM, "aes")):
        for length, words in (
            (0, "empty"),
            (1, "one-byte"),
            (CHUNK, "one-full-chunk"),
            (2 * CHUNK + 5, "three-chunks"),
        ):
            yield f"{name}-{words}", sealed(length, algorithm), clear(length)


def wrong_headers(good: bytes) -> Iterator[Case]:
    """Objects with one fault in the header each."""
    yield "magic-changed", flipped(good, 0), None
    yield "version-unknown", flipped(good, 7, 1), None
    yield "algorithm-unknown", good[:8] + b"\x03" + good[9:], None
    yield "algorithm-of-another-engine", good[:8] + b"\x02" + good[9:], None
    yield "chunk-bits-below-the-least", good[:9] + b"\x0b" + good[10:], None
    yield "chunk-bits-above-the-greatest", good[:9] + b"\x17" + good[10:], None
    yield "chunk-bits-changed", good[:9] + b"\x0d" + good[10:], None
    yield "salt-changed", flipped(good, 10), None
    yield "nonce-prefix-changed", flipped(good, 42), None
    yield "commitment-changed", flipped(good, 49), None


def wrong() -> Iterator[Case]:
    """Objects with one fault each."""
    good = sealed(2 * CHUNK + 5)
    header, (first, second, last) = good[:HEADER_BYTES], chunks(good)
    yield from wrong_headers(good)
    yield "bit-flip-in-first-chunk", flipped(good, HEADER_BYTES), None
    yield "bit-flip-in-second-chunk", flipped(good, HEADER_BYTES + FULL + 9), None
    yield "bit-flip-in-tag-of-second-chunk", flipped(good, HEADER_BYTES + 2 * FULL - 1), None
    yield "bit-flip-in-last-chunk", flipped(good, len(good) - 1), None
    yield "chunks-swapped", header + second + first + last, None
    yield "first-chunk-dropped", header + second + last, None
    yield "middle-chunk-dropped", header + first + last, None
    yield "last-chunk-dropped", header + first + second, None
    yield "chunk-repeated", header + first + second + second + last, None
    yield "last-chunk-moved-forward", header + last + first + second, None
    yield "cut-in-last-chunk", good[:-1], None
    yield "cut-to-header", header, None
    yield "cut-in-header", good[: HEADER_BYTES - 1], None
    yield "nothing-at-all", b"", None
    yield "extended-by-one-byte", good + b"\x00", None
    yield "extended-by-an-object", good + good, None
    yield "empty-last-chunk-that-is-not-alone", _with_empty_last_chunk(), None
    yield "wrong-dek", sealed(9, dek=DEK[::-1]), None
    yield "wrong-context", sealed(9, context=b"img-vector/sketch"), None


def _with_empty_last_chunk() -> bytes:
    """A full chunk that is not flagged last, and behind it an empty one that is: a second form."""
    from pleura.crypto.container import _start  # noqa: PLC0415 - only this fault needs the inside

    fixed = _FIXED.pack(MAGIC, Algorithm.SM4_GCM, BITS, SALT, PREFIX)
    stream, commitment = _start(DEK, CONTEXT, fixed)
    full, empty = memoryview(bytearray(FULL)), memoryview(bytearray(TAG_BYTES))
    stream.aead.encrypt(stream.nonce(0, last=False), b"", memoryview(bytearray(clear(CHUNK))), full)
    stream.aead.encrypt(stream.nonce(1, last=True), b"", memoryview(bytearray()), empty)
    return fixed + commitment + bytes(full) + bytes(empty)


def documents() -> Iterator[tuple[str, str]]:
    """File name and text of every vector."""
    for name, data, opened in (*right(), *wrong()):
        document = {
            "dek": DEK.hex(),
            "context": CONTEXT.decode(),
            "sealed": data.hex(),
            "clear": "refused" if opened is None else opened.hex(),
        }
        yield f"{name}.json", json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    for name, text in documents():
        (Path(__file__).parent / name).write_text(text)
