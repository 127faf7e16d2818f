"""Erasures that are cut, put off or forbidden, at the real terminal."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from tests.fakes.person import Person
from tests.fakes.vault_life import CUT, FULL, answer, images, sound, types_at_a_fault, write


@pytest.mark.parametrize(
    ("where", "again"),
    [
        ("Keys.retire", "erase"),
        ("Depots.erase", "doctor"),
        pytest.param("Keys.retire", "rotate", marks=pytest.mark.slow),
        pytest.param("Depots.erase", "erase", marks=pytest.mark.slow),
        pytest.param("Keys.retire", "doctor", marks=pytest.mark.slow),
        pytest.param("Depots.erase", "rotate", marks=pytest.mark.slow),
    ],
)
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
