"""What the machine says when the disk of the home fails is said in our words."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pleura.adapters.machine import Machine
from pleura.adapters.storage.home import Home
from pleura.domain.errors import EnvironmentFault


@pytest.mark.parametrize("ask", [Machine.leftovers, Machine.sweep])
def test_a_disk_that_fails_while_leftovers_are_looked_for_is_said_in_our_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Machine], object]
) -> None:
    home = Home(tmp_path / "home")
    home.objects.mkdir(parents=True)
    listed = os.scandir

    def failing(folder: os.PathLike[str]) -> object:
        if Path(folder) == home.path:
            raise OSError(errno.EIO, "the disk fails")
        return listed(folder)

    monkeypatch.setattr(os, "scandir", failing)

    with pytest.raises(EnvironmentFault):
        ask(Machine(home))
