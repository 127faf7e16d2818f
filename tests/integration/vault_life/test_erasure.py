"""Erasure and theft, at the real terminal."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest
from tests.fakes.person import Person
from tests.fakes.vault_life import (
    ACCESSION,
    BIRTH,
    NAME,
    PATIENT_ID,
    answer,
    everything_below,
    images,
    sound,
    write,
)


def test_a_stolen_disk_shows_no_name_and_no_pixel(person: Person) -> None:
    """Every byte of home and backup is searched for what was planted in the films."""
    answer(person, "backup", "create", "nas")
    assert (
        person.types(
            "copy", images(person)[0], "--to", "Dr Secretive", "--purpose", "second opinion", "-o", "copy.png"
        ).returncode
        == 0
    )
    # Whatever a trace finds, it writes a digest of the picture into the ledger.
    for suspect in ("copy.png", str(next((person.folder / "films").iterdir()))):
        assert person.types("trace", suspect).returncode in {0, 1}
    assert [entry["kind"] for entry in person.lines("audit", "show")].count("trace") == 2
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


@pytest.mark.slow
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


@pytest.mark.slow
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
