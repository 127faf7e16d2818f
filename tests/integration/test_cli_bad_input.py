"""Bad input and bad days, as a person at the terminal meets them: a clear answer, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image as Picture
from tests.fakes.dicom_files import image, part10, ramp, rle_bomb
from tests.fakes.films import film
from tests.fakes.person import Person, person_at
from tests.fakes.vault_life import types_at_a_fault

from pleura.adapters.database.records import Database


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Person:
    folder = tmp_path_factory.mktemp("person")
    return person_at(folder, folder / "home")


def write_film(path: Path, seed: int, rows: int = 400, columns: int = 330) -> Path:
    Picture.fromarray(film(seed, rows, columns)).save(path)
    return path


def zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(12):
            archive.writestr(f"{number}.dcm", bytes(100 << 20))


BAD_FILES = {
    "empty.dcm": ("file-empty", b""),
    "letter.dcm": ("not-an-image", b"Dear colleague, please find attached"),
    "cut.dcm": ("dicom-truncated", part10(image(ramp(), 12))[:700]),
    "giant.dcm": ("too-many-pixels", rle_bomb()),
    "short.dcm": ("pixel-data-short", part10(image(ramp(), 12, Rows=4000, Columns=4000))),
}


@pytest.mark.parametrize("name", ["empty.dcm", "letter.dcm", "cut.dcm", "giant.dcm", "short.dcm"])
def test_a_bad_file_is_refused_with_its_reason_and_a_next_step(person: Person, name: str) -> None:
    code, content = BAD_FILES[name]
    (person.folder / name).write_bytes(content or b"")

    (answer,) = person.lines("import", name)
    spoken = person.types("import", name)

    assert (answer["status"], answer["reason"]) == ("refused", code)
    assert spoken.returncode == 1
    assert "next step: " in spoken.stdout


def test_a_zip_bomb_is_refused_in_reasonable_time(person: Person) -> None:
    zip_bomb(person.folder / "bomb.zip")
    started = time.monotonic()

    done = person.types("import", "bomb.zip")

    assert done.returncode == 1
    assert "unpacks to far more than its size allows" in done.stderr + done.stdout
    assert time.monotonic() - started < 60


UNREADABLE = """
import errno, io, os
from pathlib import Path

plain_open, plain_path_open, plain_scandir = os.open, Path.open, os.scandir

def barred(path):
    if os.fspath(path).endswith("locked.dcm"):
        raise PermissionError(errno.EACCES, "not yours", os.fspath(path))

def opening(path, *words, **more):
    barred(path)
    return plain_open(path, *words, **more)

def path_opening(self, *words, **more):
    barred(self)
    return plain_path_open(self, *words, **more)

def scanning(path):
    if os.fspath(path).endswith("closed"):
        raise PermissionError(errno.EACCES, "not yours", os.fspath(path))
    return plain_scandir(path)

class Scratched(io.FileIO):
    def readinto(self, buffer):
        if os.readlink(f"/proc/self/fd/{self.fileno()}").endswith("scratched.png"):
            raise OSError(errno.EIO, "a scratch")
        return super().readinto(buffer)

os.open, Path.open, os.scandir, io.FileIO = opening, path_opening, scanning, Scratched
"""


def test_what_cannot_be_read_is_refused_by_name_and_the_other_films_are_stored(person: Person) -> None:
    disc = person.folder / "disc"
    (disc / "closed").mkdir(parents=True)
    for number, name in enumerate(("a.png", "scratched.png", "z.png")):
        write_film(disc / name, 650 + number)
    (disc / "locked.dcm").write_bytes(part10(image(ramp(), 12)))

    done = types_at_a_fault(person, UNREADABLE, "import", "disc", "--json")

    answers = {Path(row["path"]).name: row for row in map(json.loads, done.stdout.splitlines())}
    assert {name: row["status"] for name, row in answers.items()} == {
        "a.png": "stored",
        "closed": "refused",
        "locked.dcm": "refused",
        "scratched.png": "refused",
        "z.png": "stored",
    }
    assert {row["reason"] for row in answers.values()} == {None, "file-unreadable"}


def test_a_file_that_the_system_does_not_let_anybody_read_is_refused(person: Person) -> None:
    """The speed of a network card that has none."""
    file = Path("/sys/class/net/lo/speed")
    if not file.exists():
        pytest.skip("this machine has no such file")

    (answer,) = person.lines("import", str(file))

    assert (answer["status"], answer["reason"]) == ("refused", "file-unreadable")


def test_films_in_a_zip_are_imported(person: Person) -> None:
    with zipfile.ZipFile(person.folder / "films.zip", "w") as archive:
        for seed in (901, 902):
            archive.write(write_film(person.folder / f"{seed}.png", seed), f"CD/{seed}.png")

    answers = person.lines("import", "films.zip")

    assert [answer["status"] for answer in answers] == ["stored", "stored"]


def test_a_find_over_a_folder_names_what_is_no_picture_and_looks_at_the_rest(person: Person) -> None:
    folder = person.folder / "found"
    folder.mkdir()
    write_film(folder / "film.png", 911)
    (folder / "letter.png").write_bytes(b"Dear colleague")
    (stored,) = person.lines("import", "found/film.png")

    rows = {Path(row["path"]).name: row for row in person.lines("find", "found")}
    spoken = person.types("find", "found")

    assert [each["image"] for each in rows["film.png"]["found"]] == [stored["image"]]
    assert rows["letter.png"] == {"path": rows["letter.png"]["path"], "reason": "not-an-image"}
    assert spoken.returncode == 0
    assert "letter.png:" in spoken.stderr


def test_a_wrong_passphrase_opens_nothing(person: Person) -> None:
    (person.folder / "other").write_text("another walk by the river\n")

    done = person.types("images", PLEURA_PASSPHRASE_FILE=str(person.folder / "other"))

    assert done.returncode == 4
    assert "[wrong-passphrase]" in done.stderr
    assert "recovery sheet" in done.stderr


def test_a_file_that_exists_is_kept_and_no_copy_is_recorded(person: Person) -> None:
    (answer,) = person.lines("import", str(write_film(person.folder / "keep.png", 7)))
    (person.folder / "taken.png").write_text("mine")
    before = len(person.lines("audit", "show"))

    done = person.types("copy", str(answer["image"]), "--to", "Dr Li", "--purpose", "x", "-o", "taken.png")

    assert done.returncode == 4
    assert (person.folder / "taken.png").read_text() == "mine"
    assert len(person.lines("audit", "show")) == before


def test_a_copy_that_fails_leaves_no_file(person: Person) -> None:
    done = person.types("copy", "img-000000000000", "--to", "Dr Li", "--purpose", "x", "-o", "new.png")

    assert done.returncode == 1
    assert not (person.folder / "new.png").exists()


def test_the_promised_keys_are_there(person: Person) -> None:
    details = {"identity": {"patient_id": "P-5"}, "device": {"serial_number": "SN-5"}}
    (person.folder / "details.json").write_text(json.dumps(details))
    path = str(write_film(person.folder / "keys.png", 8))

    (stored,) = person.lines("import", path, "--details", "details.json")
    image_name = str(stored["image"])
    (copied,) = person.lines("copy", image_name, "--to", "Dr Li", "--purpose", "x", "-o", "keys-copy.png")
    (traced,) = person.lines("trace", "keys-copy.png")
    listed = next(row for row in person.lines("images") if row["image"] == image_name)

    assert stored.keys() >= {"path", "status", "image", "study", "reason"}
    assert copied.keys() >= {"copy", "image", "recipient", "issued_at", "patient_id", "device_serial"}
    assert listed.keys() >= {"image", "study", "patient", "modality", "device_serial", "received_at"}
    assert (copied["patient_id"], copied["device_serial"]) == ("P-5", "SN-5")
    assert traced["verdict"] == "traced"
    assert (traced["copy"], traced["recipient"], traced["patient_id"]) == (copied["copy"], "Dr Li", "P-5")
    assert traced.keys() >= {"image", "issued_at", "device_serial", "false_match_probability", "seconds"}


def test_a_changed_ledger_is_noticed(tmp_path: Path) -> None:
    person = person_at(tmp_path, tmp_path / "home")
    person.types("import", str(write_film(tmp_path / "film.png", 3)))
    head = person.types("audit", "verify", "--json")
    (tmp_path / "witness").write_text(json.loads(head.stdout)["head"])
    assert person.types("audit", "verify", "--witness", "witness").returncode == 0

    with contextlib.closing(sqlite3.connect(person.home / "pleura.db")) as database:
        database.execute('delete from ledger where "index" = 1')
        database.commit()

    unwitnessed = person.types("audit", "verify")
    witnessed = person.types("audit", "verify", "--witness", "witness")

    # Without a witness a tail that was cut off cannot be noticed, as the documents say.
    assert unwitnessed.returncode == 0
    assert witnessed.returncode == 1
    assert "[ledger-rolled-back]" in witnessed.stderr


def test_an_import_killed_in_the_middle_is_completed_by_the_next(tmp_path: Path) -> None:
    person = person_at(tmp_path, tmp_path / "home")
    (tmp_path / "films").mkdir()
    for seed in range(8):
        write_film(tmp_path / "films" / f"{seed}.png", seed, 900, 700)
    command = [sys.executable, "-m", "pleura", "import", "films", "--json"]
    answered: set[str] = set()
    for delay in (1.4, 1.8, 2.2):
        output = tmp_path / "output"
        with output.open("w") as stream:
            process = subprocess.Popen(
                command,
                cwd=tmp_path,
                env=person.environment(),
                stdout=stream,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            time.sleep(delay)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        answered |= {
            json.loads(line)["image"] for line in output.read_text().splitlines() if line.endswith("}")
        }
        assert answered <= {row["image"] for row in person.lines("images")}

    rows = person.lines("import", "films")
    listed = {row["image"] for row in person.lines("images")}

    assert {row["status"] for row in rows} <= {"stored", "duplicate"}
    assert listed == {row["image"] for row in rows}
    assert len(listed) == 8
    (found,) = person.lines("doctor", "--deep")
    checks = {check["name"]: check["ok"] for check in found["checks"]}
    assert checks["objects"]
    assert checks["ledger"]
    assert checks["rows"]
    done = person.types("copy", str(min(listed, key=str)), "--to", "a", "--purpose", "b", "-o", "0.png")
    assert done.returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of its own with room for a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("a small disk needs the right to mount")
    yield place  # type: ignore[misc]  # a generator fixture
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_stops_the_import_and_keeps_what_was_stored(tmp_path: Path, small_disk: Path) -> None:
    person = person_at(tmp_path, small_disk / "home")
    (tmp_path / "films").mkdir()
    for seed in range(12):
        write_film(tmp_path / "films" / f"{seed:02d}.png", seed, 900, 700)

    done = person.types("import", "films", "--json")

    stored = [json.loads(line)["image"] for line in done.stdout.splitlines()]
    assert done.returncode == 4
    assert "[disk-full]" in done.stderr
    assert 0 < len(stored) < 12
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert set(stored) <= {row["image"] for row in person.lines("images")}
    assert person.types("audit", "verify").returncode == 0
    assert len(person.lines("import", "films")) == 12
    assert len(person.lines("images")) == 12
    # A narrow terminal shows whole names, because they are typed into the next command.
    shown = person.types("images", COLUMNS="60").stdout
    assert all(str(row["image"]) in shown for row in person.lines("images"))


def test_a_read_only_home_is_said_to_be_read_only(tmp_path: Path, small_disk: Path) -> None:
    person = person_at(tmp_path, small_disk / "home")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    done = person.types("import", str(write_film(tmp_path / "film.png", 1)))
    fresh = person.types("init", "--password-file", "password", PLEURA_HOME=str(small_disk / "another"))

    assert done.returncode == 4
    assert "[home-read-only]" in done.stderr
    assert fresh.returncode == 4
    assert "[home-read-only]" in fresh.stderr


@pytest.mark.parametrize("witness", ["missing", ".", "binary"])
def test_a_witness_that_cannot_be_read_is_said_in_our_words(person: Person, witness: str) -> None:
    (person.folder / "binary").write_bytes(bytes(range(256)))

    done = person.types("audit", "verify", "--witness", witness)

    assert (done.returncode, "[no-such-file]" in done.stderr) == (1, True)


def test_a_reader_of_the_ledger_keeps_no_import_waiting(person: Person) -> None:
    """As `audit show` is one, while its pipe is full and nobody empties it."""
    write_film(person.folder / "while-reading.png", 77)
    with open_ledger(person) as records, records.read() as unit:
        next(unit.ledger.rows())
        (answer,) = person.lines("import", "while-reading.png")

    assert answer["status"] == "stored"


def open_ledger(person: Person) -> contextlib.closing[Database]:
    return contextlib.closing(Database(f"sqlite:///{person.home / 'pleura.db'}"))
