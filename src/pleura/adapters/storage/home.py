"""The home folder: one place that holds everything an installation is."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pleura.adapters.storage.durable import give_name, replace_file, sync_folder, write_new
from pleura.domain.errors import EnvironmentFault, Refused

_RESTORED: Final = "restoring"
"""Which home is being restored: a keyed digest, until it is whole."""


@dataclass(frozen=True)
class Home:
    """The tree below ``PLEURA_HOME``."""

    path: Path

    @property
    def root_file(self) -> Path:
        """The root keys, wrapped."""
        return self.path / "root.json"

    @property
    def database_url(self) -> str:
        """Catalogue, copies, accounts, ledger: on the server that ``database.url`` names, else here."""
        if self.database_note.is_file():
            return self.database_note.read_text(encoding="utf-8").strip()
        return self.database_file_url

    @property
    def database_file_url(self) -> str:
        """The database file in this home."""
        return f"sqlite:///{self.path / 'pleura.db'}"

    @property
    def database_note(self) -> Path:
        """One line: the URL of a database server, without a password."""
        return self.path / "database.url"

    @property
    def objects(self) -> Path:
        """Sealed originals and sketches."""
        return self.path / "objects"

    @property
    def scratch(self) -> Path:
        """Files that a command needs for as long as it runs; what a crash leaves here is swept by doctor."""
        return self.path / "scratch"

    def is_founded(self) -> bool:
        """Whether ``pleura init`` has finished here."""
        return self.root_file.is_file()

    def read(self) -> bytes:
        """The bytes of the root file; raises EnvironmentFault where there is none."""
        if not self.is_founded():
            raise EnvironmentFault(
                "no-home",
                "there is no pleura home at {home}",
                "run pleura init, or set PLEURA_HOME to the folder of an existing home",
                home=str(self.path),
            )
        try:
            return self.root_file.read_bytes()
        except OSError as error:
            raise EnvironmentFault(
                "root-file-unreadable",
                "the root file of the home {home} cannot be read",
                "run pleura as the user that made the home, and check the disk",
                home=str(self.path),
            ) from error

    def found(self, document: bytes) -> None:
        """Write the root file of a new home, durably: with it the home is one."""
        write_new(self.root_file, document)

    def replace(self, document: bytes) -> None:
        """Put *document* in place of the root file, durably; raises EnvironmentFault."""
        try:
            replace_file(self.root_file, document)
        except OSError as error:
            raise _not_writable(self.path) from error

    def note_database(self, url: str) -> None:
        """Remember durably that the database is at *url* from now on, or, empty, in the file here."""
        try:
            self.database_note.unlink(missing_ok=True)
            if url:
                write_new(self.database_note, url.encode() + b"\n")
            else:
                sync_folder(self.path)
        except OSError as error:
            raise _not_writable(self.path) from error

    def instance(self) -> str:
        """The random name of this home and of no copy that is restored from it, made when first asked for.

        No backup carries it, so that a restored home is another one to the depots of the first.
        """
        path = self.path / "instance"
        try:
            if not path.exists():
                unfinished = self.path / f".{secrets.token_hex(8)}"
                write_new(unfinished, secrets.token_hex(16).encode())
                try:
                    give_name(unfinished, path)
                except FileExistsError:
                    unfinished.unlink()
                sync_folder(self.path)
            return path.read_text(encoding="ascii")
        except OSError as error:
            raise _not_writable(self.path) from error

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """A private folder in the scratch folder, gone with all its files when the block ends."""
        folder = self.scratch / secrets.token_hex(8)
        try:
            self.scratch.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise _not_writable(self.path) from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def lock(self, *, alone: bool) -> Iterator[None]:
        """The right to work in this home, *alone* or beside others; raises Refused at once when it is taken.

        The kernel gives the lock back when the process ends, however it ends.
        """
        with self._held(self.path / "lock", alone=alone) as got:
            if not got:
                raise Refused(
                    "home-busy",
                    "another pleura is at work in the home {home}",
                    "let it finish or stop it (pleura serve too), then run the command again",
                    home=str(self.path),
                )
            yield

    @contextlib.contextmanager
    def lock_depot(self, name: str) -> Iterator[None]:
        """The right to fill the depot *name*, for one thread of one process; raises Refused when taken."""
        folder = self.path / "locks"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise _not_writable(self.path) from error
        with self._held(folder / name, alone=True) as got:
            if not got:
                raise Refused(
                    "depot-busy",
                    "{depot} is being filled already",
                    "let that finish; the page Vault and pleura backup list say when it was filled last",
                    depot=name,
                )
            yield

    @contextlib.contextmanager
    def _held(self, path: Path, *, alone: bool) -> Iterator[bool]:
        """Whether the lock on the file at *path* was free; if so, it is ours until the block ends."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _not_writable(self.path) from error
        try:
            # A lock belongs to this one opening of the file, so that threads keep each other out as well.
            fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            yield False
            return
        try:
            yield True
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def founding(path: Path) -> Iterator[Home]:
    """A home under construction beside *path*: it takes its place when the block ends, else vanishes.

    A half-made home is never visible under *path*. Raises EnvironmentFault when *path* holds
    anything already or cannot be written.
    """
    refuse_occupied(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise _not_writable(path) from error
    try:
        home = Home(building)
        home.objects.mkdir(mode=0o700)
        yield home
        sync_folder(building)
        os.replace(building, path)  # noqa: PTH105 - replaces an empty folder too, Path.rename says less
        sync_folder(path.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)


@contextlib.contextmanager
def restoring(path: Path) -> Iterator[Home]:
    """A home under construction as in `founding`, whose objects outlive a fault or a kill.

    The next restore to *path* finds them again. Nobody else may be restoring there; raises Refused.
    """
    refuse_occupied(path)
    building = path.parent / f".{path.name}.restoring"
    home = Home(building)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        building.mkdir(mode=0o700, exist_ok=True)
        home.objects.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _not_writable(path) from error
    with home.lock(alone=True):
        for left in building.iterdir():
            if left.is_file() and left.name not in {"lock", _RESTORED}:
                left.unlink()
        try:
            yield home
            (building / _RESTORED).unlink(missing_ok=True)
            sync_folder(building)
            os.replace(building, path)  # noqa: PTH105 - replaces an empty folder too, Path.rename says less
            sync_folder(path.parent)
        finally:
            if building.is_dir() and not any(home.objects.iterdir()):
                shutil.rmtree(building, ignore_errors=True)


def begin_again_unless(home: Home, mark: str) -> None:
    """Let *home*, which is being restored, be that of *mark*; objects from another restore are removed."""
    note = home.path / _RESTORED
    try:
        if not note.is_file() or note.read_text(encoding="ascii") != mark:
            note.unlink(missing_ok=True)
            shutil.rmtree(home.objects)
            home.objects.mkdir(mode=0o700)
            write_new(note, mark.encode())
    except OSError as error:
        raise _not_writable(home.path) from error


def refuse_occupied(path: Path) -> None:
    """Raise EnvironmentFault when *path* holds anything already."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise EnvironmentFault(
            "home-occupied",
            "{home} is not empty, and init never overwrites",
            "choose another PLEURA_HOME, or use the home that is there",
            home=str(path),
        )


def _not_writable(path: Path) -> EnvironmentFault:
    return EnvironmentFault(
        "home-read-only",
        "the home {home} cannot be written",
        "give this user write permission there, or choose another PLEURA_HOME",
        home=str(path),
    )
