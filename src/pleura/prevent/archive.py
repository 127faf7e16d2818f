"""What a trace may read of the vault: sketches, copy names and mark streams, never an original."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from pleura.crypto.keys import keyed_digest_of
from pleura.domain.copies import CopyRecord
from pleura.prevent.copies import Copies
from pleura.prevent.keyring import Keyring
from pleura.prevent.sketcher import Sketcher
from pleura.prevent.vault import Vault


class VaultArchive:
    """The vault as the `Archive` port shows it."""

    def __init__(self, vault: Vault, sketcher: Sketcher, copies: Copies, keyring: Keyring) -> None:
        self._vault = vault
        self._sketcher = sketcher
        self._copies = copies
        self._keyring = keyring

    def sketches(self) -> Iterator[tuple[str, bytes]]:
        """Name and features of every original; those that came in since the last time are sketched first."""
        self._sketcher.catch_up()
        pending = set(self._sketcher.pending())
        for image in self._vault.images():
            if image.id not in pending:
                yield image.id, self._vault.features(image.id)

    def work(self, image_id: str) -> bytes:
        """The work image of one original."""
        return self._vault.work(image_id)

    def digest(self, source: BinaryIO) -> bytes:
        """The digest by which the catalogue would know the stream as an original."""
        return keyed_digest_of(self._keyring.index_key, source)

    def copies(self, image_id: str) -> Sequence[str]:
        """Names of all copies made of one original."""
        return self._copies.names(image_id)

    def mark_stream(self, image_id: str, copy: str, length: int) -> bytes:
        """The keyed stream that the chips of one copy's mark are taken from."""
        return self._keyring.mark_stream(image_id, copy, length)

    def record(self, image_id: str, copy: str) -> CopyRecord:
        """The record of one copy, proven against the ledger; raises LedgerBroken."""
        return self._copies.record(image_id, copy)
