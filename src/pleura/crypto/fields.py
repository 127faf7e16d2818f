"""Small sealed fields and blind indexes."""

from __future__ import annotations

import secrets
import struct
import unicodedata
from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pleura.crypto.keys import derive, keyed_digest
from pleura.domain.errors import SealBroken

_NONCE_BYTES: Final = 12


def seal_field(key: bytes, clear: bytes, context: bytes) -> bytes:
    """*clear* sealed under *key* and bound to *context*: nonce (12 bytes), ciphertext, tag (16 bytes).

    AES-256-GCM (NIST SP 800-38D) with random nonces: one patient's key seals far fewer than the 2^32
    fields at which a repeated nonce would become likely.
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(derive(key, "field")).encrypt(nonce, clear, context)


def open_field(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """What `seal_field` sealed; raises SealBroken."""
    try:
        return AESGCM(derive(key, "field")).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise SealBroken from error


def blind_index(key: bytes | bytearray, *parts: str) -> bytes:
    """32 bytes that find *parts* again and show nothing of them (HMAC-SHA-256).

    Each part is normalised: NFKC, surrounding space removed, case folded.
    """
    folded = [unicodedata.normalize("NFKC", part).strip().casefold().encode() for part in parts]
    return keyed_digest(derive(key, "blind-index"), _framed(folded))


def exact_index(key: bytes | bytearray, *parts: str) -> bytes:
    """The same of *parts* as they are, letter by letter; bytes that are no text are escaped (PEP 383)."""
    exact = [part.encode("utf-8", "surrogateescape") for part in parts]
    return keyed_digest(derive(key, "index"), _framed(exact))


def _framed(parts: Iterable[bytes]) -> bytes:
    """Each part preceded by its length, so that ("ab", "c") and ("a", "bc") differ."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)
