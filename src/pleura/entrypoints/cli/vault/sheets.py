"""Recovery sheets as files: there before a key is changed, durable before the old code is replaced."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from pleura.bootstrap import House
from pleura.crypto.roots.recovery import WHOLE, Shares, bad_split, spelled, split
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import open_new, print_json, write_durably
from pleura.entrypoints.recovery_sheet import About, Sheet, sheet_pdf, whole_sheet
from pleura.settings import Settings


class Sheets:
    """New files for the sheet, or for one sheet a share."""

    def __init__(self, house: House, streams: Sequence[BinaryIO], say: Texts, shares: Shares) -> None:
        self._house = house
        self._streams = streams
        self._say = say
        self._shares = shares
        self.code = b""
        """The recovery code that the sheets are of; empty until they are written."""

    @property
    def files(self) -> list[str]:
        """Where the sheets are."""
        return [stream.name for stream in self._streams]

    @property
    def told(self) -> str:
        """The code as it may be shown: empty where it is split, or where no sheet was needed."""
        return spelled(self.code) if self.code and self._shares == WHOLE else ""

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
            print_json({"epoch": epoch, "sheets": self.files, "recovery_code": self.told})
            return
        files = ", ".join(self.files)
        print(say("root epoch {epoch}; the new recovery sheet is in {files}", epoch=epoch, files=files))
        if self._shares == WHOLE:
            print(say("Print it, delete the file, destroy the sheet before it, and make a new backup."))
        else:
            print(
                say(
                    "Print each for another person, delete the files, destroy the shares before them, and "
                    "make a new backup."
                )
            )

    def in_force(self) -> bool:
        """Whether the home may open with these sheets: after a fault, nobody else knows their code."""
        return bool(self.code) and self._house.keys.may_open(self.code)

    def _sheets(self, code: bytes, say: Texts) -> list[Sheet]:
        about = About(
            home=str(Settings.from_environment(os.environ).home),
            epoch=self._house.keys.keyring.root.epoch,
            made_at=self._house.clock.now(),
        )
        if self._shares == WHOLE:
            return [whole_sheet(code, say.language, about)]
        return [
            Sheet(about=about, code=share, number=number, shares=self._shares)
            for number, share in enumerate(split(code, self._shares), start=1)
        ]


@contextlib.contextmanager
def reserved(house: House, output: Path, say: Texts, shares: Shares | None = None) -> Iterator[Sheets]:
    """New files for the sheets, gone afterwards unless the home may open with what is in them.

    The code is split as the one before where *shares* does not say how.
    """
    shares = shares or house.keys.shares()
    files = _files(output, shares)
    made: list[Path] = []
    sheets: Sheets | None = None
    try:
        with contextlib.ExitStack() as stack:
            streams = []
            for file in files:
                streams.append(stack.enter_context(open_new(file)))
                made.append(file)
            sheets = Sheets(house, streams, say, shares)
            yield sheets
    finally:
        if sheets is None or not sheets.in_force():
            for file in made:
                file.unlink(missing_ok=True)


def share_file(output: Path, number: int) -> Path:
    """Where one share goes: ``sheet-1.pdf`` beside ``sheet.pdf``."""
    return output.with_name(f"{output.stem}-{number}{output.suffix}")


def unused(file: Path, shares: Shares = WHOLE) -> Path:
    """*file*, or a name beside it where a run that was cut has left one, or a sheet of its *shares*."""
    number, found = 1, file
    while any(each.exists() for each in _files(found, shares)):
        number += 1
        found = share_file(file, number)
    return found


def read_shares(given: str) -> Shares | None:
    """What ``2/3`` says, None where nothing is given; raises BadInput before anything is changed."""
    if not given:
        return None
    needed, slash, total = given.partition("/")
    if not (slash and needed.isdecimal() and total.isdecimal()):
        raise bad_split()
    return Shares(needed=int(needed), total=int(total))


def _files(output: Path, shares: Shares) -> list[Path]:
    if shares == WHOLE:
        return [output]
    return [share_file(output, number) for number in range(1, shares.total + 1)]
