"""The documents name what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from pleura.entrypoints.cli.app import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "commands.md").read_text()


def commands(command: Any, path: str = "pleura") -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        yield from commands(child, f"{path} {name}")


def test_every_command_and_option_is_in_the_page_of_commands() -> None:
    missing = []
    for path, command in commands(get_command(app)):
        row = next((line for line in PAGE.splitlines() if line.startswith(f"| `{path}")), "")
        options = [option for part in command.params for option in part.opts if option.startswith("--")]
        missing += [f"{path} {option}" for option in ["", *options] if not row or option not in row]
    assert missing == []


def test_every_setting_is_in_the_page_of_commands() -> None:
    settings = set(re.findall(r"PLEURA_[A-Z_]+", (ROOT / "src/pleura/settings.py").read_text()))

    assert {name for name in settings if name not in PAGE} == set()


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_room_of_formats_has_vectors() -> None:
    assert {path.name for path in (ROOT / "tests" / "vectors").iterdir() if path.is_dir()} >= {
        "ledger",
        "sealed-object",
    }
