"""Objects in memory."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from pleura.domain.errors import BadInput, NotFound


class FakeObjects:
    """The ports `ObjectStore` and `HomeObjects`; ``stored`` is open to tests that damage an object."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.times: dict[str, datetime] = {}
        """When an object was stored; any that is not in here was stored just now."""
        self.unfinished: dict[str, datetime] = {}
        """Rests of killed writes, and when they were written."""
        self.aside: list[bytes] = []

    def put(self, name: str, pieces: Iterable[bytes | memoryview]) -> int:
        content = b"".join(bytes(piece) for piece in pieces)  # a piece is valid until the next
        if name in self.stored:
            raise BadInput("object-exists", "there is a stored object of that name already", "report this")
        self.stored[name] = content
        return len(content)

    def names(self, beginning: str = "") -> Iterator[str]:
        return iter([name for name in self.stored if name.startswith(beginning)])

    def delete(self, name: str) -> None:
        self.stored.pop(name, None)

    def stored_at(self, name: str) -> datetime:
        with self.open(name):
            return self.times.get(name, datetime.max.replace(tzinfo=UTC))

    def sweep(self, beginning: str, before: datetime) -> int:
        swept = [name for name, at in self.unfinished.items() if name.startswith(beginning) and at < before]
        for name in swept:
            del self.unfinished[name]
        return len(swept)

    def replace(self, name: str, sound: str) -> None:
        if name in self.stored:
            self.aside.append(self.stored[name])
        self.stored[name] = self.stored.pop(sound)

    def open(self, name: str) -> BinaryIO:
        if name not in self.stored:
            raise NotFound("object-unknown", "there is no stored object {name}", "restore it", name=name)
        return io.BytesIO(self.stored[name])
