"""What the watch list keeps sealed: addresses, pages and words, which may name people."""

from __future__ import annotations

import struct
from typing import Protocol, TypeVar

import msgspec

from pleura.crypto.fields import open_field, seal_field
from pleura.crypto.keys import derive, keyed_digest

_T = TypeVar("_T")


class WatchKey(Protocol):
    """Whoever holds the key of the watch list."""

    @property
    def watch_key(self) -> bytes:
        """32 bytes."""
        ...


def sealed(keys: WatchKey, context: str, noun: object) -> bytes:
    """*noun*, a dataclass or text, sealed and bound to *context*."""
    return seal_field(keys.watch_key, msgspec.json.encode(noun), context.encode())


def opened(keys: WatchKey, context: str, stored: bytes, of: type[_T]) -> _T:
    """What `sealed` sealed; raises SealBroken."""
    return msgspec.json.decode(open_field(keys.watch_key, stored, context.encode()), type=of)


def index_of(keys: WatchKey, *parts: str) -> bytes:
    """32 bytes that find *parts* again and show nothing of them; letters count as they are, unlike in names.

    Each part is preceded by its length, so that ("ab", "c") and ("a", "bc") differ.
    """
    message = b"".join(
        struct.pack(">I", len(encoded)) + encoded
        for part in parts
        for encoded in [part.encode("utf-8", "surrogateescape")]
    )
    return keyed_digest(derive(keys.watch_key, "index"), message)
