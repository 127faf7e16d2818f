"""A snapshot: the whole database, sealed, with a head that says how to open it (docs/formats/depot.md)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec

from pleura.crypto.container import open_stream, seal
from pleura.crypto.engines import Algorithm
from pleura.crypto.keys import new_key, unwrap, wrap
from pleura.crypto.roots.root import Root
from pleura.domain.errors import NotFound, PleuraError, SealBroken
from pleura.domain.ports import ObjectStore, Unit
from pleura.ledger.entries import decode
from pleura.prevent.vault import UNREADABLE

HEADS: Final = "heads/"
SNAPSHOTS: Final = "snapshots/"
SNAPSHOTS_KEPT: Final = 14
OLDEST_REST: Final = timedelta(days=1)
"""What was begun longer ago, and not finished, was cut."""
_MOST_HEAD: Final = 64 * 1024
_OURS: Final = re.compile(f"({HEADS}|{SNAPSHOTS})(snp-[0-9a-z]{{12}})")


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lies in the clear beside a snapshot: useless without the root or the recovery code."""

    format: Literal["pleura-depot-2"]
    snapshot: str
    made_at: str
    """ISO 8601, UTC."""
    epoch: Annotated[int, msgspec.Meta(ge=1)]
    objects: Annotated[int, msgspec.Meta(ge=0)]
    entries: Annotated[int, msgspec.Meta(ge=1)]
    """The size of the ledger when the snapshot was begun; it only grows, whatever the clock says."""
    taken: Annotated[int, msgspec.Meta(ge=1)]
    """How many homes had filled the depot by then."""
    by_recovery: bytes
    """The root of the epoch, wrapped by the recovery code."""
    key: bytes
    """The key of the snapshot, wrapped by the root."""

    @property
    def context(self) -> bytes:
        """What the snapshot is bound to: a changed head opens nothing."""
        facts = (self.snapshot, self.made_at, self.epoch, self.objects, self.entries, self.taken)
        return (SNAPSHOTS + "/".join(str(fact) for fact in facts)).encode()

    @property
    def order(self) -> tuple[int, int, int, str]:
        """What is newer is greater; a clock that was set back decides nothing."""
        return self.taken, self.epoch, self.entries, self.made_at


@dataclass(frozen=True, kw_only=True)
class Heads:
    """The heads in a depot."""

    heads: list[Head]
    """Oldest first."""
    unreadable: list[str]
    """Names of what lies among the heads and is damaged or none of ours."""


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


def with_key(head: Head, root_key: bytes) -> tuple[Head, bytes]:
    """*head* with a fresh key for its snapshot, wrapped by the root, and that key."""
    key = new_key()
    return msgspec.structs.replace(head, key=wrap(root_key, key)), key


def opens(head: Head, root: Root) -> bool:
    """Whether *root* opens the snapshot of *head*."""
    if head.epoch not in root.epochs:
        return False
    try:
        unwrap(root.key(head.epoch), head.key)
    except SealBroken:
        return False
    return True


def is_erased_in(depot: str, unit: Unit) -> bool:
    """Whether anything in *depot* had to go, or has to, since this home took it over, or ever filled it."""
    erased = False
    for row in unit.ledger.rows():
        entry = decode(row.entry)
        if entry.facts.get("depot") == depot:
            is_adoption = entry.facts.get("form") == "adopted"
            erased = not is_adoption and (erased or entry.kind == "depot-erase")
    return erased or bool(unit.catalogue.deletions(depot))


def survey(store: ObjectStore) -> Heads:
    """All heads in *store*; one that cannot be read hides none of the others."""
    heads, unreadable = list[Head](), list[str]()
    for name in list(store.names(HEADS)):
        head = _read_head(store, name)
        if head is None:
            unreadable.append(name)
        else:
            heads.append(head)
    return Heads(heads=sorted(heads, key=lambda head: head.order), unreadable=sorted(unreadable))


def heads_of(store: ObjectStore) -> list[Head]:
    """The readable heads in *store*, oldest first."""
    return survey(store).heads


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


def prune(store: ObjectStore, newest: Head, now: datetime, root: Root, is_erased: Callable[[], bool]) -> None:
    """Remove snapshots that no root opens any more and those beyond the number kept; *newest* stays.

    A copy of this home may have rotated to a root of its own, of the same epoch or a later one. What it left
    stays, for it may be newer; but not once *is_erased* says that something in it had to go.
    A snapshot without a head may be one that is being made: it goes when it is older than a day. One whose
    head cannot be read stays: a person has to look at it.
    """
    found = survey(store)
    living = [head for head in found.heads if head.epoch >= newest.epoch and head != newest]
    ours = [head for head in living if opens(head, root)]
    if ours != living and is_erased():
        living = ours
    kept = {head.snapshot for head in (*living[-(SNAPSHOTS_KEPT - 1) :], newest)}
    headed = {head.snapshot for head in found.heads}
    damaged = {name.removeprefix(HEADS) for name in found.unreadable}
    for name in [*store.names(HEADS), *store.names(SNAPSHOTS)]:
        named = _OURS.fullmatch(name)
        if named is None or named[2] in kept | damaged:
            continue
        if named[2] in headed or store.stored_at(name) < now - OLDEST_REST:
            store.delete(name)


def _read_head(store: ObjectStore, name: str) -> Head | None:
    """The head of that name; None for one that is damaged or not ours. Raises what the place says."""
    if not _OURS.fullmatch(name):
        return None
    try:
        with store.open(name) as stream:
            head = msgspec.json.decode(stream.read(_MOST_HEAD), type=Head)
    except msgspec.MsgspecError:
        return None
    except PleuraError as fault:
        # One file that cannot be read, or that went meanwhile; a silent store is another matter.
        if fault.code not in UNREADABLE | {"object-unknown"}:
            raise
        return None
    return head if f"{HEADS}{head.snapshot}" == name else None


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
