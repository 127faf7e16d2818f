"""Two at once, and a clock that was set back, at the real terminal."""

from __future__ import annotations

import contextlib
import fcntl
import json
import subprocess
import sys

import pytest
from PIL import Image as Picture
from tests.fakes.films import film
from tests.fakes.person import Person
from tests.fakes.vault_life import (
    answer,
    images,
    sound,
    types_at_a_fault,
    write_films,
)


def test_whoever_must_be_alone_waits_for_nobody_and_says_who_is_there(person: Person) -> None:
    with (person.home / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        assert len(images(person)) == 4
        for words in (
            ["key", "rotate", "-o", "x.pdf"],
            ["doctor", "--repair"],
            ["erase", images(person)[0], "--yes"],
        ):
            done = person.types(*words)
            assert (done.returncode, "[home-busy]" in done.stderr) == (3, True)
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "[home-busy]" in person.types("images").stderr
    assert answer(person, "key", "show")["epoch"] == 1


A_YEAR_BACK = """
from datetime import timedelta
from pleura.adapters.clock import SystemClock
right = SystemClock.now
SystemClock.now = lambda self: right(self) - timedelta(days=365)
"""


@pytest.mark.slow
def test_a_clock_set_back_a_year_loses_nothing_and_is_shown(person: Person) -> None:
    late = str(write_films(person.folder / "late", 1) / "late.png")
    Picture.fromarray(film(77, 200, 160)).save(late)
    before = images(person)

    shown = types_at_a_fault(person, A_YEAR_BACK, "doctor", "--json")
    done = types_at_a_fault(person, A_YEAR_BACK, "import", late, "--json")

    again = types_at_a_fault(person, A_YEAR_BACK, "doctor", "--json")

    for doctor in (shown, again):
        checks = {check["name"]: check for check in json.loads(doctor.stdout)["checks"]}
        assert not checks["clock"]["ok"]
    # It is accepted: the order of the entries is that of the ledger, whatever the clock says.
    assert json.loads(done.stdout)["status"] == "stored"
    assert set(before) < set(images(person))
    assert len(images(person)) == 5
    times = [str(entry["at"]) for entry in person.lines("audit", "show")]
    assert times[-1] < times[-2]
    assert person.types("audit", "verify").returncode == 0
    assert types_at_a_fault(person, A_YEAR_BACK, "audit", "verify").returncode == 0
    # What comes with the clock set right again stands on top of it, and the ledger is as sound.
    assert (
        person.types("copy", images(person)[0], "--to", "X", "--purpose", "y", "-o", "c.png").returncode == 0
    )
    assert person.types("audit", "verify").returncode == 0


def test_two_imports_at_once_lose_nothing(person: Person) -> None:
    more = write_films(person.folder / "more", 0)
    for number in range(6):
        Picture.fromarray(film(100 + number, 200, 160)).save(more / f"{number}.png")
    with contextlib.ExitStack() as stack:
        both = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "pleura", "import", "more"],
                    cwd=person.folder,
                    env=person.environment(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
            for _ in range(2)
        ]
        assert [each.wait(120) for each in both] == [0, 0]
    assert len(images(person)) == 10
    # The loser of a race seals what is a duplicate by then: those objects belong to no image.
    person.types("doctor", "--repair")
    answer(person, "backup", "create", "nas")
    answer(person, "backup", "verify", "nas")
    assert sound(person)
