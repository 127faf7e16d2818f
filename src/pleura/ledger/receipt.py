"""A receipt: one entry of the ledger with the proof that it is there, verifiable by anybody offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from pleura.domain.errors import BadInput
from pleura.ledger.entries import Entry, decode
from pleura.ledger.heads import Head, open_head
from pleura.ledger.ledger import InclusionProof
from pleura.ledger.tree import leaf_hash, verify_inclusion

MOST_BYTES: Final = 1 << 20


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["pleura-receipt-1"]
    entry: bytes
    index: int
    path: list[bytes]
    head: str
    public_key: bytes


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a receipt proves: the entry, and the head of the ledger of that public key that it is under."""

    entry: Entry
    index: int
    head: Head
    public_key: bytes


def write_receipt(proof: InclusionProof, public_key: bytes) -> bytes:
    """The receipt as JSON, bytes as base64 (docs/formats/ledger.md, section 6)."""
    document = _Document(
        format="pleura-receipt-1",
        entry=proof.entry,
        index=proof.index,
        path=list(proof.path),
        head=proof.head,
        public_key=public_key,
    )
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def verify_receipt(content: bytes) -> Verified:
    """What the receipt proves; raises BadInput for another file, LedgerBroken for a changed one.

    Whose installation it is, is told by the public key alone: compare it with the one you know.
    """
    document = _parsed(content)
    head = open_head(document.head, document.public_key)
    verify_inclusion(leaf_hash(document.entry), document.index, head.size, document.path, head.root)
    return Verified(
        entry=decode(document.entry), index=document.index, head=head, public_key=document.public_key
    )


def _parsed(content: bytes) -> _Document:
    try:
        if len(content) > MOST_BYTES:
            raise _not_a_receipt()
        return msgspec.json.decode(content, type=_Document)
    except msgspec.MsgspecError:
        raise _not_a_receipt() from None


def _not_a_receipt() -> BadInput:
    return BadInput("not-a-receipt", "the file is not a receipt of pleura", "check which file you were given")
