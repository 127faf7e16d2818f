"""Signed heads: C2SP tlog-checkpoints in C2SP signed notes (docs/formats/ledger.md, section 3)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final

from pleura.crypto.keys import digest
from pleura.crypto.signing import Signer, verify
from pleura.domain.errors import LedgerBroken
from pleura.ledger.tree import HASH_BYTES

_ED25519: Final = b"\x01"  # signature type of C2SP signed-note
_KEY_ID_BYTES: Final = 4
_MAX_NOTE_CHARACTERS: Final = 65_536
_ORIGIN: Final = re.compile(r"[!-*,-~]{1,128}")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,17}")


@dataclass(frozen=True, kw_only=True)
class Head:
    """The state of a ledger: whose it is, how many entries, and the root over them."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not _ORIGIN.fullmatch(self.origin):
            raise ValueError("an origin is 1 to 128 printable ASCII characters without space and plus")
        if self.size < 0 or len(self.root) != HASH_BYTES:
            raise ValueError("a head has a size of 0 or more and a root of 32 bytes")

    @property
    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{_to_base64(self.root)}\n"


def sign_head(head: Head, signer: Signer) -> str:
    """*head* as a signed note with one signature line."""
    signature = signer.sign(head.text.encode())
    return f"{head.text}\n{_line_start(head.origin)}{_to_base64(_key_id(head, signer.public) + signature)}\n"


def open_head(note: str, public: bytes) -> Head:
    """The head in *note*, signed by the 32-byte *public* key; raises LedgerBroken.

    Signature lines of other keys are ignored, as C2SP signed-note demands; ours must be there once.
    """
    text, _, lines = note.rpartition("\n\n")
    try:
        head = _read_text(note, text)
        signature = _signature(head, lines, public)
    except ValueError as error:
        raise LedgerBroken(
            "head-malformed",
            "a head of the ledger is not in the form of its format",
            "compare it with another copy of the same head and keep both",
        ) from error
    verify(public, head.text.encode(), signature)
    return head


def _read_text(note: str, text: str) -> Head:
    if len(note) > _MAX_NOTE_CHARACTERS or not note.endswith("\n"):
        raise ValueError("not a signed note")
    origin, size, root = text.split("\n")
    if not _SIZE.fullmatch(size):
        raise ValueError("not a tree size")
    return Head(origin=origin, size=int(size), root=_from_base64(root))


def _signature(head: Head, lines: str, public: bytes) -> bytes:
    start = _line_start(head.origin)
    named = [
        _from_base64(line.removeprefix(start)) for line in lines[:-1].split("\n") if _is_named(line, start)
    ]
    key_id = _key_id(head, public)
    (ours,) = [blob[_KEY_ID_BYTES:] for blob in named if blob[:_KEY_ID_BYTES] == key_id]
    return ours


def _is_named(line: str, start: str) -> bool:
    if not line.startswith("— ") or any(character < " " for character in line):
        raise ValueError("not a signature line")
    return line.startswith(start)


def _line_start(origin: str) -> str:
    return f"— {origin} "


def _key_id(head: Head, public: bytes) -> bytes:
    return digest(head.origin.encode() + b"\n" + _ED25519 + public)[:_KEY_ID_BYTES]


def _to_base64(clear: bytes) -> str:
    return base64.b64encode(clear).decode()


def _from_base64(text: str) -> bytes:
    clear = base64.b64decode(text, validate=True)
    if _to_base64(clear) != text:
        raise ValueError("not canonical base64")
    return clear
