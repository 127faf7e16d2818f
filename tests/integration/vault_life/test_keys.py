"""Root keys, sheets, tokens and passphrases at the real terminal."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.fakes.person import Person
from tests.fakes.vault_life import CUT, FULL, answer, images, types_at_a_fault, write
from tests.servers.softhsm import softhsm_module, softhsm_token

from pleura.crypto.roots.recovery import Shares, new_code, read_code, spelled, split
from pleura.entrypoints.language import Texts
from pleura.entrypoints.recovery_sheet import About, Sheet, sheet_pdf, whole_sheet


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

    assert (done.returncode, "[disk-failing]" in done.stderr) == (4, True)
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
