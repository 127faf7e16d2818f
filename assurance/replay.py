"""An operation's system calls, done again on a `Disk`."""

from __future__ import annotations

import functools
import hashlib
from collections import defaultdict
from pathlib import Path, PurePath
from typing import Final

from assurance.disk import Disk
from assurance.tracing import Call

_STDOUT: Final = 1
_HARMLESS: Final = frozenset({"pread64"})


class Replay:
    """The disk as it is after some calls, and what was answered by then."""

    def __init__(self, before: Path, folder: Path) -> None:
        """Begin with what lies in *before*; the calls were made on a copy of it at *folder*."""
        self.disk = Disk.load(before)
        self.answers: list[str] = []
        self._folder = folder
        self._open: dict[int, int] = {}
        self._position: dict[int, int] = {}
        self._named: defaultdict[PurePath, set[int]] = defaultdict(set)
        self._synced: defaultdict[int, set[bytes]] = defaultdict(set)
        for path in self.disk.tree():
            self._name(path)
        for number in self.disk.files:
            self._note(number)

    def apply(self, call: Call) -> bool:
        """Whether *call* changed what a cut may leave, or what was answered; raises ValueError."""
        if call.result is None or call.result < 0:
            return False
        if call.name == "write" and call.number(0) == _STDOUT:
            self.answers += call.data(1).decode().splitlines()
            return True
        if not call.touches(self._folder) or call.name in _HARMLESS:
            return False
        if call.name == "openat":
            return self._opened(call)
        paths = [path.relative_to(self._folder) for path in call.paths()]
        return self._on_names(call, paths) or self._on_descriptor(call, self._open[call.number(0)])

    def whole(self) -> dict[PurePath, set[bytes]]:
        """The digests of every content that was synced or is there now in a file that had that name once."""
        for number in self.disk.files:
            self._note(number)
        return {
            path: set.union(*(self._synced[each] for each in files)) for path, files in self._named.items()
        }

    def _opened(self, call: Call) -> bool:
        path, flags = call.paths()[-1].relative_to(self._folder), call.arguments[2].split("|")
        number = self.disk.find(path)
        created, emptied = number is None, number is not None and "O_TRUNC" in flags
        if number is None:
            if "O_CREAT" not in flags:
                raise ValueError(f"{path} was opened and is not there: the recording is not whole")
            number = self.disk.make(path)
            self._name(path)
        if emptied:
            self.disk.files[number].truncate(0)
        descriptor = call.result or 0
        self._open[descriptor] = number
        self._position[descriptor] = len(self.disk.files[number].content) if "O_APPEND" in flags else 0
        return created or emptied

    def _on_names(self, call: Call, paths: list[PurePath]) -> bool:
        match call.name:
            case "mkdir" | "mkdirat":
                self.disk.make_folder(paths[0])
            case "link" | "linkat":
                self.disk.link(*paths)
                self._name(paths[1])
            case "rename" | "renameat" | "renameat2":
                self.disk.rename(*paths)
                self._name(paths[1])
            case "unlink" | "unlinkat" | "rmdir":
                self.disk.remove(paths[0])
            case _:
                return False
        return True

    def _on_descriptor(self, call: Call, number: int) -> bool:
        descriptor = call.number(0)
        match call.name:
            case "read":
                self._position[descriptor] += call.result or 0
                return False
            case "lseek":
                self._position[descriptor] = call.result or 0
                return False
            case "write":
                data = call.data(1)[: call.result]
                self.disk.files[number].write(self._position[descriptor], data)
                self._position[descriptor] += len(data)
            case "pwrite64":
                self.disk.files[number].write(call.number(3), call.data(1)[: call.result])
            case "ftruncate":
                self.disk.files[number].truncate(call.number(1))
            case "fsync" | "fdatasync":
                self.disk.sync(number)
                self._note(number)
            case _:
                raise ValueError(f"the model does not know the call {call.name}")
        return True

    def _name(self, path: PurePath) -> None:
        number = self.disk.find(path)
        if number in self.disk.files:
            self._named[path].add(number)

    def _note(self, number: int) -> None:
        if number in self.disk.files:
            self._synced[number].add(digest(self.disk.files[number].kept()))


@functools.lru_cache(4096)
def digest(content: bytes) -> bytes:
    """What tells one content from another."""
    return hashlib.sha256(content).digest()
