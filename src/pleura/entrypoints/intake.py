"""What people give to import: files, folders and zip archives become files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pleura.bootstrap import House
from pleura.domain.errors import BadInput


def films_below(paths: Sequence[Path], house: House, scratch: Path) -> list[Path]:
    """Every file to import below *paths*: folders are walked, zip archives unpacked below *scratch*.

    A DICOMDIR only lists files that lie beside it, so the folder is walked and the list is not
    needed. What cannot be read is among them, so that it is refused by name. Raises BadInput for a path
    that is not there.
    """
    found: list[Path] = []
    for file in files_below(paths):
        found.extend(unpacked(file, house, scratch / str(len(found))))
    return found


def files_below(paths: Sequence[Path]) -> list[Path]:
    """*paths*, each folder walked; raises BadInput for a path that is not there."""
    found: list[Path] = []
    for path in paths:
        if not os.path.exists(path):  # noqa: PTH110  that of a Path raises what the disk says
            raise BadInput(
                "no-such-file", "there is no file or folder {path}", "check the path", path=str(path)
            )
        found += _files_below(path) if path.is_dir() else [path]
    return found


def words_in(file: Path) -> str:
    """The text of a small file that a person names; raises BadInput."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            "no-such-file",
            "there is no readable file {path}",
            "check the path and its permissions",
            path=str(file),
        ) from error


def _files_below(folder: Path) -> list[Path]:
    """Every regular file in *folder* and below, and whatever cannot be looked into."""
    found: list[Path] = []
    for place, _, names in os.walk(folder, onerror=lambda error: found.append(Path(error.filename))):
        found.extend(path for path in (Path(place, name) for name in names) if _may_be_file(path))
    return sorted(found)


def _may_be_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return True


def unpacked(file: Path, house: House, scratch: Path) -> Sequence[Path]:
    """The files that *file* stands for: itself, or those of a zip archive, unpacked into *scratch*.

    One that cannot be read stands for itself, and is refused when it is received.
    """
    if file.name == "DICOMDIR" or file.name.startswith("."):
        return ()
    try:
        with file.open("rb") as stream:
            beginning = stream.read(4)
    except OSError:
        return (file,)
    if beginning != b"PK\x03\x04":
        return (file,)
    scratch.mkdir(parents=True)
    return house.worker.unpack(file, scratch)
