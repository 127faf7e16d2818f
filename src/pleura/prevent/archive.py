"""What a trace may read of the vault: sketches, copy names and mark streams, never an original."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import BinaryIO

from pleura.crypto.keys import keyed_digest_of
from pleura.crypto.payload import payload_of, read_payload
from pleura.domain.copies import CopyRecord, Payload
from pleura.domain.errors import PleuraError
from pleura.prevent.copies import Copies
from pleura.prevent.keyring import Keyring
from pleura.prevent.sketcher import Sketcher
from pleura.prevent.vault import Vault, is_of_one_object


class VaultArchive:
    """The vault as the `Archive` port shows it."""

    def __init__(self, vault: Vault, sketcher: Sketcher, copies: Copies, keyring: Keyring) -> None:
        self._vault = vault
        self._sketcher = sketcher
        self._copies = copies
        self._keyring = keyring

    def features(self, image_id: str) -> bytes | None:
        """The features of one original; None where neither its sketch nor the original opens."""
        return self._part(image_id, self._vault.features)

    def work(self, image_id: str) -> bytes | None:
        """The work image of one original; None where neither its sketch nor the original opens."""
        return self._part(image_id, self._vault.work)

    def digest(self, source: BinaryIO) -> bytes:
        """The digest by which the catalogue would know the stream as an original."""
        return keyed_digest_of(self._keyring.index_key, source)

    def marks(self, image_id: str) -> Mapping[str, int]:
        """Of all marked copies made of one original: the name and the version of the mark."""
        return self._copies.marks(image_id)

    def unmarked(self, image_id: str) -> int:
        """The number of copies of one original that left without a mark; raises LedgerBroken."""
        return len(self._copies.unmarked(image_id))

    def mark_stream(self, image_id: str, copy: str, length: int) -> bytes:
        """The keyed stream that the chips of one copy's mark are taken from."""
        return self._keyring.mark_stream(image_id, copy, length)

    def plan_stream(self, image_id: str, length: int) -> bytes:
        """The keyed stream that says which cells of the marks of one image carry the payload."""
        return self._keyring.plan_stream(image_id, length)

    def payload(self, image_id: str, candidates: Iterable[bytes]) -> Payload | None:
        """The payload among *candidates* that a mark of this image was made with, known by its MAC."""
        return read_payload(self._keyring.payload_key(image_id), candidates)

    def says(self, record: CopyRecord) -> Payload:
        """The payload that the mark of a copy was made with."""
        return payload_of(self._keyring.payload_key(record.image), record)

    def record(self, image_id: str, copy: str) -> CopyRecord:
        """The record of one copy, proven against the ledger; raises LedgerBroken."""
        return self._copies.record(image_id, copy)

    def _part(self, image: str, read: Callable[[str], bytes]) -> bytes | None:
        """What *read* finds in a sketch; one that is lost or damaged is made again first."""
        found = _unless_lost(image, read)
        if found is None and self._sketcher.renew(image):
            found = _unless_lost(image, read)
        return found


def _unless_lost(image: str, read: Callable[[str], bytes]) -> bytes | None:
    try:
        return read(image)
    except PleuraError as fault:
        if not is_of_one_object(fault):
            raise
        return None
