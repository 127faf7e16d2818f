"""Signatures of the ledger: Ed25519 (RFC 8032)."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pleura.domain.errors import LedgerBroken


class Signer:
    """An Ed25519 private key; never printed."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def from_bytes(cls, seed: bytes) -> Signer:
        """The signer of a 32-byte seed."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature of *message*, 64 bytes."""
        return self._key.sign(message)


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Return when *signature* of *message* is right; raises LedgerBroken."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise LedgerBroken(
            "signature-wrong",
            "a signed head of the ledger carries a wrong signature",
            "keep this home as it is, it is evidence, and compare it with a witnessed head",
        ) from error
