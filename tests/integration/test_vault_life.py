"""The life of a vault at the real terminal: kept, backed up, rotated, lost, restored, moved, erased."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Picture
from tests.fakes.dicom_files import image, part10, ramp
from tests.fakes.films import film
from tests.fakes.person import Person, person_at
from tests.servers.postgres import fresh_database, postgres_programs, postgres_server
from tests.servers.softhsm import softhsm_module, softhsm_token

from pleura.bootstrap import Restored, Source, open_house, restore_house
from pleura.crypto.roots.recovery import Shares, new_code, read_code, spelled, split, worded
from pleura.domain.custody.places import FolderPlace
from pleura.domain.errors import EnvironmentFault
from pleura.entrypoints.language import Texts
from pleura.entrypoints.recovery_sheet import About, Sheet, sheet_pdf, whole_sheet
from pleura.settings import Settings

PASSPHRASE = "a long walk by the river"
NAME, PATIENT_ID, BIRTH, ACCESSION = "Wang^Xiaodong", "PID-SECRET-4711", "19610203", "ACC-SECRET-55"


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


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A home with three films; every test works on its own copy."""
    folder = tmp_path_factory.mktemp("template")
    person = person_at(folder, folder / "home")
    write_films(folder / "films")
    Picture.fromarray(film(5, 200, 160)).save(folder / "films" / "3.png")
    assert person.types("import", "films").returncode == 0
    return person


@pytest.fixture
def person(template: Person, tmp_path: Path) -> Person:
    shutil.copytree(template.folder, tmp_path / "person")
    (tmp_path / "person" / "nas").mkdir()
    return Person(tmp_path / "person", tmp_path / "person" / "home")


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


# Backup and restore


def test_a_home_comes_back_on_an_empty_machine_with_the_recovery_code(person: Person) -> None:
    code = str(answer(person, "key", "sheet", "-o", "sheet.pdf")["recovery_code"])
    answer(person, "backup", "create", "nas")
    assert answer(person, "backup", "verify", "nas", "--all")["whole"] is True
    before, head = images(person), answer(person, "audit", "verify")["entries"]
    shutil.rmtree(person.home)
    other = elsewhere(person)
    write(other, "code", code)

    restored = answer(
        other,
        "backup",
        "restore",
        str(person.folder / "nas"),
        "--code-file",
        "code",
        "--new-file",
        "passphrase",
    )

    assert (restored["images"], restored["lacking"]) == (4, [])
    assert images(other) == before
    assert int(str(answer(other, "audit", "verify")["entries"])) >= int(str(head)) - 1
    again = [line["status"] for line in other.lines("import", str(person.folder / "films"))]
    assert again == ["duplicate"] * 4
    assert answer(other, "doctor", "--deep")["checks"]


def test_words_and_shares_restore_as_well(person: Person) -> None:
    made = answer(person, "key", "sheet", "-o", "sheet.pdf")
    code = read_code([str(made["recovery_code"])])
    answer(person, "backup", "create", "nas")
    shares = split(code, Shares(needed=2, total=3))
    for number, lines in enumerate((worded(code, "zh"), shares[1:])):
        home = person.folder / f"again-{number}"
        write(person, "typed", "\n".join(lines))
        done = person.types(
            "backup",
            "restore",
            "nas",
            "--code-file",
            "typed",
            "--new-file",
            "passphrase",
            PLEURA_HOME=str(home),
        )
        assert done.returncode == 0, done.stderr


def test_a_half_restored_home_is_never_visible(person: Person) -> None:
    code = str(answer(person, "key", "sheet", "-o", "sheet.pdf")["recovery_code"])
    answer(person, "backup", "create", "nas")
    (person.folder / "code").write_text(code)
    snapshot = next((person.folder / "nas" / "snapshots").iterdir())
    snapshot.write_bytes(snapshot.read_bytes()[:-1])
    home = person.folder / "again"

    done = person.types(
        "backup", "restore", "nas", "--code-file", "code", "--new-file", "passphrase", PLEURA_HOME=str(home)
    )

    assert done.returncode == 1
    assert "[seal-broken]" in done.stderr
    assert not home.exists()
    assert [path.name for path in person.folder.iterdir() if path.name.startswith(".again")] == []


def test_a_lost_root_key_is_said_and_the_backup_brings_all_back(person: Person) -> None:
    code = str(answer(person, "key", "sheet", "-o", "sheet.pdf")["recovery_code"])
    answer(person, "backup", "create", "nas")
    write(person, "code", code)
    before = images(person)
    (person.home / "root.json").unlink()
    left = sorted(path.name for path in person.home.iterdir())

    for words in (
        ["images"],
        ["doctor"],
        ["init", "--password-file", "password"],
        ["serve"],
        ["key", "recover", "--code-file", "code", "--new-file", "passphrase"],
    ):
        done = person.types(*words)
        assert (done.returncode, "[root-file-lost]" in done.stderr) == (4, True)
    assert sorted(path.name for path in person.home.iterdir()) == left
    (told,) = [line for line in done.stderr.splitlines() if "next step" in line]
    other = told.partition("PLEURA_HOME=")[2].split()[0]
    command = told.partition(other)[2].split()
    assert command == ["pleura", "backup", "restore", "BACKUP_FOLDER"]
    files = ["--code-file", "code", "--new-file", "passphrase"]
    assert person.types(*command[1:3], "nas", *files, PLEURA_HOME=other).returncode == 0
    again = Person(person.folder, Path(other))
    assert images(again) == before
    for name in before:
        copied = again.types("copy", name, "--to", "Dr Li", "--purpose", "x", "-o", f"{name}.png")
        assert copied.returncode == 0


def test_a_lost_object_is_named_by_the_restore_and_the_rest_comes_back(person: Person) -> None:
    code = str(answer(person, "key", "sheet", "-o", "sheet.pdf")["recovery_code"])
    answer(person, "backup", "create", "nas")
    next((person.folder / "nas" / "objects").iterdir()).unlink()
    write(person, "code", code)

    done = person.types(
        "backup",
        "restore",
        "nas",
        "--code-file",
        "code",
        "--new-file",
        "passphrase",
        "--json",
        PLEURA_HOME=str(person.folder / "again"),
    )

    assert done.returncode == 1
    assert len(json.loads(done.stdout)["lacking"]) == 1


def test_a_wrong_code_restores_nothing_and_a_typing_error_is_told_from_it(person: Person) -> None:
    answer(person, "backup", "create", "nas")
    code = str(answer(person, "key", "sheet", "-o", "sheet.pdf")["recovery_code"])
    for typed, told in ((code, "wrong-recovery-code"), (code[:-1] + "?", "recovery-code-typo")):
        write(person, "code", typed)
        done = person.types(
            "backup",
            "restore",
            "nas",
            "--code-file",
            "code",
            "--new-file",
            "passphrase",
            PLEURA_HOME=str(person.folder / "again"),
        )
        assert done.returncode in {1, 4}
        assert told in done.stderr
    assert not (person.folder / "again").exists()


def test_objects_that_were_lost_here_come_back(person: Person) -> None:
    answer(person, "backup", "create", "nas")
    shutil.rmtree(person.home / "objects" / images(person)[0])
    assert not sound(person)

    assert answer(person, "backup", "fetch", "nas")["objects"] == 2
    answer(person, "backup", "verify", "nas")
    assert sound(person)


def test_a_restored_drill_leaves_the_backup_of_the_living_home_alone(person: Person) -> None:
    code = str(answer(person, "key", "sheet", "-o", "sheet.pdf")["recovery_code"])
    answer(person, "backup", "create", "nas")
    write(person, "code", code)
    drill = {"PLEURA_HOME": str(person.folder / "drill")}
    words = ["backup", "restore", "nas", "--code-file", "code", "--new-file", "passphrase"]
    assert person.types(*words, **drill).returncode == 0
    before = sorted(everything_below(person.folder / "nas"))

    gone = images(person)[0]
    erased = json.loads(person.types("erase", gone, "--yes", "--json", **drill).stdout)
    filled = person.types("backup", "create", "nas", **drill)

    assert erased["depots"] == {"nas": "depot-of-a-copy"}
    assert (filled.returncode, "[depot-of-a-copy]" in filled.stderr) == (3, True)
    assert sorted(everything_below(person.folder / "nas")) == before
    listed = json.loads(person.types("backup", "list", "--json", **drill).stdout)
    assert (listed["fault"], len(listed["snapshots"])) == ("depot-of-a-copy", 1)
    assert answer(person, "backup", "create", "nas")["added"] == 0
    assert person.types("backup", "adopt", "nas", **drill).returncode == 0
    assert person.types("backup", "create", "nas", **drill).returncode == 0
    assert "[depot-of-a-copy]" in person.types("backup", "create", "nas").stderr


def test_a_missing_image_is_named_by_the_backup_that_goes_on_without_it(person: Person) -> None:
    lost = images(person)[0]
    shutil.rmtree(person.home / "objects" / lost)

    done = person.types("backup", "create", "nas", "--json")

    assert (done.returncode, json.loads(done.stdout)["lacking"]) == (1, [lost])
    assert [line.get("lacking") for line in person.lines("audit", "show") if line["kind"] == "backup"] == [1]


def test_a_damaged_object_comes_back_and_the_doctor_is_content(person: Person) -> None:
    answer(person, "backup", "create", "nas")
    answer(person, "backup", "verify", "nas")
    film = person.home / "objects" / images(person)[0] / "original"
    content = film.read_bytes()
    film.write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
    assert not sound(person)

    assert answer(person, "backup", "fetch", "nas") == {"name": "nas", "objects": 1, "lacking": []}

    assert film.read_bytes() == content
    assert person.types("doctor", "--repair").returncode in {0, 1}
    assert sound(person)


def test_the_repair_that_the_doctor_prints_heals_a_damaged_backup(person: Person) -> None:
    answer(person, "backup", "create", "nas")
    box = next((person.folder / "nas" / "objects").iterdir())
    content = box.read_bytes()
    box.write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
    assert person.types("backup", "verify", "nas", "--all").returncode == 1
    found = json.loads(person.types("doctor", "--json").stdout)["checks"]
    (repair,) = [check["fix"] for check in found if check["name"] == "backup nas" and not check["ok"]]

    for command in repair.split(" && "):
        done = person.types(*command.split()[1:])
        assert done.returncode == 0, done.stderr

    assert sound(person)
    assert person.types("backup", "verify", "nas", "--all").returncode == 0


def test_a_backup_is_listed_with_its_place_and_can_be_forgotten(person: Person) -> None:
    (person.home / "inside").mkdir()
    refused = person.types("backup", "create", str(person.home / "inside"))
    assert (refused.returncode, "[depot-in-home]" in refused.stderr) == (3, True)
    answer(person, "backup", "create", "nas")

    listed = person.types("backup", "list")
    assert f"nas  backup  {person.folder / 'nas'}" in listed.stdout
    (person.folder / "nas").rename(person.folder / "unplugged")
    gone = person.types("backup", "list", PLEURA_LANGUAGE="zh")
    assert (gone.returncode, "[folder-missing]" in gone.stderr) == (0, True)
    assert "No such file" not in gone.stdout + gone.stderr

    there = person.types("backup", "list", "unplugged", PLEURA_HOME=str(person.folder / "none"))
    assert (there.returncode, there.stdout.count("snp-")) == (0, 1)
    assert person.types("backup", "forget", "nas", "--yes").returncode == 0
    assert person.lines("backup", "list") == []
    assert (person.folder / "unplugged" / "owner").is_file()


def test_a_restore_that_was_cut_goes_on_with_what_it_has(person: Person) -> None:
    """The network goes after two objects; the next run fetches the others and no more."""
    code = str(answer(person, "key", "sheet", "-o", "sheet.pdf")["recovery_code"])
    answer(person, "backup", "create", "nas")
    home, moved = person.folder / "again", list[int]()
    source = Source(place=FolderPlace(folder=str(person.folder / "nas")), code=read_code([code]))

    def restore(advance: Callable[[int], None]) -> Restored:
        return restore_house(Settings(home=home), source, PASSPHRASE, actor="test", advance=advance)

    def cut(size: int) -> None:
        moved.append(size)
        if len(moved) == 2:
            raise EnvironmentFault("bucket-unreachable", "the store does not answer", "check the network")

    with pytest.raises(EnvironmentFault, match="does not answer"):
        restore(cut)
    assert not home.exists()
    assert (person.folder / ".again.restoring").is_dir()
    again = list[int]()
    restored = restore(again.append)

    assert (restored.images, restored.lacking, len(moved), len(again)) == (4, [], 2, 6)
    assert [path.name for path in person.folder.iterdir() if path.name.startswith(".again")] == []
    assert not (home / "restoring").exists()
    with open_house(Settings(home=home), lambda: PASSPHRASE) as house:
        assert all(check.ok for check in house.doctor.examine(deep=True) if check.name == "objects")


def test_what_another_restore_left_does_not_get_into_this_one(person: Person) -> None:
    code = str(answer(person, "key", "sheet", "-o", "sheet.pdf")["recovery_code"])
    answer(person, "backup", "create", "nas")
    left = person.folder / ".again.restoring"
    (left / "objects" / "img-of-another-home").mkdir(parents=True)
    (left / "objects" / "img-of-another-home" / "original").write_bytes(b"sealed")
    (left / "restoring").write_text("of another home")
    (left / "pleura.db").write_bytes(b"cut")
    source = Source(place=FolderPlace(folder=str(person.folder / "nas")), code=read_code([code]))

    restore_house(Settings(home=person.folder / "again"), source, PASSPHRASE, actor="test")

    assert sorted(path.name for path in (person.folder / "again" / "objects").iterdir()) == sorted(
        images(person)
    )


# Keys


def test_a_rotation_leaves_a_sound_home_and_a_new_sheet(person: Person) -> None:
    before = images(person)

    made = answer(person, "key", "rotate", "-o", "sheet.pdf")

    assert made["epoch"] == 2
    assert (person.folder / "sheet.pdf").read_bytes().startswith(b"%PDF")
    assert (person.folder / "sheet.pdf").stat().st_mode & 0o077 == 0
    assert images(person) == before
    assert answer(person, "key", "show")["epoch"] == 2
    old = person.types("key", "rotate", "-o", "sheet.pdf")
    assert (old.returncode, "[output-exists]" in old.stderr) == (4, True)
    assert answer(person, "key", "show")["epoch"] == 2


FULL = """
import errno, io
from pleura.entrypoints.cli.vault import sheets
class Full(io.FileIO):
    def write(self, content):
        raise OSError(errno.ENOSPC, "no space")
sheets.open_new = lambda path: Full(path, "xb")
"""
"""The disk that the sheet is to be on is full."""
NOT_REPLACED = """
from pleura.adapters.storage import home
def replace_file(path, content):
    raise OSError(5, "broken")
home.replace_file = replace_file
"""
"""The root file cannot be written."""
REPLACED = """
from pleura.adapters.storage import durable, home
def replace_file(path, content):
    durable.replace_file(path, content)
    raise OSError(5, "broken")
home.replace_file = replace_file
"""
"""The root file is written, and then the disk reports a fault."""


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


def opens_with_the_old_code(person: Person) -> bool:
    done = person.types("key", "recover", "--code-file", "code", "--new-file", "passphrase")
    return done.returncode == 0


@pytest.mark.parametrize("words", [["key", "rotate"], ["key", "sheet"], ["erase", "--yes"]])
def test_a_sheet_that_cannot_be_written_leaves_the_old_one_good(person: Person, words: list[str]) -> None:
    write(person, "code", str(answer(person, "key", "sheet", "-o", "old.pdf")["recovery_code"]))
    subject = images(person)[:1] if words[0] == "erase" else []

    done = types_at_a_fault(person, FULL, *words, *subject, "-o", "new.pdf")

    assert (done.returncode, "[output-unwritable]" in done.stderr) == (4, True)
    assert not (person.folder / "new.pdf").exists()
    assert opens_with_the_old_code(person)
    made = answer(person, *words, *subject, "-o", "new.pdf")
    assert (person.folder / "new.pdf").read_bytes().startswith(b"%PDF")
    assert not opens_with_the_old_code(person)
    write(person, "code", str(made["recovery_code"]))
    assert opens_with_the_old_code(person)
    assert len(images(person)) == 4 - len(subject)


@pytest.mark.parametrize(("fault", "kept"), [(NOT_REPLACED, False), (REPLACED, True)])
def test_a_sheet_stays_exactly_when_the_home_opens_with_it(person: Person, fault: str, kept: bool) -> None:  # noqa: FBT001
    write(person, "code", str(answer(person, "key", "sheet", "-o", "old.pdf")["recovery_code"]))

    done = types_at_a_fault(person, fault, "key", "sheet", "-o", "new.pdf")

    assert (done.returncode, "[home-read-only]" in done.stderr) == (4, True)
    assert (person.folder / "new.pdf").exists() == kept
    assert opens_with_the_old_code(person) != kept


def test_a_forgotten_passphrase_is_replaced_by_the_recovery_code(person: Person) -> None:
    code = str(answer(person, "key", "sheet", "-o", "sheet.pdf")["recovery_code"])
    write(person, "code", code)
    write(person, "passphrase", "a new and better passphrase")
    assert person.types("images").returncode == 4

    done = person.types("key", "recover", "--code-file", "code", "--new-file", "passphrase")

    assert done.returncode == 0, done.stderr
    assert len(images(person)) == 4


def test_a_changed_passphrase_opens_and_the_one_before_does_not(person: Person) -> None:
    write(person, "next", "a new and better passphrase")

    assert person.types("key", "passphrase", "--new-file", "next").returncode == 0

    assert person.types("images").returncode == 4
    assert person.types("images", PLEURA_PASSPHRASE_FILE=str(person.folder / "next")).returncode == 0


def test_without_passphrase_and_code_nothing_opens(person: Person) -> None:
    write(person, "passphrase", "not the passphrase at all")
    for words in (["images"], ["doctor"], ["key", "rotate", "-o", "x.pdf"], ["backup", "create", "nas"]):
        done = person.types(*words)
        assert (done.returncode, "[wrong-passphrase]" in done.stderr) == (4, True)
    assert not (person.folder / "x.pdf").exists()


PRINTER = """
import json
from pleura.entrypoints import recovery_sheet
plain = recovery_sheet._compiled
def compiled(facts, font):
    with open("printed", "a") as stream:
        stream.write(json.dumps(facts) + chr(10))
    return plain(facts, font)
recovery_sheet._compiled = compiled
"""
"""What is on the sheets, one a line, can be read in the file ``printed``."""


@pytest.mark.parametrize("again", ["erase", "doctor", "rotate", "sheet"])
def test_a_split_code_stays_split_and_is_shown_to_nobody(person: Person, again: str) -> None:
    gone = images(person)[0]
    made = answer(person, "key", "sheet", "-o", "sheet.pdf", "--split", "2/3")
    assert [Path(str(name)).name for name in made["sheets"]] == ["sheet-1.pdf", "sheet-2.pdf", "sheet-3.pdf"]  # type: ignore[attr-defined]
    assert made["recovery_code"] == ""
    if again == "doctor":
        types_at_a_fault(person, f"{CUT}Keys.retire = cut", "erase", gone, "--yes")
    words = {
        "erase": ["erase", gone, "--yes", "-o", "new.pdf"],
        "doctor": ["doctor", "--repair", "-o", "new.pdf"],
        "rotate": ["key", "rotate", "-o", "new.pdf"],
        "sheet": ["key", "sheet", "-o", "new.pdf"],
    }[again]

    done = types_at_a_fault(person, PRINTER, *words, "--json")

    assert {path.name for path in person.folder.glob("new*.pdf")} == {"new-1.pdf", "new-2.pdf", "new-3.pdf"}
    printed = [json.loads(line) for line in (person.folder / "printed").read_text().splitlines()]
    assert [page["lines"][2] for page in printed] == [f"share {n} of 3; any 2 are enough" for n in (1, 2, 3)]
    assert not any("Whoever has this code" in rule for page in printed for rule in page["rules"])
    code = read_code([page["code"] for page in printed[:2]])
    assert spelled(code) not in done.stdout + done.stderr
    write(person, "typed", "\n".join(page["code"] for page in printed[1:]))
    write(person, "passphrase", "a new and better passphrase")
    assert person.types("key", "recover", "--code-file", "typed", "--new-file", "passphrase").returncode == 0
    whole = answer(person, "key", "sheet", "-o", "whole.pdf", "--split", "1/1")
    assert [Path(str(name)).name for name in whole["sheets"]] == ["whole.pdf"]  # type: ignore[attr-defined]
    assert whole["recovery_code"]


@pytest.mark.skipif(softhsm_module() is None, reason="softhsm2 is not installed")
def test_a_hardware_token_holds_the_root_through_a_whole_life(person: Person) -> None:
    with softhsm_token() as token:
        pin = {"PLEURA_PASSPHRASE_FILE": str(person.folder / "pin"), **token.environment}
        write(person, "pin", token.pin)
        place = ["--module", str(token.module), "--token", token.label]

        assert person.types("key", "token", *place, "--pin-file", "pin", **token.environment).returncode == 0
        assert person.types("images").returncode == 4
        shown = person.types("key", "show", "--json", **pin)
        assert json.loads(shown.stdout)["holder"] == "token"
        done = person.types("key", "rotate", "-o", "sheet.pdf", "--json", **pin)
        assert done.returncode == 0, done.stderr
        assert len(person.types("images", "--json", **pin).stdout.splitlines()) == 4
        # The token is lost: the recovery code of the new epoch opens the home.
        write(person, "code", json.loads(done.stdout)["recovery_code"])
    assert person.types("key", "recover", "--code-file", "code", "--new-file", "passphrase").returncode == 0
    assert len(images(person)) == 4


def test_a_new_home_can_be_made_with_a_token_from_the_start(tmp_path: Path) -> None:
    if softhsm_module() is None:
        pytest.skip("softhsm2 is not installed")
    with softhsm_token() as token:
        (tmp_path / "passphrase").write_text(token.pin)
        (tmp_path / "password").write_text("twelve quiet herons wade\n")
        person = Person(tmp_path, tmp_path / "home")
        done = person.types(
            "init",
            "--password-file",
            "password",
            "--module",
            str(token.module),
            "--token",
            token.label,
            **token.environment,
        )
        assert done.returncode == 0, done.stderr
        assert person.types("images", **token.environment).returncode == 0
        write(person, "passphrase", "9999-9999")
        assert "[wrong-passphrase]" in person.types("images", **token.environment).stderr


@pytest.mark.parametrize("shares", [Shares(), Shares(needed=2, total=3)])
def test_the_printed_sheet_reads_back_from_its_qr_code(shares: Shares) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    import typst  # noqa: PLC0415 - the same page as a picture

    from pleura.entrypoints import recovery_sheet  # noqa: PLC0415

    code = new_code()
    about = About(home="/srv/pleura", epoch=3, made_at=datetime(2026, 11, 24, tzinfo=UTC))
    pages = [whole_sheet(code, "zh", about)]
    if shares != Shares():
        pages = [Sheet(about=about, code=share, shares=shares) for share in split(code, shares)]
    real = typst.compile

    def scanned(page: Sheet) -> str:
        """The QR code's text; one reader gives up on some codes at one scale and not at another."""
        for scale in (150.0, 200.0, 250.0, 300.0):
            recovery_sheet.typst.compile = lambda *given, ppi=scale, **options: real(
                *given, **{**options, "format": "png", "ppi": ppi}
            )
            drawn = cv2.imdecode(
                np.frombuffer(sheet_pdf(page, Texts("zh"), None), np.uint8), cv2.IMREAD_GRAYSCALE
            )
            text, _, _ = cv2.QRCodeDetector().detectAndDecode(drawn)
            if text:
                return str(text)
        return ""

    try:
        printed = [scanned(page) for page in pages]
    finally:
        recovery_sheet.typst.compile = real
    assert read_code(printed[:2]) == code


# Two at once


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


# Erasure and theft


def everything_below(folder: Path) -> Iterator[bytes]:
    for path in folder.rglob("*"):
        yield str(path).encode()
        if path.is_file():
            yield path.read_bytes()


def test_a_stolen_disk_shows_no_name_and_no_pixel(person: Person) -> None:
    """Every byte of home and backup is searched for what was planted in the films."""
    answer(person, "backup", "create", "nas")
    assert (
        person.types(
            "copy", images(person)[0], "--to", "Dr Secretive", "--purpose", "second opinion", "-o", "copy.png"
        ).returncode
        == 0
    )
    assert person.types("trace", "copy.png").returncode == 0
    assert person.types("trace", str(next((person.folder / "films").iterdir()))).returncode == 1
    films = [path.read_bytes() for path in (person.folder / "films").iterdir()]
    planted = [NAME, PATIENT_ID, BIRTH, ACCESSION, "1.2.826.0", "Dr Secretive", "second opinion"]
    needles = [word.encode(form) for word in planted for form in ("utf-8", "utf-16-le")]
    needles += [whole[at : at + 24] for whole in films for at in range(400, len(whole) - 24, 97)]
    # A plain digest would let a thief ask whether a film that he has is in here.
    pictures = [*films, (person.folder / "copy.png").read_bytes()]
    digests = [hashlib.sha256(whole) for whole in pictures] + [hashlib.sha256(PATIENT_ID.encode())]
    needles += [form for each in digests for form in (each.digest(), each.hexdigest().encode())]
    stolen = b"\0".join([*everything_below(person.home), *everything_below(person.folder / "nas")])

    assert [needle for needle in needles if needle in stolen] == []
    assert any(PATIENT_ID.encode() in whole for whole in films)


def test_an_erasure_leaves_no_path_that_decrypts(person: Person) -> None:
    """Old rows, an old backup, old objects: with everything that is left after the erasure none opens."""
    gone, *stay = images(person)
    answer(person, "backup", "create", "nas")
    shutil.copytree(person.home, person.folder / "before-home")
    shutil.copytree(person.folder / "nas", person.folder / "before-nas")

    erased = answer(person, "erase", gone, "--yes", "--receipt", "receipt.json", "-o", "sheet.pdf")

    assert (erased["status"], erased["depots"]) == ("erased", {"nas": "erased"})
    assert images(person) == stay
    write(person, "code", str(erased["recovery_code"]))
    # 1. The backup from before, with the new recovery code.
    done = person.types(
        "backup",
        "restore",
        "before-nas",
        "--code-file",
        "code",
        "--new-file",
        "passphrase",
        PLEURA_HOME=str(person.folder / "thief-1"),
    )
    assert (done.returncode, "[wrong-recovery-code]" in done.stderr) == (4, True)
    # 2. The database and objects from before, beside the root file of today.
    shutil.copytree(person.folder / "before-home", person.folder / "thief-2")
    shutil.copy(person.home / "root.json", person.folder / "thief-2" / "root.json")
    done = person.types("show", gone, PLEURA_HOME=str(person.folder / "thief-2"))
    assert (done.returncode, "[seal-broken]" in done.stderr) == (1, True)
    # 3. The wrapped keys of that image are in no file that is left.
    left = b"\0".join([*everything_below(person.home), *everything_below(person.folder / "nas")])
    import sqlite3  # noqa: PLC0415

    with sqlite3.connect(person.folder / "before-home" / "pleura.db") as before:
        (dek,) = before.execute("select wrapped_dek from images where id = ?", (gone,)).fetchone()
        keks = [row[0] for row in before.execute("select wrapped_kek from patient_keys")]
    before.close()
    assert [key for key in [dek, *keks] if key in left] == []
    # 4. The receipt proves it to anybody.
    checked = answer(person, "verify", "receipt.json")
    assert (checked["valid"], checked["subject"], checked["images"]) == (True, gone, 1)
    answer(person, "backup", "create", "nas")
    answer(person, "backup", "verify", "nas")
    assert sound(person)


def test_an_old_row_and_object_in_the_home_of_today_do_not_open(person: Person) -> None:
    """The patient keeps other images, and her key is in force."""
    import sqlite3  # noqa: PLC0415

    gone = images(person)[0]
    shutil.copytree(person.home, person.folder / "before-home")
    answer(person, "erase", gone, "--yes")
    shutil.copytree(person.folder / "before-home/objects" / gone, person.home / "objects" / gone)
    with sqlite3.connect(person.home / "pleura.db") as now:
        now.execute("attach ? as old", (str(person.folder / "before-home" / "pleura.db"),))
        now.execute("insert into main.images select * from old.images where id = ?", (gone,))
        keys = now.execute(
            "select count(*) from patient_keys join images using (patient) where id = ?", (gone,)
        )
        assert keys.fetchone() == (1,)
    now.close()

    done = person.types("copy", gone, "--to", "X", "--purpose", "y", "-o", "stolen.png")

    assert (done.returncode, "[seal-broken]" in done.stderr) == (1, True)
    checks = answer(person, "doctor")["checks"]
    assert isinstance(checks, list)
    assert [check for check in checks if check["name"] == "objects" and gone in check["detail"]]


def test_a_changed_receipt_is_refused_at_the_terminal(person: Person) -> None:
    gone = images(person)[0]
    answer(person, "erase", gone, "--yes", "--receipt", "receipt.json", "-o", "sheet.pdf")
    receipt = json.loads((person.folder / "receipt.json").read_text())
    (person.folder / "receipt.json").write_text(json.dumps({**receipt, "index": receipt["index"] - 1}))

    done = person.types("verify", "receipt.json", "--json")

    assert (done.returncode, json.loads(done.stdout)["valid"]) == (1, False)


def test_two_people_erase_and_one_alone_cannot(person: Person) -> None:
    gone = images(person)[0]
    assert person.types("rule", "set", "erasure-approvals", "2").returncode == 0
    for name in ("ann", "bob"):
        write(person, name, f"{name} has a long password")
        assert person.types("people", "add", name, "--password-file", name).returncode == 0

    # Whoever sits at the terminal is nobody, however often.
    alone = person.types("erase", gone, "--yes")
    assert (alone.returncode, "[account-needed]" in alone.stderr) == (3, True)
    unasked = person.types("erase", gone, "--approve", "bob", "--password-file", "bob", "--yes")
    assert (unasked.returncode, "[request-unknown]" in unasked.stderr) == (1, True)
    asked = answer(person, "erase", gone, "--as", "ann", "--password-file", "ann")
    assert asked["status"] == "waiting"
    write(person, "wrong", "bob has another password")
    for name, file, code in (("bob", "wrong", "wrong-password"), ("ann", "ann", "second-person-needed")):
        refused = person.types("erase", gone, "--approve", name, "--password-file", file, "--yes")
        assert (refused.returncode, f"[{code}]" in refused.stderr) == (3, True)
    assert gone in images(person)
    waiting = answer(person, "erase", "--requests")
    assert (waiting["request"], waiting["subject"], waiting["asked_by"]) == (asked["request"], gone, "ann")
    # The request is withdrawn, and nobody can approve it any more; then it is made again.
    assert answer(person, "erase", str(asked["request"]), "--withdraw")["status"] == "withdrawn"
    assert person.lines("erase", "--requests") == []
    withdrawn = person.types("erase", gone, "--approve", "bob", "--password-file", "bob", "--yes")
    assert (withdrawn.returncode, "[request-unknown]" in withdrawn.stderr) == (1, True)
    assert "erase-withdrawn" in [entry["kind"] for entry in person.lines("audit", "show")]
    assert person.types("erase").returncode == 2
    answer(person, "erase", gone, "--as", "ann", "--password-file", "ann")
    done = person.types("erase", gone, "--approve", "bob", "--password-file", "bob", "--yes")

    assert done.returncode == 0, done.stderr
    assert gone not in images(person)


def test_one_person_alone_cannot_end_the_rule_of_two(person: Person) -> None:
    for name in ("ann", "bob"):
        write(person, name, f"{name} has a long password")
        assert person.types("people", "add", name, "--password-file", name).returncode == 0
    ann, bob = ["--as", "ann", "--password-file", "ann"], ["--as", "bob", "--password-file", "bob"]
    lower = ["rule", "set", "erasure-approvals", "1"]
    assert person.types("rule", "set", "erasure-approvals", "2").returncode == 0

    for people in ([], ann, [*ann, *ann]):
        refused = person.types(*lower, *people)
        assert (refused.returncode, "[second-person-needed]" in refused.stderr) == (3, True)
    assert answer(person, "rule", "list")["erasure-approvals"] == "2"
    assert person.types(*lower, *ann, *bob).returncode == 0

    assert answer(person, "rule", "list")["erasure-approvals"] == "1"


CUT = """
import os
from pleura.prevent.depots.depots import Depots
from pleura.prevent.custody.keys import Keys
def cut(*_, **__):
    os._exit(9)
"""


@pytest.mark.parametrize("where", ["Keys.retire", "Depots.erase"])
@pytest.mark.parametrize("again", ["erase", "doctor", "rotate"])
def test_an_erasure_that_was_cut_is_completed_at_the_terminal(person: Person, where: str, again: str) -> None:
    gone = images(person)[0]
    answer(person, "backup", "create", "nas")
    answer(person, "backup", "verify", "nas")
    shutil.copytree(person.folder / "nas", person.folder / "before-nas")

    cut = types_at_a_fault(person, f"{CUT}{where} = cut", "erase", gone, "--yes")

    assert cut.returncode == 9
    assert not sound(person)
    words = {
        "erase": ["erase", gone],
        "doctor": ["doctor", "--repair", "-o", "new.pdf"],
        "rotate": ["key", "rotate", "-o", "new.pdf"],
    }[again]
    made = answer(person, *words)
    assert gone not in images(person)
    assert len(list((person.folder / "nas" / "objects").iterdir())) == 6
    answer(person, "backup", "create", "nas")
    answer(person, "backup", "verify", "nas")
    assert sound(person)
    (index,) = [entry["index"] for entry in person.lines("audit", "show") if entry["kind"] == "erase"]
    assert person.types("audit", "receipt", str(index), "-o", "again.json").returncode == 0
    assert answer(person, "verify", "again.json")["subject"] == gone
    # The backup from before does not open with the code of today, wherever that one was kept.
    sheets = [path for path in person.folder.glob("*.pdf") if path.stat().st_size]
    assert len(sheets) == (2 if where == "Depots.erase" and again == "rotate" else 1)
    code = str(made.get("recovery_code") or answer(person, "key", "sheet", "-o", "x.pdf")["recovery_code"])
    write(person, "code", code)
    restore = ["backup", "restore", "before-nas", "--code-file", "code", "--new-file", "passphrase"]
    done = person.types(*restore, PLEURA_HOME=str(person.folder / "thief"))
    assert (done.returncode, "[wrong-recovery-code]" in done.stderr) == (4, True)


def test_a_backup_disk_in_the_drawer_is_not_said_to_be_erased(person: Person) -> None:
    gone = images(person)[0]
    answer(person, "backup", "create", "nas")
    (person.folder / "nas").rename(person.folder / "drawer")
    (person.folder / "nas").mkdir()

    erased = answer(person, "erase", gone, "--yes")

    assert erased["depots"] == {"nas": "depot-emptied"}
    checks = {check["name"]: check for check in answer(person, "doctor")["checks"]}  # type: ignore[attr-defined]
    assert not checks["erasures"]["ok"]
    (person.folder / "nas").rmdir()
    (person.folder / "drawer").rename(person.folder / "nas")
    answer(person, "backup", "create", "nas")
    answer(person, "backup", "verify", "nas")
    assert len(list((person.folder / "nas" / "objects").iterdir())) == 6
    assert sound(person)


def test_a_receipt_that_cannot_be_written_is_written_again(person: Person) -> None:
    gone = images(person)[0]
    full = f"{FULL}\nfrom pleura.entrypoints import output\nfull, real = sheets.open_new, output.open_new\n"
    full += "sheets.open_new = real\n"
    full += "output.open_new = lambda path: (full if path.suffix == '.json' else real)(path)"

    done = types_at_a_fault(person, full, "erase", gone, "--yes", "--receipt", "receipt.json", "--json")

    assert (done.returncode, "[receipt-unwritten]" in done.stderr) == (4, True)
    erased = json.loads(done.stdout)
    assert person.types("audit", "receipt", str(erased["index"]), "-o", "receipt.json").returncode == 0
    assert answer(person, "verify", "receipt.json")["subject"] == gone
    missing = person.types("audit", "receipt", "99999")
    assert (missing.returncode, "[entry-unknown]" in missing.stderr) == (1, True)


def test_a_hospital_is_told_why_it_cannot_erase_and_what_it_can_do(person: Person) -> None:
    kept = images(person)[0]
    assert person.types("rule", "set", "custody", "inpatient").returncode == 0

    refused = person.types("erase", kept, "--yes")
    assert (refused.returncode, "[retention-runs]" in refused.stderr) == (3, True)
    assert person.types("erase", kept, "--dry-run").returncode == 3
    # Only the one that was meant is in the ledger.
    recorded = [entry for entry in person.lines("audit", "show") if entry["kind"] == "erase-refused"]
    assert [(entry["subject"], entry["reason"]) for entry in recorded] == [(kept, "retention-runs")]
    assert person.types("restrict", kept).returncode == 0
    copied = person.types("copy", kept, "--to", "X", "--purpose", "y", "-o", "c.png")
    assert (copied.returncode, "[processing-restricted]" in copied.stderr) == (3, True)
    assert not (person.folder / "c.png").exists()
    assert person.types("restrict", kept, "--lift").returncode == 0
    assert person.types("copy", kept, "--to", "X", "--purpose", "y", "-o", "c.png").returncode == 0


def test_what_a_cut_import_left_is_swept_by_the_doctor(person: Person) -> None:
    orphan = person.home / "objects" / "img-000000000000"
    orphan.mkdir()
    (orphan / "original").write_bytes(os.urandom(100))
    (orphan / ".0123456789abcdef").write_bytes(os.urandom(100))
    (person.home / "scratch").mkdir(exist_ok=True)
    (person.home / "scratch" / "plain.dcm").write_bytes(b"left")
    answer(person, "backup", "create", "nas")
    answer(person, "backup", "verify", "nas")
    assert not sound(person)

    done = person.types("doctor", "--repair")

    assert "removed 1 objects" in done.stdout
    assert not orphan.exists()
    assert not (person.home / "scratch").exists()
    assert sound(person)


# PostgreSQL


@pytest.mark.skipif(postgres_programs() is None, reason="postgresql is not installed")
def test_an_installation_moves_to_postgresql_and_back(person: Person) -> None:
    before = images(person)
    with postgres_server() as sockets:
        url = fresh_database(sockets, f"move_{secrets.token_hex(4)}")

        moved = answer(person, "move", "--to", url)

        assert moved["rows"]["images"] == 4  # type: ignore[index]
        assert not (person.home / "pleura.db").exists()
        assert images(person) == before
        assert [line["status"] for line in person.lines("import", "films")] == ["duplicate"] * 4
        assert answer(person, "key", "rotate", "-o", "s.pdf")["epoch"] == 2
        answer(person, "backup", "create", "nas")
        assert answer(person, "backup", "verify", "nas")["whole"] is True
        assert answer(person, "erase", before[0], "--yes")["status"] == "erased"
        again = person.types("move", "--to", url)
        assert "[database-in-use]" in again.stderr
        assert answer(person, "move", "--to", "home")["rows"]["images"] == 3  # type: ignore[index]
    assert images(person) == before[1:]


@pytest.mark.skipif(postgres_programs() is None, reason="postgresql is not installed")
def test_a_new_home_can_use_postgresql_from_the_start(tmp_path: Path) -> None:
    with postgres_server() as sockets:
        url = fresh_database(sockets, "fresh")
        (tmp_path / "passphrase").write_text("a long walk by the river\n")
        (tmp_path / "password").write_text("twelve quiet herons wade\n")
        person = Person(tmp_path, tmp_path / "home")
        done = person.types("init", "--password-file", "password", "--database", url)
        assert done.returncode == 0, done.stderr
        write_films(tmp_path / "films")
        assert person.types("import", "films").returncode == 0
        assert len(images(person)) == 3
    gone = person.types("images")
    assert (gone.returncode, "[database-unreachable]" in gone.stderr) == (4, True)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://x/y",
        "garbage",
        "sqlite:////srv/pleura.db",
        "postgresql://me:secret@host/db",
        "postgresql://me@host/db?password=secret",
        "postgresql://host/db\npostgresql://other/db",
        "postgresql://[host/db",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(person: Person, url: str) -> None:
    new = Person(person.folder, person.folder / "new")
    write(person, "password", "twelve quiet herons wade")
    moved = person.types("move", "--to", url)
    made = new.types("init", "--password-file", "password", "--database", url)

    for done in (moved, made):
        assert (done.returncode, "[bad-database-url]" in done.stderr) == (1, True)
        assert "secret" not in done.stderr
    assert not new.home.exists()
