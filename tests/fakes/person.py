"""Somebody at the terminal, with a home and two secrets in files; the real program answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Person:
    """Somebody with a home, a terminal and two secrets in files."""

    folder: Path
    home: Path

    def environment(self, **changes: str) -> dict[str, str]:
        return {
            "HOME": str(self.folder),
            "PATH": os.environ["PATH"],
            "PLEURA_HOME": str(self.home),
            "PLEURA_LANGUAGE": "en",
            "PLEURA_PASSPHRASE_FILE": str(self.folder / "passphrase"),
            **changes,
        }

    def types(self, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "pleura", *words],
            cwd=self.folder,
            env=self.environment(**changes),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def lines(self, *words: str) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.types(*words, "--json").stdout.splitlines()]


def person_at(folder: Path, home: Path) -> Person:
    (folder / "passphrase").write_text("a long walk by the river\n")
    (folder / "password").write_text("twelve quiet herons wade\n")
    person = Person(folder, home)
    done = person.types("init", "--password-file", "password")
    assert done.returncode == 0, done.stderr
    return person
