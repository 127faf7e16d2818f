"""Homes on PostgreSQL at the real terminal."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from tests.fakes.person import Person
from tests.fakes.vault_life import (
    answer,
    images,
    write,
    write_films,
)
from tests.servers.postgres import fresh_database, postgres_programs, postgres_server


@pytest.mark.skipif(postgres_programs() is None, reason="postgresql is not installed")
def test_an_installation_moves_to_postgresql_and_back(person: Person) -> None:
    before = images(person)
    with postgres_server() as sockets:
        url = fresh_database(sockets, f"move_{secrets.token_hex(4)}")

        moved = answer(person, "move", "--to", url)

        assert moved["rows"]["images"] == 4  # type: ignore[index]
        assert not (person.home / "pleura.db").exists()
        assert images(person) == before
        assert [line["status"] for line in person.lines("import", "films")] == ["duplicate"] * 4
        assert answer(person, "key", "rotate", "-o", "s.pdf")["epoch"] == 2
        answer(person, "backup", "create", "nas")
        assert answer(person, "backup", "verify", "nas")["whole"] is True
        assert answer(person, "erase", before[0], "--yes")["status"] == "erased"
        again = person.types("move", "--to", url)
        assert "[database-in-use]" in again.stderr
        assert answer(person, "move", "--to", "home")["rows"]["images"] == 3  # type: ignore[index]
    assert images(person) == before[1:]


@pytest.mark.skipif(postgres_programs() is None, reason="postgresql is not installed")
def test_a_new_home_can_use_postgresql_from_the_start(tmp_path: Path) -> None:
    with postgres_server() as sockets:
        url = fresh_database(sockets, "fresh")
        (tmp_path / "passphrase").write_text("a long walk by the river\n")
        (tmp_path / "password").write_text("twelve quiet herons wade\n")
        person = Person(tmp_path, tmp_path / "home")
        done = person.types("init", "--password-file", "password", "--database", url)
        assert done.returncode == 0, done.stderr
        write_films(tmp_path / "films")
        assert person.types("import", "films").returncode == 0
        assert len(images(person)) == 3
    gone = person.types("images")
    assert (gone.returncode, "[database-unreachable]" in gone.stderr) == (4, True)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://x/y",
        "garbage",
        "sqlite:////srv/pleura.db",
        "postgresql://me:secret@host/db",
        "postgresql://me@host/db?password=secret",
        "postgresql://host/db\npostgresql://other/db",
        "postgresql://[host/db",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(person: Person, url: str) -> None:
    new = Person(person.folder, person.folder / "new")
    write(person, "password", "twelve quiet herons wade")
    moved = person.types("move", "--to", url)
    made = new.types("init", "--password-file", "password", "--database", url)

    for done in (moved, made):
        assert (done.returncode, "[bad-database-url]" in done.stderr) == (1, True)
        assert "secret" not in done.stderr
    assert not new.home.exists()
