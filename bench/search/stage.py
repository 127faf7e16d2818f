"""The films of the search bench, and which of them parameters were chosen on."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.attribution.stage import Picture, Shelf, film_at, paths_in

from pleura.imaging.match.sketch import make_sketch


@dataclass(frozen=True)
class Archive:
    """Films on a shelf, by their place on it."""

    paths: Sequence[Path]
    shelf: Shelf

    def picture(self, place: int) -> Picture:
        """One film."""
        return film_at(self.paths[place])

    def scored(self) -> list[int]:
        """The films that no parameter was chosen on."""
        return [place for place, path in enumerate(self.paths) if not is_tuned_on(path)]

    def patients(self) -> dict[str, list[int]]:
        """Films by patient, for those whose name says whose they are (``nih-PATIENT_NUMBER``)."""
        found: dict[str, list[int]] = {}
        for place, path in enumerate(self.paths):
            if path.stem.startswith("nih-"):
                found.setdefault(_patient(path), []).append(place)
        return found

    def same_patient(self) -> list[tuple[int, int]]:
        """All pairs of films of one patient."""
        return [pair for films in self.patients().values() for pair in itertools.combinations(films, 2)]

    def patient(self, place: int) -> str:
        """The patient of a film; the film itself where its name does not say."""
        path = self.paths[place]
        return _patient(path) if path.stem.startswith("nih-") else path.stem


def archive_of(folders: Sequence[Path]) -> Archive:
    """Every film in *folders*, sketched."""
    paths = [path for folder in folders for path in paths_in(folder)]
    return Archive(paths, Shelf([make_sketch(film_at(path)) for path in paths]))


def is_tuned_on(path: Path) -> bool:
    """Whether index, votes and the rule for other exposures were tried on this film or its patient's.

    The half of ``gallery`` that a checksum of the patient (or of the file name) picks, all of ``full``, and
    ``mixed``, on which the number of lists for small archives was chosen.
    """
    if path.parent.name in {"full", "mixed"}:
        return True
    name = _patient(path) if path.stem.startswith("nih-") else path.name
    return path.parent.name == "gallery" and (_even(name) or _even(path.name))


def _even(name: str) -> bool:
    return zlib.crc32(name.encode()) % 2 == 0


def _patient(path: Path) -> str:
    return path.stem.split("_")[0]
