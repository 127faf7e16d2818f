"""The recovery sheet as a page to print: code, words and a QR code, in the reader's language."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import segno
import typst

from pleura.crypto.roots.recovery import WHOLE, Shares, spelled, worded
from pleura.entrypoints.language import Texts

_TEMPLATE: Final = """
#set page(paper: "a4", margin: 18mm)
#set text(font: ("Noto Sans CJK SC", "Libertinus Serif"), size: 10.5pt)
#let facts = json(bytes(sys.inputs.facts))
#text(size: 20pt, weight: "bold")[#facts.title]
#v(1mm)
#facts.lines.map(line => [#line]).join(linebreak())
#v(4mm)
#rect(width: 100%, inset: 6mm, stroke: 1pt)[
  #grid(columns: (1fr, 42mm), gutter: 6mm,
    [
      #text(weight: "bold")[#facts.code_title]
      #v(1mm)
      #text(font: "DejaVu Sans Mono", size: if facts.share { 9pt } else { 10pt })[#facts.code]
      #v(3mm)
      #if facts.words.len() > 0 [
        #text(weight: "bold")[#facts.words_title]
        #v(1mm)
        #grid(columns: (1fr, 1fr, 1fr, 1fr), row-gutter: 2.2mm,
          ..facts.words.enumerate().map(((i, word)) => [#text(fill: gray)[#(i + 1)] #word]))
      ]
    ],
    image(bytes(facts.qr), width: 42mm)
  )
]
#v(4mm)
#facts.rules.map(rule => [- #rule]).join()
"""


@dataclass(frozen=True, kw_only=True)
class About:
    """What a sheet belongs to."""

    home: str
    epoch: int
    made_at: datetime


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What one sheet says: the whole code, or one share of it."""

    about: About
    code: str
    words: Sequence[str] = ()
    number: int = 1
    """Which of the shares it is."""
    shares: Shares = WHOLE


def whole_sheet(code: bytes, language: str, about: About) -> Sheet:
    """The sheet of a code that is not split."""
    chosen: Literal["zh", "en"] = "zh" if language == "zh" else "en"
    return Sheet(about=about, code=spelled(code), words=worded(code, chosen))


def sheet_pdf(sheet: Sheet, say: Texts, font: Path | None) -> bytes:
    """The sheet as a PDF of one page; without a Chinese font it is in whatever the machine has."""
    is_share = sheet.shares != WHOLE
    facts: dict[str, object] = {
        "title": say("Recovery sheet of pleura"),
        "lines": [
            say("home: {home}", home=sheet.about.home),
            say(
                "root epoch {epoch}, made on {day}",
                epoch=sheet.about.epoch,
                day=f"{sheet.about.made_at:%Y-%m-%d %H:%M} UTC",
            ),
            *([_which(sheet, say)] if is_share else []),
        ],
        "code_title": say("Share") if is_share else say("Recovery code"),
        "share": is_share,
        "code": sheet.code,
        "words_title": say("The same in words"),
        "words": list(sheet.words),
        "qr": _qr(sheet.code),
        "rules": [
            _power(sheet.shares, say),
            say("Keep it on paper, away from the machine; never photograph it, never send it."),
            say("To use it: pleura key recover (the home is here) or pleura backup restore (it is lost)."),
            say("When a newer sheet has been printed, destroy this one: burn or shred it."),
        ],
    }
    return _compiled(facts, font)


def _which(sheet: Sheet, say: Texts) -> str:
    return say(
        "share {number} of {total}; any {needed} are enough",
        number=sheet.number,
        total=sheet.shares.total,
        needed=sheet.shares.needed,
    )


def _power(shares: Shares, say: Texts) -> str:
    if shares == WHOLE:
        return say("Whoever has this code and the home, or a backup of this epoch, can open every image.")
    return say(
        "This share alone opens nothing; {needed} of the {total}, with the home or a backup of this epoch, "
        "open every image.",
        needed=shares.needed,
        total=shares.total,
    )


def _compiled(facts: dict[str, object], font: Path | None) -> bytes:
    found: bytes = typst.compile(
        _TEMPLATE.encode(),
        format="pdf",
        font_paths=typst.Fonts(font_paths=[font.parent] if font else []),
        sys_inputs={"facts": json.dumps(facts)},
    )
    return found


def _qr(code: str) -> str:
    drawn = io.BytesIO()
    segno.make(code, error="m", micro=False).save(drawn, kind="svg", border=2, scale=4)
    return drawn.getvalue().decode()
