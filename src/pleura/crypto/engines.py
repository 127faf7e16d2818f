"""Authenticated encryption of chunks, by the fastest engine that proves itself on this machine."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pleura.crypto.libgcrypt import LibgcryptSm4
from pleura.domain.errors import EnvironmentFault, SealBroken

TAG_BYTES: Final = 16


class Algorithm(IntEnum):
    """The algorithm byte of a sealed object."""

    SM4_GCM = 1
    AES_256_GCM = 2


class Aead(Protocol):
    """One key, ready for many chunks; for one thread at a time."""

    def encrypt(self, nonce: bytes, aad: bytes, clear: memoryview, sealed: memoryview) -> None:
        """Write ciphertext and 16-byte tag of *clear* to *sealed*, which is 16 bytes longer."""
        ...

    def decrypt(self, nonce: bytes, aad: bytes, sealed: memoryview, clear: memoryview) -> None:
        """Write the plaintext of *sealed* to *clear*, 16 bytes shorter; raises SealBroken."""
        ...


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One algorithm by one library."""

    name: str
    key_bytes: int
    start: Callable[[bytes], Aead]
    """A ready `Aead` for a key of ``key_bytes``."""


class _PycaSm4:
    """SM4-GCM by the OpenSSL that pyca bundles: everywhere, but slow."""

    def __init__(self, key: bytes) -> None:
        self._key = algorithms.SM4(key)

    def encrypt(self, nonce: bytes, aad: bytes, clear: memoryview, sealed: memoryview) -> None:
        encryptor = Cipher(self._key, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(aad)
        # pyca wants a block of room behind what it fills: the place of the tag is that room.
        encryptor.update_into(clear, sealed)
        encryptor.finalize()
        sealed[len(clear) :] = encryptor.tag

    def decrypt(self, nonce: bytes, aad: bytes, sealed: memoryview, clear: memoryview) -> None:
        tag = bytes(sealed[-TAG_BYTES:])
        decryptor = Cipher(self._key, modes.GCM(nonce, tag)).decryptor()
        decryptor.authenticate_additional_data(aad)
        opened = decryptor.update(sealed[:-TAG_BYTES])
        try:
            decryptor.finalize()
        except InvalidTag:
            raise SealBroken from None
        clear[:] = opened


class _PycaAes:
    """AES-256-GCM by pyca."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def encrypt(self, nonce: bytes, aad: bytes, clear: memoryview, sealed: memoryview) -> None:
        self._aead.encrypt_into(nonce, clear, aad, sealed)

    def decrypt(self, nonce: bytes, aad: bytes, sealed: memoryview, clear: memoryview) -> None:
        try:
            self._aead.decrypt_into(nonce, sealed, aad, clear)
        except InvalidTag:
            raise SealBroken from None


PYCA_SM4: Final = Engine(name="pyca SM4-GCM", key_bytes=16, start=_PycaSm4)
LIBGCRYPT_SM4: Final = Engine(name="libgcrypt SM4-GCM", key_bytes=16, start=LibgcryptSm4)
PYCA_AES: Final = Engine(name="pyca AES-256-GCM", key_bytes=32, start=_PycaAes)


def engine(algorithm: Algorithm) -> Engine:
    """The engine for *algorithm* on this machine; raises EnvironmentFault when none proves itself."""
    return _sm4_engine() if algorithm is Algorithm.SM4_GCM else PYCA_AES


@functools.cache
def _sm4_engine() -> Engine:
    """The first SM4 engine that passes its self-test, fastest first."""
    for candidate in (LIBGCRYPT_SM4, PYCA_SM4):
        if proves_itself(candidate):
            return candidate
    raise EnvironmentFault(
        "no-sm4-engine",
        "no library on this machine computes SM4-GCM rightly",
        "install libgcrypt20, or install pleura anew",
    )


# RFC 8998, appendix A.1: the SM4-GCM test vector.
_KEY: Final = bytes.fromhex("0123456789abcdeffedcba9876543210")
_NONCE: Final = bytes.fromhex("00001234567800000000abcd")
_AAD: Final = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
_CLEAR: Final = bytes.fromhex(
    "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
    "eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa"
)
_SEALED: Final = bytes.fromhex(
    "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
    "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
    "83de3541e4c2b58177e065a9bf7b62ec"
)


def proves_itself(candidate: Engine) -> bool:
    """Whether *candidate* loads, computes the vector of RFC 8998 both ways, and refuses a wrong tag."""
    try:
        aead = candidate.start(_KEY)
    except OSError:
        return False
    sealed, clear = bytearray(_SEALED), bytearray(len(_CLEAR))
    aead.encrypt(_NONCE, _AAD, memoryview(_CLEAR), memoryview(sealed))
    aead.decrypt(_NONCE, _AAD, memoryview(_SEALED), memoryview(clear))
    if bytes(sealed) != _SEALED or bytes(clear) != _CLEAR:
        return False
    sealed[-1] ^= 1
    try:
        aead.decrypt(_NONCE, _AAD, memoryview(sealed), memoryview(clear))
    except SealBroken:
        return True
    return False
