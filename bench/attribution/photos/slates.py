"""Which shot a photo shows: by its name, by its folder's name, or by the code photographed before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from bench.attribution.photos.shots import PhotoSet, Shot
from bench.attribution.stage import PICTURES, Picture

from pleura.imaging.work import shrunk

UNREADABLE = {".heic", ".heif"}
"""What some phones write, and this bench cannot read."""

_NAME = re.compile(r"(S\d{3})(?!\d)", re.IGNORECASE)
_CODE = re.compile(r"PLEURA-([0-9A-F]{6})-(S\d{3})")
_DIGITS = re.compile(r"(\d+)")
_SIDES = (1280, 800, 2560)
"""Long sides at which a code is looked for: a near one is found in a small picture, a far one in a large."""


@dataclass(frozen=True)
class Photo:
    """A photo of a shot."""

    path: Path
    shot: Shot


@dataclass
class Returned:
    """What came back."""

    photos: list[Photo] = field(default_factory=list)
    codes: int = 0
    """Photos of codes."""
    lost: list[str] = field(default_factory=list)
    """Files that belong to no shot: their names, each with the reason."""


def returned(folders: Sequence[Path], photo_set: PhotoSet) -> Returned:
    """The photos in *folders* and below, each with its shot; a code counts within its own folder."""
    found = Returned()
    for folder in folders:
        if not folder.is_dir():
            raise SystemExit(f"{folder} is no folder; name the one that holds the photos")
        paths = [path for path in folder.rglob("*") if path.suffix.lower() in PICTURES | UNREADABLE]
        for place, inside in groupby(sorted(paths, key=_order), key=lambda path: path.parent):
            below = place.relative_to(folder).parts
            _sort_out([*inside], below[-1] if below else "", photo_set, found)
    return found


def _order(path: Path) -> list[tuple[str, int, str]]:
    """Folder after folder, numbers in names by their value: phones count up."""
    parts = _DIGITS.split(path.name.lower())
    return [(str(path.parent), int(part) if part.isdigit() else -1, part) for part in parts]


def _sort_out(paths: Sequence[Path], place: str, photo_set: PhotoSet, found: Returned) -> None:
    """Give every photo of one folder to its shot."""
    last: Shot | None = None
    for path in paths:
        named = _by_name(path.stem, photo_set) or _by_name(place, photo_set)
        picture = None if path.suffix.lower() in UNREADABLE else cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        said = None if picture is None or named else _said(np.asarray(picture, np.uint8))
        if picture is None:
            found.lost.append(f"{path.name}: cannot be read; save it as JPEG")
        elif said is not None:
            last = photo_set.shot(said[1]) if said[0] == photo_set.name else None
            found.codes += 1
        elif shot := named or last:
            found.photos.append(Photo(path, shot))
        else:
            found.lost.append(f"{path.name}: no code of this set before it, no shot in its name")


def _by_name(name: str, photo_set: PhotoSet) -> Shot | None:
    """The shot that a name begins with."""
    start = _NAME.match(name)
    return photo_set.shot(start[1].upper()) if start else None


def _said(picture: Picture) -> tuple[str, str] | None:
    """Set and shot of the code that is nearest to the middle of the picture."""
    for side in _SIDES:
        small = shrunk(picture, side)
        _, texts, corners, _ = cv2.QRCodeDetectorAruco().detectAndDecodeMulti(small)
        middle = np.array(small.shape[::-1]) / 2
        codes = [
            (float(np.linalg.norm(np.mean(place, axis=0) - middle)), code)
            for text, place in zip(texts, corners if texts else (), strict=True)
            if (code := _CODE.fullmatch(text))
        ]
        if codes:
            _, nearest = min(codes, key=lambda each: each[0])
            return nearest[1], nearest[2]
    return None
