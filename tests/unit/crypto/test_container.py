"""A sealed object opens whole, in pieces and by range, and refuses every change."""

from __future__ import annotations

import importlib.util
import io
import json
import os
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleura.crypto.container import HEADER_BYTES, open_all, open_range, open_stream, seal
from pleura.crypto.engines import TAG_BYTES, Algorithm
from pleura.domain.errors import SealBroken

VECTORS = Path(__file__).parents[2] / "vectors" / "sealed-object"
DEK = bytes(range(32))
CONTEXT = b"img-1/original"
CHUNK = 4096


def test_a_dek_of_another_length_seals_and_opens_nothing() -> None:
    whole = sealed(b"film")

    for dek in (DEK[:16], DEK + b"\0", b"", b"short"):
        with pytest.raises(SealBroken):
            open_all(io.BytesIO(whole), dek, context=CONTEXT)
        with pytest.raises(SealBroken):
            list(seal(io.BytesIO(b"film"), dek, context=CONTEXT))


def sealed(clear: bytes, *, algorithm: Algorithm = Algorithm.SM4_GCM, chunk_size: int = CHUNK) -> bytes:
    pieces = seal(io.BytesIO(clear), DEK, context=CONTEXT, algorithm=algorithm, chunk_size=chunk_size)
    return b"".join(bytes(piece) for piece in pieces)


def opened(data: bytes, dek: bytes = DEK, context: bytes = CONTEXT) -> bytes:
    return open_all(io.BytesIO(data), dek, context=context)


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_sealed_object", VECTORS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7])
def test_what_was_sealed_opens(algorithm: Algorithm, length: int) -> None:
    clear = os.urandom(length)

    assert opened(sealed(clear, algorithm=algorithm)) == clear


def test_sealing_twice_gives_different_bytes() -> None:
    assert sealed(b"the same") != sealed(b"the same")


def test_every_flipped_bit_is_refused() -> None:
    data = sealed(bytes(64))

    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            with pytest.raises(SealBroken):
                opened(bytes(changed))


def test_truncation_at_every_byte_is_refused() -> None:
    data = sealed(bytes(40))

    for length in range(len(data)):
        with pytest.raises(SealBroken):
            opened(data[:length])


def test_a_cut_object_gives_out_nothing_in_a_stream() -> None:
    data = sealed(os.urandom(3 * CHUNK))
    cut = data[: HEADER_BYTES + 2 * (CHUNK + TAG_BYTES)]
    given_out: list[bytes] = []

    with pytest.raises(SealBroken):
        given_out.extend(bytes(piece) for piece in open_stream(io.BytesIO(cut), DEK, context=CONTEXT))

    assert given_out == []


def test_another_key_and_another_name_open_nothing() -> None:
    data = sealed(b"film")

    with pytest.raises(SealBroken):
        opened(data, dek=bytes(32))
    with pytest.raises(SealBroken):
        opened(data, context=b"img-2/original")


@given(length=st.integers(0, 3 * CHUNK + 9), offset=st.integers(0, 4 * CHUNK), size=st.integers(0, 2 * CHUNK))
@settings(max_examples=60, deadline=None)
def test_a_range_is_the_slice(length: int, offset: int, size: int) -> None:
    clear = bytes(place * 13 % 256 for place in range(length))

    found = open_range(io.BytesIO(sealed(clear)), DEK, slice(offset, offset + size), context=CONTEXT)

    assert found == clear[offset : offset + size]


@given(data=st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_bytes_from_outside_are_refused_and_nothing_else(data: bytes) -> None:
    with pytest.raises(SealBroken):
        opened(data)


def test_sealing_reads_no_more_than_two_chunks_ahead() -> None:
    source = io.BytesIO(bytes(20 * CHUNK))
    pieces = seal(source, DEK, context=CONTEXT, chunk_size=CHUNK)

    next(pieces)
    next(pieces)

    assert source.tell() <= 2 * CHUNK


@pytest.mark.parametrize("size", [0, 1000, 2048, 5000, 1 << 23])
def test_an_odd_chunk_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        sealed(b"", chunk_size=size)


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda path: path.stem)
def test_a_vector_comes_out_as_stated(path: Path) -> None:
    vector = json.loads(path.read_text())
    data, dek, context = (
        bytes.fromhex(vector["sealed"]),
        bytes.fromhex(vector["dek"]),
        vector["context"].encode(),
    )

    if vector["clear"] == "refused":
        with pytest.raises(SealBroken):
            opened(data, dek, context)
    else:
        assert opened(data, dek, context) == bytes.fromhex(vector["clear"])


def test_the_vectors_are_what_the_generator_writes() -> None:
    expected = dict(generator().documents())

    assert {path.name: path.read_text() for path in VECTORS.glob("*.json")} == expected
    assert len(expected) == 37
