"""A second reader of sealed objects, written from docs/formats/sealed-object.md and from no code of pleura.

    python tests/second_reader.py OBJECT --dek-file FILE --context NAME > clear

FILE holds the 32 bytes of the DEK. All or nothing: exit 1 and not one byte when the object is refused.
"""

from __future__ import annotations

import argparse
import hmac
import sys
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES, SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = bytes.fromhex("706c657572610001")
FIXED = 49
HEADER = 81
TAG = 16
CHUNK_BITS = range(12, 23)
MOST_CHUNKS = 2**32
ALGORITHMS = {1: (SM4, 16), 2: (AES, 32)}


class Refused(Exception):
    """The object is not what was sealed under this DEK and context; the cause is not told."""


def check(*, holds: bool) -> None:
    if not holds:
        raise Refused


def read(sealed: bytes, dek: bytes, context: str) -> bytes:
    """Give back the clear bytes when everything verifies, else raise `Refused` (sections 2 to 5)."""
    check(holds=len(dek) == 32 and context.isascii())
    check(holds=len(sealed) >= HEADER + TAG)
    check(holds=sealed[:8] == MAGIC and sealed[8] in ALGORITHMS and sealed[9] in CHUNK_BITS)
    cipher, key_length = ALGORITHMS[sealed[8]]
    fixed, commitment, body = sealed[:FIXED], sealed[FIXED:HEADER], sealed[HEADER:]
    info = b"pleura/v1/sealed-object\x00" + fixed + context.encode("ascii")
    okm = HKDF(algorithm=SHA256(), length=key_length + 32, salt=None, info=info).derive(dek)
    check(holds=hmac.compare_digest(okm[key_length:], commitment))
    chunks = cut(body, 2 ** sealed[9] + TAG)
    clear = []
    for counter, chunk in enumerate(chunks):
        last = counter == len(chunks) - 1
        nonce = fixed[42:] + counter.to_bytes(4, "big") + bytes([last])
        clear.append(open_chunk(cipher(okm[:key_length]), nonce, chunk))
    return b"".join(clear)


def cut(body: bytes, step: int) -> list[bytes]:
    """Give back the sealed chunks: full ones and one last one, empty only when it is alone."""
    chunks = [body[start : start + step] for start in range(0, len(body), step)]
    check(holds=len(chunks) <= MOST_CHUNKS and len(chunks[-1]) >= TAG)
    check(holds=len(chunks) == 1 or len(chunks[-1]) > TAG)
    return chunks


def open_chunk(cipher: SM4 | AES, nonce: bytes, chunk: bytes) -> bytes:
    decryptor = Cipher(cipher, GCM(nonce, chunk[-TAG:])).decryptor()
    try:
        return decryptor.update(chunk[:-TAG]) + decryptor.finalize()
    except InvalidTag:
        raise Refused from None


def main() -> int:
    parser = argparse.ArgumentParser(description="opens one sealed object")
    parser.add_argument("object", type=Path)
    parser.add_argument("--dek-file", type=Path, required=True)
    parser.add_argument("--context", required=True)
    given = parser.parse_args()
    try:
        clear = read(given.object.read_bytes(), given.dek_file.read_bytes(), given.context)
    except Refused:
        sys.stderr.write("refused\n")
        return 1
    sys.stdout.buffer.write(clear)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
