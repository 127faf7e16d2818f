"""The document alone suffices to open a sealed object: the second reader agrees with pleura."""

from __future__ import annotations

import ast
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests import second_reader

from pleura.crypto.container import CHUNK, MAGIC, _sealed, open_all, seal
from pleura.crypto.engines import Algorithm
from pleura.domain.errors import SealBroken

SCRIPT = Path(second_reader.__file__)
VECTORS = Path(__file__).parents[2] / "vectors" / "sealed-object"
DEK = bytes(range(32))
NAME = "img-3f9k2m7p1x8q/original"
SMALL = 4096


def sealed(clear: bytes, algorithm: Algorithm, chunk_size: int = SMALL) -> bytes:
    pieces = seal(io.BytesIO(clear), DEK, context=NAME.encode(), algorithm=algorithm, chunk_size=chunk_size)
    return b"".join(bytes(piece) for piece in pieces)


def run(folder: Path, data: bytes, name: str) -> subprocess.CompletedProcess[bytes]:
    (folder / "object").write_bytes(data)
    (folder / "dek").write_bytes(DEK)
    words = [sys.executable, SCRIPT, folder / "object", "--dek-file", folder / "dek", "--context", name]
    return subprocess.run(words, capture_output=True, check=False)


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda path: path.stem)
def test_the_second_reader_agrees_on_every_vector(path: Path) -> None:
    vector = json.loads(path.read_text())
    data, dek, name = bytes.fromhex(vector["sealed"]), bytes.fromhex(vector["dek"]), vector["context"]

    if vector["clear"] == "refused":
        with pytest.raises(second_reader.Refused):
            second_reader.read(data, dek, name)
    else:
        assert second_reader.read(data, dek, name).hex() == vector["clear"]


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("length", [0, 1, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL])
def test_the_second_reader_opens_what_pleura_seals_now(length: int, algorithm: Algorithm) -> None:
    clear = os.urandom(length)

    assert second_reader.read(sealed(clear, algorithm), DEK, NAME) == clear


@pytest.mark.parametrize("chunk_size", [64 * 1024, CHUNK, 4 * 1024 * 1024])
def test_the_second_reader_follows_the_chunk_size(chunk_size: int) -> None:
    clear = os.urandom(chunk_size + 1)

    assert second_reader.read(sealed(clear, Algorithm.SM4_GCM, chunk_size), DEK, NAME) == clear


@pytest.mark.parametrize(
    ("magic", "bits"),
    [(MAGIC, 11), (MAGIC, 23), (MAGIC[:-1] + b"\x02", 12), (b"Pleura\x00\x01", 12)],
    ids=["chunks too small", "chunks too great", "a later version", "another magic"],
)
def test_both_refuse_a_header_out_of_the_table_although_all_of_it_verifies(magic: bytes, bits: int) -> None:
    fixed = magic + bytes([Algorithm.SM4_GCM, bits]) + os.urandom(39)
    data = b"".join(bytes(piece) for piece in _sealed(io.BytesIO(b"film"), DEK, NAME.encode(), fixed))

    with pytest.raises(SealBroken):
        open_all(io.BytesIO(data), DEK, context=NAME.encode())
    with pytest.raises(second_reader.Refused):
        second_reader.read(data, DEK, NAME)


def test_the_script_gives_out_the_clear_bytes(tmp_path: Path) -> None:
    clear = os.urandom(2 * SMALL + 3)

    done = run(tmp_path, sealed(clear, Algorithm.AES_256_GCM), NAME)

    assert (done.returncode, done.stdout, done.stderr) == (0, clear, b"")


def test_the_script_gives_out_nothing_of_a_damaged_object(tmp_path: Path) -> None:
    damaged = bytearray(sealed(os.urandom(2 * SMALL + 3), Algorithm.SM4_GCM))
    damaged[-1] ^= 1

    done = run(tmp_path, bytes(damaged), NAME)

    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"refused\n")


def test_the_script_gives_out_nothing_under_another_name(tmp_path: Path) -> None:
    done = run(tmp_path, sealed(b"film", Algorithm.SM4_GCM), "img-3f9k2m7p1x8q/sketch")

    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"refused\n")


def test_the_second_reader_shares_no_code_with_pleura() -> None:
    tree = ast.parse(SCRIPT.read_text())
    plain = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    sources = {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    foreign = {name.split(".")[0] for name in plain | sources} - sys.stdlib_module_names

    assert foreign == {"cryptography"}
