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

from pleura.adapters.storage.durable import (
    disk_fault,
    disk_faults,
    give_name,
    replace_file,
    sync_folder,
    write_new,
)
from pleura.adapters.storage.moving import (
    BUILDING,
    DATABASES,
    OBJECTS,
    RESTORED,
    ROOT_FILE,
    cut_move,
    move_up,
)
from pleura.domain.errors import EnvironmentFault, Refused

_REST: Final = (*DATABASES, OBJECTS)  # what is left of a home whose root file is lost


@dataclass(frozen=True)
class Home:
    """The tree below ``PLEURA_HOME``."""

    path: Path

    @property
    def root_file(self) -> Path:
        """The root keys, wrapped."""
        return self.path / ROOT_FILE

    @property
    def database_url(self) -> str:
        """Catalogue, copies, accounts, ledger: on the server that ``database.url`` names, else here."""
        try:
            return self.database_note.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return self.database_file_url
        except (OSError, UnicodeDecodeError) as error:
            raise EnvironmentFault(
                "database-note-unreadable",
                "the file database.url in the home {home} cannot be read",
                "run pleura as the user that made the home, and check the disk",
                home=str(self.path),
            ) from error

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
        return self.path / OBJECTS

    @property
    def packs(self) -> Path:
        """What the search keeps of the originals; all of it can be made again."""
        return self.path / "search"

    @property
    def scratch(self) -> Path:
        """Files that a command needs for as long as it runs; what a crash leaves here is swept by doctor."""
        return self.path / "scratch"

    def is_founded(self) -> bool:
        """Whether ``pleura init`` or a restore has finished here."""
        return self.root_file.is_file() and not (self.path / RESTORED).exists()

    def require_founded(self) -> None:
        """Return where there is a home; raises EnvironmentFault."""
        if not self.is_founded():
            self.refuse_rootless()
        if not self.is_founded():
            raise EnvironmentFault(
                "no-home",
                "there is no pleura home at {home}",
                "run pleura init, or set PLEURA_HOME to the folder of an existing home",
                home=str(self.path),
            )

    def refuse_rootless(self) -> None:
        """Raise EnvironmentFault where the rest of a home is, without a root file that is its own.

        A whole home that was killed on its last way, into this folder, is brought there first.
        """
        with disk_faults(self.path):
            self._finish_move()
            cut = (self.path / RESTORED).exists() or any(self.path.glob(f"{BUILDING}*/{ROOT_FILE}"))
            rest = any((self.path / name).exists() for name in _REST)
        if not rest or self.is_founded():
            return
        if cut:
            raise EnvironmentFault(
                "home-unfinished",
                "an init or a restore was cut, and what is in {home} is not a whole home",
                "restore again to the same PLEURA_HOME as before; after a cut init, move what is there away "
                "and run pleura init again",
                home=str(self.path),
            )
        raise EnvironmentFault(
            "root-file-lost",
            "the root file of the home {home} is lost; nothing that is left there opens without it",
            "put root.json back if a copy of it exists, else restore a backup elsewhere: PLEURA_HOME={other} "
            "pleura backup restore BACKUP_FOLDER",
            home=str(self.path),
            other=f"{self.path}-restored",
        )

    def _finish_move(self) -> None:
        building = cut_move(self.path)
        if building is not None:
            with Home(building)._locked(alone=True):
                move_up(building, self.path)
            shutil.rmtree(building, ignore_errors=True)

    def read(self) -> bytes:
        """The bytes of the root file; raises EnvironmentFault where there is none."""
        self.require_founded()
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
        """Write the root file of a new home, durably: with it the home is one; raises EnvironmentFault."""
        with disk_faults(self.path):
            write_new(self.root_file, document)

    def replace(self, document: bytes) -> None:
        """Put *document* in place of the root file, durably; raises EnvironmentFault."""
        try:
            replace_file(self.root_file, document)
        except OSError as error:
            raise disk_fault(error, self.path) from error

    def note_database(self, url: str) -> None:
        """Remember durably that the database is at *url* from now on, or, empty, in the file here.

        After a crash the note is the old one or the new one, whole. Raises EnvironmentFault.
        """
        unfinished = self.path / f".{secrets.token_hex(8)}"
        with disk_faults(self.path):
            if not url:
                self.database_note.unlink(missing_ok=True)
            else:
                write_new(unfinished, url.encode() + b"\n")
                unfinished.replace(self.database_note)
            sync_folder(self.path)

    def database_left_behind(self) -> list[Path]:
        """The files of the database in this home, where a server's is used: a cut move left them."""
        return list(self.path.glob("pleura.db*")) if self.database_note.is_file() else []

    def leave_database_file(self) -> None:
        """Remove the database file of this home, which is not used any more; raises EnvironmentFault."""
        with disk_faults(self.path):
            for part in self.database_left_behind():
                part.unlink(missing_ok=True)
            sync_folder(self.path)

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
            raise disk_fault(error, self.path) from error

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """A private folder in the scratch folder, gone with all its files when the block ends."""
        folder = self.scratch / secrets.token_hex(8)
        try:
            self.scratch.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise disk_fault(error, self.path) from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def lock(self, *, alone: bool) -> Iterator[None]:
        """The right to work in this home, *alone* or beside others; raises Refused at once when it is taken.

        What others may change, the root file too, is read under the lock. The kernel gives it back when the
        process ends, however it ends. Raises EnvironmentFault where there is no home.
        """
        self.require_founded()
        with self._locked(alone=alone):
            yield

    @contextlib.contextmanager
    def lock_depot(self, name: str) -> Iterator[None]:
        """The right to fill the depot *name*, for one thread of one process; raises Refused when taken."""
        folder = self.path / "locks"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise disk_fault(error, self.path) from error
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
    def _locked(self, *, alone: bool) -> Iterator[None]:
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
    def _held(self, path: Path, *, alone: bool) -> Iterator[bool]:
        """Whether the lock on the file at *path* was free; if so, it is ours until the block ends."""
        with disk_faults(self.path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            with disk_faults(self.path):
                got = _is_got(descriptor, alone=alone)
            yield got
        finally:
            os.close(descriptor)


def _is_got(descriptor: int, *, alone: bool) -> bool:
    """Whether the lock was free; it belongs to this one opening, so that threads keep each other out too."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def founding(path: Path) -> Iterator[Home]:
    """A home under construction: it takes its place at *path* when the block ends, else vanishes.

    It is built beside *path*, or inside where *path* is an empty folder already: that may be a mount point,
    which nothing can take the place of. A half-made home is never one, because the root file comes last.
    Raises EnvironmentFault when *path* holds anything already or cannot be written.
    """
    refuse_occupied(path)
    inside = path.is_dir()
    with disk_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        place, prefix = (path, BUILDING) if inside else (path.parent, f".{path.name}.")
        building = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    try:
        home = Home(building)
        with disk_faults(path):
            home.objects.mkdir(mode=0o700)
        with home._locked(alone=True):
            yield home
            with disk_faults(path):
                _take_place(home, path, inside=inside)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _take_place(home: Home, path: Path, *, inside: bool) -> None:
    """Let the finished *home* be the one at *path*, durably."""
    sync_folder(home.path)
    if inside:
        refuse_occupied(path)  # by another home that was made there meanwhile
        move_up(home.path, path)
    else:
        home.path.rename(path)
        sync_folder(path.parent)


@contextlib.contextmanager
def restoring(path: Path) -> Iterator[Home]:
    """A home under construction as in `founding`, whose objects outlive a fault or a kill.

    The next restore to *path* finds them again. Nobody else may be restoring there; raises Refused.
    """
    refuse_occupied(path)
    inside = path.is_dir()
    building = path / f"{BUILDING}restoring" if inside else path.parent / f".{path.name}.restoring"
    home = Home(building)
    with disk_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        building.mkdir(mode=0o700, exist_ok=True)
        home.objects.mkdir(mode=0o700, exist_ok=True)
    with home._locked(alone=True):
        with disk_faults(path):
            for left in building.iterdir():
                if left.is_file() and left.name not in {"lock", RESTORED}:
                    left.unlink()
        try:
            yield home
            with disk_faults(path):
                if not inside:
                    (building / RESTORED).unlink(missing_ok=True)
                _take_place(home, path, inside=inside)
        finally:
            if not _holds_anything(home):
                shutil.rmtree(building, ignore_errors=True)


def _holds_anything(home: Home) -> bool:
    """Whether there is something in *home* that the next restore to its place can use."""
    with contextlib.suppress(OSError):
        return home.root_file.exists() or (home.objects.is_dir() and any(home.objects.iterdir()))
    return True


def begin_again_unless(home: Home, mark: str) -> None:
    """Let *home*, which is being restored, be that of *mark*; objects from another restore are removed."""
    note = home.path / RESTORED
    try:
        if not note.is_file() or note.read_text(encoding="ascii") != mark:
            note.unlink(missing_ok=True)
            shutil.rmtree(home.objects)
            home.objects.mkdir(mode=0o700)
            write_new(note, mark.encode())
    except OSError as error:
        raise disk_fault(error, home.path) from error


def refuse_entangled(folder: Path, home: Path) -> None:
    """Raise Refused where one of the two lies in the other: what takes the home would take its backup too."""
    there, here = folder.resolve(), home.resolve()
    if there.is_relative_to(here) or here.is_relative_to(there):
        raise Refused(
            "depot-in-home",
            "a backup cannot lie in the home, nor the home in the folder of its backup",
            "choose a folder of its own, best on another disk",
        )


def refuse_occupied(path: Path) -> None:
    """Raise EnvironmentFault when *path* holds anything already, or cannot be looked into.

    What a cut init left there, and the folder that a file system keeps for itself, are not in the way.
    """
    if path.is_dir():
        Home(path).refuse_rootless()
    with disk_faults(path):
        known = list(path.iterdir()) if path.is_dir() else []
        taken = path.exists() and not path.is_dir()
    if taken or any(not part.name.startswith(BUILDING) and part.name != "lost+found" for part in known):
        raise EnvironmentFault(
            "home-occupied",
            "{home} is not empty, and init never overwrites",
            "choose another PLEURA_HOME, or use the home that is there",
            home=str(path),
        )
