"""A disk that loses power: what may be on it after a cut, given what was written and what was synced.

The model is that of ext4 and its kind, taken at its word and no better:

- fsync and fdatasync of a file make its data and size durable, and nothing else: not its name.
- fsync of a folder makes its entries durable: creation, link, rename, unlink and mkdir in it. A rename
  is one transaction of the journal, whole or not there.
- Without that, every 512-byte sector of a file is, on its own, as any write since the last sync left it:
  writes are dropped, kept, torn at a sector and reordered. The size too is any that the file had since.
  A sector inside the size that was never written reads as zeros. Cutting a file short is one change,
  there or not: the journal frees the blocks and sets the size together.
- Without that, each change of an entry is there or not, in any combination, except that changes of
  one name keep their order.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final, NamedTuple

SECTOR: Final = 512
_LIKELIHOODS: Final = (0.1, 0.5, 0.9)

Tree = dict[PurePath, bytes | None]
"""Everything on a disk: the content of every file, None for a folder."""


class _Piece(NamedTuple):
    """One sector of one write."""

    number: int
    content: bytes
    """The whole sector as it was afterwards."""
    size: int
    """The size of the file afterwards."""
    cut: bool = False
    """Whether it is not a write but everything from the size on going away."""


class File:
    """A file without a name: what a reader sees, what is durable, and what came after that."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = bytearray(content)
        self._durable = bytes(content)
        self._pending: list[_Piece] = []

    def write(self, offset: int, data: bytes) -> None:
        """Write *data* at *offset*."""
        size, end = len(self.content), offset + len(data)
        self.content.extend(bytes(max(0, offset - size)))
        self.content[offset:end] = data
        for number in range(min(offset, size) // SECTOR, -(-end // SECTOR)):
            self._note(number, max(size, min(end, (number + 1) * SECTOR)))

    def truncate(self, size: int) -> None:
        """Cut the file to *size*, or extend it by zeros."""
        before = len(self.content)
        if size < before:
            del self.content[size:]
            self._pending.append(_Piece(size // SECTOR, b"", size, cut=True))
            return
        self.content.extend(bytes(size - before))
        for number in range(before // SECTOR, -(-size // SECTOR)):
            self._note(number, size)

    def sync(self) -> None:
        """Make everything so far durable."""
        self._durable = bytes(self.content)
        self._pending.clear()

    @property
    def is_pending(self) -> bool:
        """Whether a cut may leave more than one content."""
        return bool(self._pending)

    def dropped(self) -> bytes:
        """Nothing that was written since the last sync is there."""
        return self._durable

    def kept(self) -> bytes:
        """All of it is there."""
        return bytes(self.content) if self._pending else self._durable

    def torn(self, chance: random.Random) -> bytes:
        """What was written first is there, up to some sector."""
        pieces = self._pending[: chance.randint(0, len(self._pending))]
        return self._with(pieces, pieces[-1].size if pieces else len(self._durable))

    def reordered(self, chance: random.Random) -> bytes:
        """Every sector is as some write left it, and the size as some other did."""
        likelihood = chance.choice(_LIKELIHOODS)
        pieces = [piece for piece in self._pending if chance.random() < likelihood]
        sizes = [len(self._durable), *(piece.size for piece in self._pending)]
        return self._with(pieces, chance.choice(sizes))

    def _note(self, number: int, size: int) -> None:
        sector = bytes(self.content[number * SECTOR : (number + 1) * SECTOR])
        self._pending.append(_Piece(number, sector.ljust(SECTOR, b"\0"), size))

    def _with(self, pieces: list[_Piece], size: int) -> bytes:
        content = bytearray(self._durable)
        for piece in pieces:
            start = piece.number * SECTOR
            content.extend(bytes(max(0, start - len(content))))
            if piece.cut:
                del content[piece.size :]
                continue
            content[start : start + SECTOR] = piece.content
        return bytes(content[:size].ljust(size, b"\0"))


class _Key(NamedTuple):
    """An entry: the number of its folder, and its name."""

    folder: int
    name: str


@dataclass(frozen=True)
class _Change:
    """What one system call does to entries; None removes one."""

    entries: dict[_Key, int | None]


_ROOT: Final = 0


class Disk:
    """Files and folders by number, and the entries that name them; paths are relative to the root."""

    def __init__(self) -> None:
        self.files: dict[int, File] = {}
        self._numbers = itertools.count(_ROOT + 1)
        self._entries: dict[_Key, int] = {}
        self._durable: dict[_Key, int] = {}
        self._pending: list[_Change] = []

    @classmethod
    def load(cls, folder: Path) -> Disk:
        """What lies in *folder*, all of it durable."""
        disk = cls()
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            number = disk.make(name) if path.is_file() else disk.make_folder(name)
            if path.is_file():
                disk.files[number] = File(path.read_bytes())
        disk._durable, disk._pending = dict(disk._entries), []
        return disk

    def find(self, path: PurePath) -> int | None:
        """The number of the file or folder at *path*."""
        number: int | None = _ROOT
        for name in path.parts:
            number = None if number is None else self._entries.get(_Key(number, name))
        return number

    def make(self, path: PurePath) -> int:
        """The number of the new empty file at *path*."""
        number = self.make_folder(path)
        self.files[number] = File()
        return number

    def make_folder(self, path: PurePath) -> int:
        """The number of the new folder at *path*."""
        number = next(self._numbers)
        self._change({self._key(path): number})
        return number

    def link(self, path: PurePath, other: PurePath) -> None:
        """Give the file at *path* the name *other* too."""
        self._change({self._key(other): self.find(path)})

    def rename(self, path: PurePath, other: PurePath) -> None:
        """Put what is at *path* in the place of *other*; raises ValueError between two folders."""
        if path.parent != other.parent:
            raise ValueError("the model knows no rename from one folder to another")
        self._change({self._key(path): None, self._key(other): self.find(path)})

    def remove(self, path: PurePath) -> None:
        """Take the name away from the file or empty folder at *path*."""
        self._change({self._key(path): None})

    def sync(self, number: int) -> None:
        """Make the file or the entries of the folder durable."""
        if number in self.files:
            self.files[number].sync()
            return
        for change in [each for each in self._pending if _is_in(each, number)]:
            self._pending.remove(change)
            _apply(change, self._durable)

    def tree(self) -> Tree:
        """What a reader sees."""
        return self._tree(self._entries, File.kept)

    @property
    def is_settled(self) -> bool:
        """Whether a cut now leaves one state only."""
        return not self._pending and not any(file.is_pending for file in self.files.values())

    def cuts(self, chance: random.Random) -> Iterator[Tree]:
        """What may be there after a cut now: the extremes, then without end what *chance* draws."""
        yield self._tree(self._durable, File.dropped)
        if self.is_settled:
            return
        yield self._tree(self._entries, File.dropped)
        yield self._tree(self._durable, File.kept)
        yield self._tree(self._entries, File.kept)
        while True:
            yield self._tree(self._some_entries(chance), functools.partial(_some_content, chance))

    def _some_entries(self, chance: random.Random) -> dict[_Key, int]:
        likelihood = chance.choice(_LIKELIHOODS)
        entries, missing = dict(self._durable), set[_Key]()
        for change in self._pending:
            if missing.isdisjoint(change.entries) and chance.random() < likelihood:
                _apply(change, entries)
            else:
                missing.update(change.entries)
        return entries

    def _tree(self, entries: dict[_Key, int], content: Callable[[File], bytes]) -> Tree:
        below: dict[int, list[tuple[str, int]]] = {}
        for key, number in entries.items():
            below.setdefault(key.folder, []).append((key.name, number))
        tree: Tree = {}
        waiting = [(PurePath(), _ROOT)]
        while waiting:
            folder, inside = waiting.pop()
            for name, number in below.get(inside, []):
                path = folder / name
                tree[path] = content(self.files[number]) if number in self.files else None
                waiting.append((path, number))
        return tree

    def _key(self, path: PurePath) -> _Key:
        folder = self.find(path.parent)
        if folder is None:
            raise ValueError(f"{path} has no folder: the recording is not whole")
        return _Key(folder, path.name)

    def _change(self, entries: dict[_Key, int | None]) -> None:
        change = _Change(entries)
        _apply(change, self._entries)
        self._pending.append(change)


def _is_in(change: _Change, folder: int) -> bool:
    return any(key.folder == folder for key in change.entries)


def _apply(change: _Change, entries: dict[_Key, int]) -> None:
    for key, number in change.entries.items():
        if number is None:
            entries.pop(key, None)
        else:
            entries[key] = number


def _some_content(chance: random.Random, file: File) -> bytes:
    if not file.is_pending:
        return file.kept()
    # Torn and reordered contents are many, the other two are one each.
    match chance.randrange(6):
        case 0:
            return file.dropped()
        case 1:
            return file.kept()
        case 2 | 3:
            return file.torn(chance)
        case _:
            return file.reordered(chance)
