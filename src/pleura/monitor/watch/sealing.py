"""What the watch list keeps sealed: addresses, pages and words, which may name people."""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec

from pleura.crypto.fields import exact_index, open_field, seal_field

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
    """32 bytes that find *parts* again, letter by letter, and show nothing of them."""
    return exact_index(keys.watch_key, *parts)
