"""The home folder: one place that holds everything an installation is."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pleura.domain.errors import EnvironmentFault


@dataclass(frozen=True)
class Home:
    """The tree below ``PLEURA_HOME``."""

    path: Path

    @property
    def root_file(self) -> Path:
        """The root key, sealed under the passphrase and under the recovery code."""
        return self.path / "root.json"

    @property
    def database_url(self) -> str:
        """Catalogue, copies, accounts and ledger."""
        return f"sqlite:///{self.path / 'pleura.db'}"

    @property
    def objects(self) -> Path:
        """Sealed originals and sketches."""
        return self.path / "objects"

    def is_founded(self) -> bool:
        """Whether ``pleura init`` has finished here."""
        return self.root_file.is_file()

    def root_document(self) -> bytes:
        """The bytes of the root file; raises EnvironmentFault where there is none."""
        if not self.is_founded():
            raise EnvironmentFault(
                "no-home",
                "there is no pleura home at {home}",
                "run pleura init, or set PLEURA_HOME to the folder of an existing home",
                home=str(self.path),
            )
        return self.root_file.read_bytes()


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
        os.replace(building, path)  # noqa: PTH105 - replaces an empty folder too, Path.rename says less
    finally:
        shutil.rmtree(building, ignore_errors=True)


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
