"""What people give to import: files, folders and zip archives become files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pleura.bootstrap import House
from pleura.domain.errors import BadInput


def films_below(paths: Sequence[Path], house: House, scratch: Path) -> list[Path]:
    """Every file to import below *paths*: folders are walked, zip archives unpacked below *scratch*.

    A DICOMDIR only lists files that lie beside it, so the folder is walked and the list is not
    needed. Raises BadInput for a path that is not there.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise BadInput(
                "no-such-file", "there is no file or folder {path}", "check the path", path=str(path)
            )
        files = sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]
        for file in files:
            found.extend(unpacked(file, house, scratch / str(len(found))))
    return found


def unpacked(file: Path, house: House, scratch: Path) -> Sequence[Path]:
    """The files that *file* stands for: itself, or those of a zip archive, unpacked into *scratch*."""
    if file.name == "DICOMDIR" or file.name.startswith("."):
        return ()
    with file.open("rb") as stream:
        if stream.read(4) != b"PK\x03\x04":
            return (file,)
    scratch.mkdir(parents=True)
    return house.worker.unpack(file, scratch)
