"""Random keys, key wrap, key derivation and digests."""

from __future__ import annotations

import hashlib
import secrets
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from pleura.domain.errors import SealBroken

KEY_BYTES: Final = 32
_PIECE: Final = 1 << 20


def new_key() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def wrap(kek: bytes, key: bytes) -> bytes:
    """*key* wrapped by *kek*, 40 bytes for 32 (AES key wrap, RFC 3394)."""
    return aes_key_wrap(kek, key)


def unwrap(kek: bytes, wrapped: bytes) -> bytes:
    """The key that *kek* wrapped; raises SealBroken."""
    try:
        return aes_key_unwrap(kek, wrapped)
    except (InvalidUnwrap, ValueError) as error:
        raise SealBroken from error


def derive(key: bytes, purpose: str, context: bytes = b"", length: int = KEY_BYTES) -> bytes:
    """*length* bytes for one *purpose* and *context* (HKDF with SHA-256, RFC 5869).

    info = "pleura/v1/" purpose 0x00 context, which is unambiguous because a purpose holds no zero byte.
    """
    info = b"pleura/v1/" + purpose.encode("ascii") + b"\x00" + context
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(key)


def keystream(key: bytes, length: int) -> bytes:
    """*length* pseudo-random bytes of a key that is used for nothing else (AES-256-CTR, NIST SP 800-38A)."""
    encryptor = Cipher(algorithms.AES256(key), modes.CTR(bytes(16))).encryptor()
    return encryptor.update(bytes(length))


def digest(data: bytes) -> bytes:
    """SHA-256 of *data*, 32 bytes (FIPS 180-4)."""
    return hashlib.sha256(data).digest()


def digest_of(stream: BinaryIO) -> bytes:
    """SHA-256 of everything that is left in *stream*."""
    return hashlib.file_digest(stream, "sha256").digest()  # type: ignore[arg-type]  # it has readinto


def keyed_digest(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA-256 of *data*, 32 bytes (RFC 2104)."""
    code = HMAC(key, SHA256())
    code.update(data)
    return code.finalize()


def keyed_digest_of(key: bytes, stream: BinaryIO) -> bytes:
    """HMAC-SHA-256 of everything that is left in *stream*."""
    code = HMAC(key, SHA256())
    while piece := stream.read(_PIECE):
        code.update(piece)
    return code.finalize()
