"""Recovery sheets as files: there before a key is changed, durable before the old code is replaced."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from pleura.bootstrap import House
from pleura.crypto.roots.recovery import MOST_SHARES, bad_split, spelled
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import actor, open_new, print_json, write_durably
from pleura.entrypoints.recovery_sheet import About, Sheet, sheet_pdf, whole_sheet
from pleura.settings import Settings


class Sheets:
    """New files for the sheet, or for one sheet a share."""

    def __init__(self, house: House, streams: Sequence[BinaryIO], say: Texts, split: str) -> None:
        self._house = house
        self._streams = streams
        self._say = say
        self._split = split
        self.code = b""
        """The recovery code that the sheets are of; empty until they are written."""

    @property
    def files(self) -> list[str]:
        """Where the sheets are."""
        return [stream.name for stream in self._streams]

    def keep(self, code: bytes) -> None:
        """Write the sheet of *code*, or one sheet for each share of it, durably; raises EnvironmentFault."""
        # A Chinese page without a Chinese font would be empty boxes.
        say = self._say if self._house.font is not None else Texts("en")
        for sheet, stream in zip(self._sheets(code, say), self._streams, strict=True):
            write_durably(stream, sheet_pdf(sheet, say, self._house.font))
        self.code = code

    def tell(self, *, as_json: bool) -> None:
        """Say where the sheets are and what to do with them."""
        epoch, say = self._house.keys.keyring.root.epoch, self._say
        if as_json:
            print_json({"epoch": epoch, "sheets": self.files, "recovery_code": spelled(self.code)})
            return
        files = ", ".join(self.files)
        print(say("root epoch {epoch}; the new recovery sheet is in {files}", epoch=epoch, files=files))
        print(say("Print it, delete the file, destroy the sheet before it, and make a new backup."))

    def in_force(self) -> bool:
        """Whether the home may open with these sheets: after a fault, nobody else knows their code."""
        return bool(self.code) and self._house.keys.may_open(self.code)

    def _sheets(self, code: bytes, say: Texts) -> list[Sheet]:
        about = About(
            home=str(Settings.from_environment(os.environ).home),
            epoch=self._house.keys.keyring.root.epoch,
            made_at=self._house.clock.now(),
        )
        if not self._split:
            return [whole_sheet(code, say.language, about)]
        needed, total = _numbers(self._split)
        return [
            Sheet(about=about, code=share, share=_words(number, needed, total, say))
            for number, share in enumerate(
                self._house.keys.split(code, needed, total, actor=actor()), start=1
            )
        ]


@contextlib.contextmanager
def reserved(house: House, output: Path, say: Texts, split: str = "") -> Iterator[Sheets]:
    """New files for the sheets, gone afterwards unless the home may open with what is in them."""
    total = _numbers(split)[1] if split else 0
    files = [share_file(output, number) for number in range(1, total + 1)] or [output]
    made: list[Path] = []
    sheets: Sheets | None = None
    try:
        with contextlib.ExitStack() as stack:
            streams = []
            for file in files:
                streams.append(stack.enter_context(open_new(file)))
                made.append(file)
            sheets = Sheets(house, streams, say, split)
            yield sheets
    finally:
        if sheets is None or not sheets.in_force():
            for file in made:
                file.unlink(missing_ok=True)


def share_file(output: Path, number: int) -> Path:
    """Where one share goes: ``sheet-1.pdf`` beside ``sheet.pdf``."""
    return output.with_name(f"{output.stem}-{number}{output.suffix}")


def unused(file: Path) -> Path:
    """*file*, or a name beside it where a run that was cut has left one."""
    number, found = 1, file
    while found.exists():
        number += 1
        found = share_file(file, number)
    return found


def _words(number: int, needed: int, total: int, say: Texts) -> str:
    return say(
        "share {number} of {total}; any {needed} are enough", number=number, total=total, needed=needed
    )


def _numbers(split: str) -> tuple[int, int]:
    """The numbers in ``2/3``; raises BadInput before anything is changed."""
    needed, slash, total = split.partition("/")
    if not (slash and needed.isdecimal() and total.isdecimal()):
        raise bad_split()
    if not 2 <= int(needed) <= int(total) <= MOST_SHARES:
        raise bad_split()
    return int(needed), int(total)
