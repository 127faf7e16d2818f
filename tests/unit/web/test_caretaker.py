"""The caretaker outlives whatever goes wrong, and ends when it is told to."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import pytest
from tests.fakes.clock import FakeClock

from pleura.bootstrap import House
from pleura.domain.installation import Depot
from pleura.entrypoints.web import caretaker
from pleura.entrypoints.web.caretaker import Caretaker, look_after, look_outside
from pleura.entrypoints.web.chores import Chores
from pleura.monitor.watch.patrol import Looked

NAMES = ("one", "two")


@dataclass
class Depots:
    """Two depots that wait for everything; what is asked of them is kept."""

    asked: list[str] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)
    waits: bool = False

    def all(self) -> list[Depot]:
        return [Depot(name=name, kind="backup", sealed_place=b"", checklist="") for name in NAMES]

    def sync(self, name: str, *, actor: str, is_stopped: object) -> None:
        assert callable(is_stopped)
        self.asked.append(f"sync {name} by {actor}")
        self.begun.set()
        while self.waits and not is_stopped():
            threading.Event().wait(0.01)
        if name == "one":
            raise ValueError("Wang^Xiaodong")

    def test(self, name: str, *, actor: str, is_stopped: object) -> None:
        self.asked.append(f"test {name} by {actor}")


@dataclass
class Originals:
    """A search that fails in a way nobody thought of."""

    tried: int = 0

    def prepare(self, is_stopped: object) -> None:
        self.tried += 1
        raise RuntimeError("Wang^Xiaodong")


@dataclass
class Patrol:
    """A patrol that fails in the middle of its round in a way nobody thought of."""

    rounds: int = 0

    def run_due(self, *, actor: str, is_stopped: object) -> Iterator[Looked]:
        self.rounds += 1
        yield Looked(
            source="src-1", pages=0, pictures=0, known=0, sightings=(), again=0, spread=0,
            troubles=Counter(), result="robots",
        )  # fmt: skip
        raise RuntimeError("Wang^Xiaodong")


@dataclass
class LittleHouse:
    """As much of a house as the caretaker walks through."""

    depots: Depots = field(default_factory=Depots)
    originals: Originals = field(default_factory=Originals)
    patrol: Patrol = field(default_factory=Patrol)
    clock: FakeClock = field(default_factory=FakeClock)


def test_a_fault_that_nobody_thought_of_is_logged_without_its_words_and_work_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = LittleHouse()

    with caplog.at_level(logging.WARNING, "pleura.caretaker"):
        look_after(cast("House", house))

    assert house.depots.asked == [
        "sync one by caretaker",
        "test one by caretaker",
        "sync two by caretaker",
        "test two by caretaker",
    ]
    assert "sync of one: ValueError in" in caplog.text
    assert "Wang" not in caplog.text


def test_the_threads_outlive_any_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("_SKETCH_SECONDS", "_WATCH_SECONDS"):
        monkeypatch.setattr(caretaker, pause, 0.01)
    house = LittleHouse()
    keeper = Caretaker(cast("House", house), Chores())
    keeper.start()

    deadline = time.monotonic() + 20
    while min(house.originals.tried, house.patrol.rounds) < 3:
        assert time.monotonic() < deadline
        assert all(thread.is_alive() for thread in keeper._threads)
        threading.Event().wait(0.01)

    keeper.stop()
    assert not any(thread.is_alive() for thread in keeper._threads)


def test_a_source_that_could_not_be_looked_at_is_logged_by_its_code(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pleura.caretaker"):
        look_outside(cast("House", LittleHouse()))

    assert "watch of src-1: robots" in caplog.text
    assert "watch: RuntimeError in" in caplog.text
    assert "Wang" not in caplog.text


def test_a_backup_that_runs_is_seen_by_pages_and_ends_when_the_server_does() -> None:
    house, chores = LittleHouse(depots=Depots(waits=True)), Chores()
    keeper = Caretaker(cast("House", house), chores)
    keeper.start()
    assert house.depots.begun.wait(10)
    assert chores.running() == {("sync", "one")}

    keeper.stop()

    assert house.depots.asked == ["sync one by caretaker"]
    assert chores.running() == set()
