"""Journeys are Markdown pages whose console blocks are run and compared, line by line.

A line that starts with ``$ `` is a command for the shell; the lines after it are what it prints.
``...`` inside a line stands for anything, a line of ``...`` alone for any number of lines, and
``# exit 1`` at the end of a command for its exit code.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pleura.imaging.simulate.phantom import make_instance

PAGES = sorted(Path(__file__).parent.glob("*.md"))


@dataclass(frozen=True, kw_only=True)
class Step:
    command: str
    exit_code: int
    expected: tuple[str, ...]


def steps(page: str) -> Iterator[Step]:
    for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, *expected = part.rstrip("\n").split("\n")
            command, _, code = line.partition("  # exit ")
            yield Step(command=command, exit_code=int(code or 0), expected=tuple(expected))


def pattern(expected: tuple[str, ...]) -> str:
    lines = [
        r"(?:.*\n)*?" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + r"\n"
        for line in expected
    ]
    return "".join(lines)


@pytest.fixture
def traveller(tmp_path: Path) -> dict[str, str]:
    """A new user with two secrets in files, one film in the working folder and an English terminal."""
    (tmp_path / "passphrase").write_text("a long walk by the river\n")
    (tmp_path / "password").write_text("twelve quiet herons wade\n")
    film = make_instance(
        1,
        patient_name="Test^Phantom",
        patient_id="P-0001",
        serial_number="SN-7001",
        acquired=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    (tmp_path / "film.dcm").write_bytes(film)
    (tmp_path / "note.dcm").write_text("this is a letter, not a film\n")
    return {
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PLEURA_HOME": str(tmp_path / "home"),
        "PLEURA_LANGUAGE": "en",
        "PLEURA_PASSPHRASE_FILE": str(tmp_path / "passphrase"),
    }


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_journey_goes_as_its_page_says(page: Path, traveller: dict[str, str], tmp_path: Path) -> None:
    for step in steps(page.read_text()):
        done = subprocess.run(
            ["/bin/sh", "-c", step.command],
            cwd=tmp_path,
            env=traveller,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == step.exit_code, f"$ {step.command}\n{done.stdout}"
        assert re.fullmatch(pattern(step.expected), done.stdout), f"$ {step.command}\n{done.stdout}"


def test_there_are_journeys() -> None:
    assert PAGES
