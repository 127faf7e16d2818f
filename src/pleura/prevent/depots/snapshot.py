"""A snapshot: the whole database, sealed, with a head that says how to open it (docs/formats/depot.md)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Annotated, Final, Literal

import msgspec

from pleura.crypto.container import open_stream, seal
from pleura.crypto.engines import Algorithm
from pleura.crypto.keys import new_key, unwrap, wrap
from pleura.domain.errors import BadInput, NotFound
from pleura.domain.ports import ObjectStore

HEADS: Final = "heads/"
SNAPSHOTS: Final = "snapshots/"
_MOST_HEAD: Final = 64 * 1024


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lies in the clear beside a snapshot: useless without the root or the recovery code."""

    format: Literal["pleura-depot-1"]
    snapshot: str
    made_at: str
    """ISO 8601, UTC."""
    epoch: Annotated[int, msgspec.Meta(ge=1)]
    objects: Annotated[int, msgspec.Meta(ge=0)]
    by_recovery: bytes
    """The root of the epoch, wrapped by the recovery code."""
    key: bytes
    """The key of the snapshot, wrapped by the root."""

    @property
    def context(self) -> bytes:
        """What the snapshot is bound to: a changed head opens nothing."""
        return f"{SNAPSHOTS}{self.snapshot}/{self.made_at}/{self.epoch}/{self.objects}".encode()


def write_snapshot(store: ObjectStore, head: Head, key: bytes, pieces: Iterable[bytes]) -> None:
    """Store the sealed snapshot, which nothing names until `publish`."""
    clear: io.RawIOBase = _Stream(iter(pieces))
    sealed = seal(io.BufferedReader(clear), key, context=head.context, algorithm=Algorithm.AES_256_GCM)
    store.put(f"{SNAPSHOTS}{head.snapshot}", sealed)


def publish(store: ObjectStore, head: Head) -> None:
    """Store the head: from now on the snapshot counts."""
    store.put(f"{HEADS}{head.snapshot}", [msgspec.json.encode(head)])


def read_snapshot(store: ObjectStore, head: Head, root_key: bytes) -> Iterator[memoryview]:
    """The pieces that were written; raises NotFound, SealBroken."""
    with store.open(f"{SNAPSHOTS}{head.snapshot}") as stream:
        yield from open_stream(stream, unwrap(root_key, head.key), context=head.context)


def new_head(
    *, snapshot: str, made_at: str, epoch: int, objects: int, by_recovery: bytes, root_key: bytes
) -> tuple[Head, bytes]:
    """A head, and the key of its snapshot."""
    key = new_key()
    head = Head(
        format="pleura-depot-1",
        snapshot=snapshot,
        made_at=made_at,
        epoch=epoch,
        objects=objects,
        by_recovery=by_recovery,
        key=wrap(root_key, key),
    )
    return head, key


def heads_of(store: ObjectStore) -> list[Head]:
    """All heads in *store*, oldest first; raises BadInput for one that is not ours."""
    names = [name for name in store.names() if name.startswith(HEADS)]
    return sorted((_read_head(store, name) for name in names), key=lambda head: head.made_at)


def newest_head(store: ObjectStore, snapshot: str = "") -> Head:
    """The newest head, or the one of *snapshot*; raises NotFound."""
    found = [head for head in heads_of(store) if snapshot in {"", head.snapshot}]
    if not found:
        raise NotFound(
            "snapshot-unknown",
            "there is no snapshot there",
            "check the place, and list its snapshots with pleura backup list",
        )
    return found[-1]


def _read_head(store: ObjectStore, name: str) -> Head:
    with store.open(name) as stream:
        content = stream.read(_MOST_HEAD)
    try:
        head = msgspec.json.decode(content, type=Head)
    except msgspec.MsgspecError:
        head = None
    if head is None or f"{HEADS}{head.snapshot}" != name:
        raise BadInput(
            "snapshot-head-malformed",
            "the head {name} of a snapshot is damaged or not one of ours",
            "remove it if you know why, and make a new backup",
            name=name,
        )
    return head


class _Stream(io.RawIOBase):
    """Pieces of bytes as one stream to read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        """The number of bytes read, 0 at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
