"""Restores into an empty folder, such as a mount point, and restores that were cut there."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.fakes.person import Person
from tests.fakes.vault_life import answer, images, types_at_a_fault, write

KILLED = """
import os
from pathlib import Path

plain, left = Path.rename, [AFTER]

def rename(self, target):
    if self.parent.name == ".founding-restoring":
        if not left[0]:
            HAPPENS
        left[0] -= 1
    return plain(self, target)

Path.rename = rename
"""
RESTORE = ("backup", "restore", "nas", "--code-file", "code", "--new-file", "passphrase", "--json")


@pytest.fixture
def lost(person: Person) -> Person:
    """Somebody with a backup and its recovery code, and an empty folder to be the home."""
    write(person, "code", str(answer(person, "key", "sheet", "-o", "sheet.pdf")["recovery_code"]))
    answer(person, "backup", "create", "nas")
    (person.folder / "volume").mkdir()
    return Person(person.folder, person.folder / "volume")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def restores(lost: Person, happens: str, after: int) -> subprocess.CompletedProcess[str]:
    fault = KILLED.replace("AFTER", str(after)).replace("HAPPENS", happens)
    return types_at_a_fault(lost, fault, *RESTORE)


def test_an_empty_folder_becomes_the_restored_home_and_what_is_lacking_is_named(lost: Person) -> None:
    next((lost.folder / "nas" / "objects").iterdir()).unlink()

    done = lost.types(*RESTORE)

    assert (done.returncode, len(json.loads(done.stdout)["lacking"])) == (1, 1)
    assert names(lost.home) == ["objects", "pleura.db", "root.json"]
    assert len(images(lost)) == 4


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_restore_that_was_killed_on_its_way_up_is_completed_by_the_next_one(
    lost: Person, after: int
) -> None:
    killed = restores(lost, "os._exit(9)", after)
    assert killed.returncode == (9 if after < 3 else 0)
    before = sorted(path.stat().st_ino for path in lost.home.rglob("original"))

    again = lost.types(*RESTORE)

    # Before the first part went up there is nothing but a restore that goes on with the objects it has.
    occupied = (4, True)
    assert (again.returncode, "[home-occupied]" in again.stderr) == ((0, False) if not after else occupied)
    assert len(images(lost)) == 4
    assert len(before) == 4
    assert sorted(path.stat().st_ino for path in lost.home.rglob("original")) == before
    assert names(lost.home) == ["instance", "lock", "objects", "pleura.db", "root.json"]


@pytest.mark.parametrize("after", [1, 2])
def test_a_restore_that_was_killed_on_its_way_up_is_completed_by_whoever_opens_the_home(
    lost: Person, after: int
) -> None:
    assert restores(lost, "os._exit(9)", after).returncode == 9

    assert len(images(lost)) == 4


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_disk_that_fails_while_a_restore_moves_up_costs_no_object(lost: Person, after: int) -> None:
    failed = restores(lost, 'raise OSError(5, "broken")', after)
    before = sorted(path.stat().st_ino for path in lost.home.rglob("original"))

    assert (failed.returncode, "[disk-failing]" in failed.stderr) == (4, True)
    assert (names(lost.home), len(before)) == ([".founding-restoring"], 4)
    assert lost.types(*RESTORE).returncode == 0
    assert sorted(path.stat().st_ino for path in lost.home.rglob("original")) == before
