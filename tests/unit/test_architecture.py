"""The map in ARCHITECTURE.md and the house are the same."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "pleura"


NOT_ROOMS = {"__pycache__", "bootstrap"}
"""The socket between the floors is in two files, and is no room."""


def rooms() -> set[str]:
    return {
        path.name
        for path in PACKAGE.iterdir()
        if path.is_dir() and any(path.rglob("*.py")) and path.name not in NOT_ROOMS
    }


def test_the_map_names_the_rooms_that_exist() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    on_the_map = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert on_the_map == rooms()


def test_the_map_is_at_most_150_lines_long() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 150


def test_no_folder_holds_more_than_eight_modules() -> None:
    crowded = {
        str(folder.relative_to(PACKAGE)): len(modules)
        for folder in [PACKAGE, *PACKAGE.rglob("*")]
        if folder.is_dir()
        for modules in [[path for path in folder.glob("*.py") if not path.name.startswith("__")]]
        if len(modules) > 8
    }
    assert crowded == {}


def test_no_module_is_longer_than_400_lines() -> None:
    long = {
        str(path.relative_to(PACKAGE)): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert long == {}


def test_the_lock_names_no_host() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()
