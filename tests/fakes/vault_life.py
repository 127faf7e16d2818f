"""What somebody at the terminal does with a vault, in few words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.fakes.dicom_files import image, part10, ramp
from tests.fakes.person import Person

PASSPHRASE = "a long walk by the river"
NAME, PATIENT_ID, BIRTH, ACCESSION = "Wang^Xiaodong", "PID-SECRET-4711", "19610203", "ACC-SECRET-55"

FULL = """
import errno, io
from pleura.entrypoints.cli.vault import sheets
class Full(io.FileIO):
    def write(self, content):
        raise OSError(errno.ENOSPC, "no space")
sheets.open_new = lambda path: Full(path, "xb")
"""

CUT = """
import os
from pleura.prevent.depots.depots import Depots
from pleura.prevent.custody.keys import Keys
def cut(*_, **__):
    os._exit(9)
"""


def write_films(folder: Path, count: int = 3) -> Path:
    folder.mkdir()
    for number in range(count):
        made = image(ramp(60, 50 + number))
        made.PatientName, made.PatientID = NAME, PATIENT_ID
        made.PatientBirthDate, made.AccessionNumber = BIRTH, ACCESSION
        made.StudyInstanceUID = f"1.2.826.{number}"
        made.SOPInstanceUID = f"1.2.826.{number}.1"
        (folder / f"{number}.dcm").write_bytes(part10(made))
    return folder


def images(person: Person) -> list[str]:
    return [str(line["image"]) for line in person.lines("images")]


def answer(person: Person, *words: str) -> dict[str, object]:
    (found,) = person.lines(*words)
    return found


def write(person: Person, name: str, text: str) -> str:
    (person.folder / name).write_text(f"{text}\n")
    return name


def elsewhere(person: Person) -> Person:
    """The same person at an empty machine, with another passphrase."""
    folder = person.folder.parent / "elsewhere"
    folder.mkdir()
    (folder / "passphrase").write_text("another long walk by the sea\n")
    return Person(folder, folder / "home")


def sound(person: Person) -> bool:
    found = answer(person, "doctor", "--deep")["checks"]
    assert isinstance(found, list)
    wrong = [check for check in found if not check["ok"] and check["name"] not in {"browser", "font"}]
    return wrong == []


def types_at_a_fault(person: Person, fault: str, *words: str) -> subprocess.CompletedProcess[str]:
    program = f"{fault}\nfrom pleura.entrypoints.cli.app import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=person.folder,
        env=person.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def everything_below(folder: Path) -> Iterator[bytes]:
    for path in folder.rglob("*"):
        yield str(path).encode()
        if path.is_file():
            yield path.read_bytes()
