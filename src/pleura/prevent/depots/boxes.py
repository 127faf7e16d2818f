"""Boxes: sealed objects once more sealed for a depot, under names that say nothing."""

from __future__ import annotations

import io
from typing import Final

from pleura.crypto.container import open_stream, seal
from pleura.crypto.engines import Algorithm
from pleura.crypto.keys import derive, keyed_digest
from pleura.domain.ports import ObjectStore

BOXES: Final = "objects/"


class Boxes:
    """The objects of one home in one depot; the depot holds no key."""

    def __init__(self, store: ObjectStore, depot_key: bytes) -> None:
        self._store = store
        self._key = derive(depot_key, "boxes")
        self._names = derive(depot_key, "box-names")

    def box(self, name: str) -> str:
        """The name of the box of the object *name*: the same every time, and without the key a random one."""
        return BOXES + keyed_digest(self._names, name.encode()).hex()

    def present(self) -> set[str]:
        """The names of all boxes in the depot."""
        return {name for name in self._store.names() if name.startswith(BOXES)}

    def put(self, name: str, objects: ObjectStore) -> int:
        """The size of the box that the object *name* of *objects* is now durable in; raises NotFound."""
        with objects.open(name) as stream:
            sealed = seal(
                stream, self._box_key(name), context=_context(name), algorithm=Algorithm.AES_256_GCM
            )
            return self._store.put(self.box(name), sealed)

    def fetch(self, name: str, objects: ObjectStore) -> int:
        """The size of the object *name*, stored again in *objects*; raises NotFound, SealBroken."""
        with self._store.open(self.box(name)) as stream:
            pieces = open_stream(stream, self._box_key(name), context=_context(name))
            return objects.put(name, pieces)

    def verify(self, name: str) -> bytes:
        """The first bytes of the object *name*, all of whose box was read; raises NotFound, SealBroken."""
        beginning = io.BytesIO()
        with self._store.open(self.box(name)) as stream:
            for piece in open_stream(stream, self._box_key(name), context=_context(name)):
                if not beginning.tell():
                    beginning.write(piece[:256])
        return beginning.getvalue()

    def delete(self, name: str) -> None:
        """Remove the box of the object *name*; an unknown name is no error."""
        self._store.delete(self.box(name))

    def _box_key(self, name: str) -> bytes:
        return derive(self._key, "box", name.encode())


def _context(name: str) -> bytes:
    return f"depot/{name}".encode()
