"""Pictures that hold no copy of ours are scored by the same rule as copies, and nobody is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench.attribution import strangers
from bench.attribution.innocents import scores
from bench.attribution.stage import Shelf, films
from tests.fakes.films import film

from pleura.imaging.mark.read import Residual
from pleura.imaging.match.sketch import make_sketch
from pleura.imaging.simulate.phantom import PATIENTS, make_film

FILMS = [film(seed, 480, 400) for seed in (1, 2, 3)]


class Loaded:
    """Dice whose bytes are known."""

    def __init__(self, given: bytes) -> None:
        self._given = given

    def bytes(self, count: int) -> bytes:
        assert count == len(self._given)
        return self._given


def test_the_score_of_an_innocent_copy_is_the_sum_of_its_signs_times_the_cells() -> None:
    cells = np.array([[0.5, -0.1, 0.2, 0.4], [0.3, 0.1, -0.6, 0.2]], np.float32)
    own = Residual(shape=(2, 4), cells=(cells,))

    got = scores(own, 2, Loaded(bytes([0b10110000, 0b00001111])))  # type: ignore[arg-type]

    signs = np.array([[1, -1, 1, 1, -1, -1, -1, -1], [-1, -1, -1, -1, 1, 1, 1, 1]])
    assert got == pytest.approx(signs @ cells.ravel(), abs=1e-6)


def test_strangers_of_every_kind_are_scored_and_nobody_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    shelf = Shelf([make_sketch(picture) for picture in FILMS])

    z = strangers.run(FILMS, shelf, 6, seed=2, jobs=1)

    table = capsys.readouterr().out
    assert z.shape == (6 * strangers.RECORDS,)
    assert abs(float(z.mean())) < 0.2
    assert 0.9 < float(z.std()) < 1.1
    for kind in strangers.KINDS:
        assert f"| {kind} | 2 |" in table
    (everyone,) = [line for line in table.splitlines() if line.startswith("| all | 6 |")]
    assert everyone.endswith("| 0 |")


def test_a_film_takes_another_to_be_laid_over() -> None:
    with pytest.raises(SystemExit, match="two films"):
        strangers.run(FILMS[:1], Shelf([make_sketch(FILMS[0])]), 3, seed=1, jobs=1)


def test_dicom_files_are_films_too(tmp_path: Path) -> None:
    (tmp_path / "one.dcm").write_bytes(make_film(1, PATIENTS[0]))

    (one,) = films(tmp_path, 5)

    assert (one.shape, one.dtype) == ((2048, 2048), np.uint8)


def test_a_folder_without_films_and_a_file_that_is_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no radiograph"):
        films(tmp_path, 5)
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(SystemExit, match=r"broken\.png"):
        films(tmp_path, 5)
    (tmp_path / "broken.png").rename(tmp_path / "broken.dcm")
    with pytest.raises(SystemExit, match=r"broken\.dcm"):
        films(tmp_path, 5)
