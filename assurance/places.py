"""Where an operation is tried: a prepared home on a disk that will fail, and the films beside it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pleura.bootstrap import Founding, House, found_house, open_house
from pleura.crypto.roots.recovery import CODE_BYTES
from pleura.crypto.roots.root import Argon2id, Passphrase, hand_over, holder_of, unlock
from pleura.entrypoints.output import open_new, write_durably
from pleura.settings import Settings

PASSPHRASE: Final = "a long walk by the river"
_FAST: Final = {"time": 1, "memory_kib": 8192, "lanes": 1}
"""The least cost of Argon2id that a root file may ask for: a home is opened thousands of times here."""


@dataclass(frozen=True)
class Place:
    """One folder with everything that an operation needs."""

    path: Path

    @property
    def disk(self) -> Path:
        """What lies on the disk that fails: faults strike here and nowhere else."""
        return self.path / "disk"

    @property
    def home(self) -> Path:
        """The home."""
        return self.disk / "home"

    @property
    def depot(self) -> Path:
        """A folder for backups."""
        return self.disk / "depot"

    @property
    def films(self) -> Path:
        """Small DICOM files, each a different image of one patient."""
        return self.path / "films"

    @property
    def answered(self) -> list[str]:
        """What was acknowledged when the place was prepared."""
        return (self.path / "answered").read_text().splitlines()

    def film_names(self) -> list[str]:
        """The names of all films, in the order in which they are imported."""
        return sorted(film.name for film in self.films.iterdir())

    @contextlib.contextmanager
    def opened(self, *, alone: bool = False) -> Iterator[House]:
        """The house, opened as every command opens it."""
        with open_house(Settings(home=self.home), lambda: PASSPHRASE, alone=alone) as house:
            yield house

    def copy(self, path: Path) -> Place:
        """The same place at *path*, to be spoilt."""
        shutil.copytree(self.path, path)
        return Place(path)

    def found(self, films: Iterable[bytes]) -> None:
        """Make an empty home that opens fast, and lay *films* beside it."""
        self.disk.mkdir(parents=True)
        self.films.mkdir()
        for number, film in enumerate(films):
            (self.films / f"{number:04}.dcm").write_bytes(film)
        code = found_house(
            Settings(home=self.home),
            Founding(passphrase=PASSPHRASE, administrator="anna", password=secrets.token_urlsafe(16)),
        )
        self.keep_sheet(code)
        _make_fast(self.home / "root.json")

    def keep_sheet(self, code: bytes) -> None:
        """Write a recovery code to the same disk as a sheet is written; raises EnvironmentFault."""
        with open_new(self.disk / f"sheet-{secrets.token_hex(4)}") as stream:
            write_durably(stream, code)

    def sheets(self) -> list[bytes]:
        """Every recovery code on a sheet that is whole."""
        return [code for path in self.disk.glob("sheet-*") if len(code := path.read_bytes()) == CODE_BYTES]

    def note_answers(self, lines: Iterable[str]) -> None:
        """Remember what was acknowledged before the operation."""
        (self.path / "answered").write_text("".join(f"{line}\n" for line in lines))


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder in memory where the machine has one, gone when the block ends."""
    memory = Path("/dev/shm")
    where = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="pleura-assurance-", dir=where) as folder:
        yield Path(folder)


def _make_fast(root_file: Path) -> None:
    document = root_file.read_bytes()
    kind = holder_of(document)
    if not isinstance(kind, Argon2id):
        raise TypeError("the home of an assurance is held by a passphrase")
    root = unlock(document, Passphrase(PASSPHRASE, kind))
    cost = Argon2id(salt=kind.salt, **_FAST)
    root_file.write_bytes(hand_over(document, root, Passphrase(PASSPHRASE, cost), cost))
