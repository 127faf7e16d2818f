"""A home with three films; every test works on its own copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image as Picture
from tests.fakes.films import film
from tests.fakes.person import Person, person_at
from tests.fakes.vault_life import write_films


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A home with three films; every test works on its own copy."""
    folder = tmp_path_factory.mktemp("template")
    person = person_at(folder, folder / "home")
    write_films(folder / "films")
    Picture.fromarray(film(5, 200, 160)).save(folder / "films" / "3.png")
    assert person.types("import", "films").returncode == 0
    return person


@pytest.fixture
def person(template: Person, tmp_path: Path) -> Person:
    shutil.copytree(template.folder, tmp_path / "person")
    (tmp_path / "person" / "nas").mkdir()
    return Person(tmp_path / "person", tmp_path / "person" / "home")
