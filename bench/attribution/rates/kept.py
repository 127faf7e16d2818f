"""The scores of a run, kept in a folder, so that parts which ran apart are drawn together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from bench.attribution.rates.cases import Case, Sight

from pleura.imaging.mark.layout import Floats

_CASES, _INNOCENTS, _STRANGERS = "attacks.json", "innocents.npy", "strangers.npy"


def _nothing() -> Floats:
    return np.zeros(0, np.float32)


@dataclass(kw_only=True)
class Kept:
    """What the parts have measured so far; films have numbers there, and no names."""

    cases: Sequence[Case] = ()
    innocents: Floats = field(default_factory=_nothing)
    strangers: Floats = field(default_factory=_nothing)

    @classmethod
    def of(cls, folder: Path | None) -> Kept:
        """What earlier runs left in *folder*."""
        kept = cls()
        if folder is None:
            return kept
        if (folder / _CASES).exists():
            kept.cases = [_case(row) for row in json.loads((folder / _CASES).read_text())]
        if (folder / _INNOCENTS).exists():
            kept.innocents = np.load(folder / _INNOCENTS)
        if (folder / _STRANGERS).exists():
            kept.strangers = np.load(folder / _STRANGERS)
        return kept

    def keep(self, folder: Path) -> None:
        """Leave it in *folder* for later runs."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _CASES).write_text(json.dumps([asdict(case) for case in self.cases]))
        np.save(folder / _INNOCENTS, self.innocents)
        np.save(folder / _STRANGERS, self.strangers)


def _case(row: dict[str, object]) -> Case:
    sights = row.pop("sights")
    assert isinstance(sights, list)
    return Case(sights=tuple(Sight(**sight) for sight in sights), **row)  # type: ignore[arg-type]
