"""Backed up, lost and restored at the real terminal."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.person import Person
from tests.fakes.vault_life import PASSPHRASE, answer, elsewhere, everything_below, images, sound, write

from pleura.bootstrap import Restored, Source, open_house, restore_house
from pleura.crypto.roots.recovery import Shares, read_code, split, worded
from pleura.domain.custody.places import FolderPlace
from pleura.domain.errors import EnvironmentFault
from pleura.settings import Settings


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
    assert "[snapshot-damaged]" in done.stderr
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


@pytest.mark.slow
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
