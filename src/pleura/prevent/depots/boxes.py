"""Boxes: sealed objects once more sealed for a depot, under names that say nothing."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from pleura.crypto.container import open_stream, opened, seal
from pleura.crypto.engines import Algorithm
from pleura.crypto.keys import derive, keyed_digest
from pleura.domain.errors import BadInput, EnvironmentFault, NotFound, SealBroken
from pleura.domain.ports import ObjectStore
from pleura.prevent.vault import UNREADABLE

BOXES: Final = "objects/"
_BOX: Final = re.compile(BOXES + "([0-9a-f]{64})")
_ROW: Final = 14


class Present:
    """Which boxes a depot holds: 16 bytes of memory for each, so that a million images stay small.

    The names are keyed digests: of 2^128, two never begin alike.
    """

    def __init__(self) -> None:
        self._rows = [bytearray() for _ in range(1 << 16)]

    def add(self, box: str) -> None:
        """Remember a box; a file in the depot that is none is not remembered."""
        if found := _BOX.fullmatch(box):
            row, rest = self._place(found[1])
            row += rest

    def __contains__(self, box: str) -> bool:
        row, rest = self._place(box.removeprefix(BOXES))
        at = row.find(rest)
        while at % _ROW and at >= 0:
            at = row.find(rest, at + 1)
        return at >= 0

    def _place(self, digits: str) -> tuple[bytearray, bytes]:
        found = bytes.fromhex(digits[:32])
        return self._rows[int.from_bytes(found[:2], "big")], found[2:]


class Boxes:
    """The objects of one home in one depot; the depot holds no key."""

    def __init__(self, store: ObjectStore, depot_key: bytes) -> None:
        self._store = store
        self._key = derive(depot_key, "boxes")
        self._names = derive(depot_key, "box-names")

    def box(self, name: str) -> str:
        """The name of the box of the object *name*: the same every time, and without the key a random one."""
        return BOXES + keyed_digest(self._names, name.encode()).hex()

    def present(self) -> Present:
        """All boxes in the depot."""
        found = Present()
        for name in self._store.names(BOXES):
            found.add(name)
        return found

    def put(self, name: str, objects: ObjectStore) -> int:
        """The size of the box that the object *name* of *objects* is now durable in, 0 for one that was.

        Raises NotFound also for an object that is there and cannot be read.
        """
        try:
            stream = objects.open(name)
        except EnvironmentFault as fault:
            raise _unreadable(fault) from fault
        with stream:
            sealed = seal(
                stream, self._box_key(name), context=_context(name), algorithm=Algorithm.AES_256_GCM
            )
            try:
                return self._store.put(self.box(name), _here(sealed))
            except BadInput as taken:
                if taken.code != "object-exists":
                    raise
                return 0

    def fetch(self, name: str, objects: ObjectStore, under: str = "") -> int:
        """The size of the object *name*, stored in *objects* as that or *under* another name.

        Raises NotFound, SealBroken.
        """
        with self._open(name) as stream:
            pieces = open_stream(stream, self._box_key(name), context=_context(name))
            return objects.put(under or name, self._read(pieces))

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """The object *name* as it lies in its box, to be read and sought in; raises NotFound, SealBroken."""
        with self._one_box(), self._open(name) as stream:
            yield opened(stream, self._box_key(name), context=_context(name))

    def delete(self, name: str) -> None:
        """Remove the box of the object *name*; an unknown name is no error."""
        self._store.delete(self.box(name))

    def _open(self, name: str) -> BinaryIO:
        with self._one_box():
            return self._store.open(self.box(name))

    def _read(self, pieces: Iterator[memoryview]) -> Iterator[memoryview]:
        """*pieces* of a box, with a fault of the depot's disk told apart from one of where they go."""
        with self._one_box():
            yield from pieces

    @contextlib.contextmanager
    def _one_box(self) -> Iterator[None]:
        """A box that its disk cannot read is a damaged one, as long as the place itself answers."""
        try:
            yield
        except EnvironmentFault as fault:
            if fault.code not in UNREADABLE:
                raise
            next(self._store.names(BOXES), "")
            raise SealBroken from fault

    def _box_key(self, name: str) -> bytes:
        return derive(self._key, "box", name.encode())


def _here(sealed: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """*sealed*, with a fault of the home's disk told apart from one of the depot."""
    try:
        yield from sealed
    except EnvironmentFault as fault:
        raise _unreadable(fault) from fault


def _unreadable(fault: EnvironmentFault) -> NotFound:
    return NotFound(fault.code, fault.what, fault.next_step, **fault.facts)


def _context(name: str) -> bytes:
    return f"depot/{name}".encode()
