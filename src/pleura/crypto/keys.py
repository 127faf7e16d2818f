"""Random keys, key wrap, key derivation and digests."""

from __future__ import annotations

import hashlib
import hmac
import io
import secrets
from typing import TYPE_CHECKING, BinaryIO, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from pleura.domain.errors import SealBroken

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

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


def derive(key: bytes | bytearray, purpose: str, context: bytes = b"", length: int = KEY_BYTES) -> bytes:
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


def keyed_digest(key: bytes | bytearray, data: bytes) -> bytes:
    """HMAC-SHA-256 of *data*, 32 bytes (RFC 2104)."""
    return hmac.digest(key, data, "sha256")


def keyed_digest_of(key: bytes | bytearray, stream: BinaryIO) -> bytes:
    """HMAC-SHA-256 of everything that is left in *stream*."""
    reader = DigestingReader(key, stream)
    buffer = bytearray(_PIECE)
    while reader.readinto(buffer):
        pass
    return reader.digest()


class DigestingReader(io.RawIOBase):
    """A stream that also makes the HMAC-SHA-256 of all that is read through it."""

    def __init__(self, key: bytes | bytearray, source: BinaryIO) -> None:
        self._source = source
        # The standard library's, because it lets other threads work meanwhile.
        self._code = hmac.new(key, digestmod="sha256")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """The number of bytes read, 0 at the end."""
        view = memoryview(buffer)
        size = int(self._source.readinto(view) or 0)  # type: ignore[attr-defined]  # every binary stream has it
        self._code.update(view[:size])
        return size

    def digest(self) -> bytes:
        """The digest of what was read so far, 32 bytes."""
        return self._code.digest()
