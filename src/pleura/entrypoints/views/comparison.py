"""A copy beside its original, in words, as figures and as a picture, in the reader's language."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pleura.entrypoints.language import Texts
from pleura.imaging.rasters import encode_png, to_array, to_raster
from pleura.imaging.safety.likeness import Likeness, alike
from pleura.imaging.safety.picture import AMPLIFIED, Words, difference_picture
from pleura.prevent.compare import Comparison


def comparison_lines(found: Comparison, say: Texts) -> list[str]:
    """Which copy it is and how much it differs, one fact a line."""
    record, measured = found.record, found.measured
    about = [
        say("copy {copy} of {image}", copy=record.copy, image=record.image),
        say("as in the file that was given") if found.given else say("made again from its record"),
    ]
    if not record.is_marked:
        about.append(say("NO mark: {reason}", reason=record.no_mark_reason or ""))
    if measured.change == 0 and (found.stored is None or found.stored.greatest == 0):
        return [*about, say("nothing differs")]
    worst, least = measured.least_psnr, measured.least_ssim
    return [
        *about,
        *_changes(found, say),
        say("whole picture: {likeness}", likeness=_likeness(measured.whole)),
        say("lung field: {likeness}", likeness=_likeness(measured.within))
        if measured.field == "lung"
        else say("no lung field was found; middle of it: {likeness}", likeness=_likeness(measured.within)),
        say(
            "worst block of 64 x 64: {likeness} at row {row}, column {column}",
            likeness=f"PSNR {_decibels(worst.value)}",
            row=worst.row,
            column=worst.column,
        ),
        say(
            "worst block of 64 x 64: {likeness} at row {row}, column {column}",
            likeness=f"SSIM {least.value:.4f}",
            row=least.row,
            column=least.column,
        ),
        say(
            "The figures say how much differs, not whether a finding is seen: no reader study has been made."
        ),
    ]


def comparison_facts(found: Comparison) -> dict[str, Any]:
    """The figures under the names that other programs may rely on; a PSNR without end is null."""
    measured = found.measured
    return {
        "copy": found.record.copy,
        "image": found.record.image,
        "form": found.record.form,
        "marked": found.record.is_marked,
        "source": "file" if found.given else "made-again",
        "change": measured.change,
        "change_by_mark": found.by_mark,
        "change_bound": found.bounds.displayed,
        "stored_change": found.stored.greatest if found.stored else None,
        "stored_root_mean_square": round(found.stored.root_mean_square, 3) if found.stored else None,
        "stored_bound": found.bounds.stored,
        "whole": _figures(measured.whole),
        "field": measured.field,
        "field_share": round(measured.field_share, 4),
        "within_field": _figures(measured.within),
        "least_psnr": {**asdict(measured.least_psnr), "value": _finite(measured.least_psnr.value)},
        "least_ssim": {**asdict(measured.least_ssim), "value": _finite(measured.least_ssim.value, 5)},
    }


def comparison_picture(found: Comparison, say: Texts, font: Path | None) -> bytes:
    """Original, copy and their difference side by side over the figures, as PNG.

    Without a *font* that has Chinese characters the words are English.
    """
    say = say if font else Texts("en")
    factor = say("difference, amplified {factor} times", factor=AMPLIFIED)
    words = Words(
        titles=(say("original"), say("copy"), factor),
        details=(say("where they differ most"), say("the same place of the copy"), factor),
        headline=say("The copy and its original"),
        lines=[
            *comparison_lines(found, say),
            say("For use inside only: it shows the original, and the mark, which could be taken out with it.")
            if found.record.is_marked
            else say("For use inside only: it shows the original."),
        ],
    )
    original, copy = alike(to_array(found.original), to_array(found.copy))
    sheet = difference_picture(original, copy, found.measured.least_psnr, words, font)
    return encode_png(to_raster(sheet))


def _changes(found: Comparison, say: Texts) -> list[str]:
    """The greatest changes beside what they may be."""
    change, bound = found.measured.change, found.bounds.displayed
    if found.record.form == "jpeg":
        lines = [say("greatest change: {change} of 255 grey levels, with what JPEG does", change=change)]
        if found.by_mark is not None:
            lines.append(
                say("by the mark alone: {change} (at most {bound})", change=found.by_mark, bound=bound)
            )
        return lines
    if found.stored is None:
        return [
            say("greatest change: {change} of 255 grey levels (at most {bound})", change=change, bound=bound)
        ]
    return [
        say(
            "greatest change: {change} of 255 grey levels (at most {bound} in a straight window)",
            change=change,
            bound=bound,
        ),
        say(
            "of a stored value: {change} (at most {bound})",
            change=found.stored.greatest,
            bound=found.bounds.stored or 0,
        ),
    ]


def _likeness(likeness: Likeness) -> str:
    return f"PSNR {_decibels(likeness.psnr)}, SSIM {likeness.ssim:.4f}"


def _decibels(psnr: float) -> str:
    return f"{psnr:.2f} dB" if math.isfinite(psnr) else "\u221e"


def _figures(likeness: Likeness) -> dict[str, float | None]:
    return {"psnr": _finite(likeness.psnr), "ssim": _finite(likeness.ssim, 5)}


def _finite(value: float, digits: int = 2) -> float | None:
    return round(value, digits) if math.isfinite(value) else None
