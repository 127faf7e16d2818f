"""Objects in memory."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from pleura.domain.errors import BadInput, NotFound


class FakeObjects:
    """The port `ObjectStore`; ``stored`` is open to tests that damage an object."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}

    def put(self, name: str, pieces: Iterable[bytes | memoryview]) -> int:
        content = b"".join(bytes(piece) for piece in pieces)  # a piece is valid until the next
        if name in self.stored:
            raise BadInput("object-exists", "there is a stored object of that name already", "report this")
        self.stored[name] = content
        return len(content)

    def names(self) -> Iterator[str]:
        return iter(list(self.stored))

    def delete(self, name: str) -> None:
        self.stored.pop(name, None)

    def open(self, name: str) -> BinaryIO:
        if name not in self.stored:
            raise NotFound("object-unknown", "there is no stored object {name}", "restore it", name=name)
        return io.BytesIO(self.stored[name])
