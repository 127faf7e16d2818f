"""How much a copy differs from its original where a reader looks: bounds, PSNR and SSIM, the worst block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from bench.attribution.stage import Picture, marks
from bench.attribution.windows import BITS, WHITE, shown, stored_values

from pleura.domain.rasters import StoredPixels
from pleura.imaging.mark.embed import MAX_CHANGE, displayed_bound, embed, embed_stored, stored_bound
from pleura.imaging.mark.layout import Mark
from pleura.imaging.rasters import decode_own, encode_jpeg, to_array, to_raster
from pleura.imaging.safety.likeness import Measured, StoredChange, measure, stored_change
from pleura.prevent.copies import JPEG_QUALITY

WINDOWS = {"full window": (0.0, 1.0), "window of 400": (0.45, 0.45 + 400 / WHITE)}
"""Feet and heads of the default windows of the copies with stored values, as shares of the range."""


@dataclass(frozen=True)
class Row:
    """One copy of one film."""

    measured: Measured
    bound: int | None
    """Grey levels; None for JPEG, which changes a film too."""
    stored: StoredChange | None = None
    stored_bound: int | None = None


def run(pictures: Sequence[Picture], seed: int) -> None:
    """Print the worst film and the mean over all films, for every form of copy."""
    forms: dict[str, Callable[[Picture, Mark], Row]] = {
        "PNG": _png,
        f"JPEG {JPEG_QUALITY}": _jpeg,
        **{f"DICOM, {BITS} bits, {name}": partial(_dicom, ends=ends) for name, ends in WINDOWS.items()},
    }
    print(f"{len(pictures)} films, seed {seed}; the worst film, and the mean in brackets\n")
    print(
        "| copy | greatest change, grey levels (bound) | stored values (bound) | PSNR, dB | lung field "
        "| worst block of 64 x 64 | SSIM | lung field | worst block |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, make in forms.items():
        rows = [make(picture, marks(film, 1, seed)[0]) for film, picture in enumerate(pictures)]
        print(f"| {name} | {' | '.join(_cells(rows))} |", flush=True)
    found = sum(row.measured.field == "lung" for row in rows)
    print(f"\nof the lung field in {found} films of {len(rows)}, of the middle of the picture in the others")


def _png(picture: Picture, mark: Mark) -> Row:
    return Row(measure(picture, embed(picture, mark)), MAX_CHANGE)


def _jpeg(picture: Picture, mark: Mark) -> Row:
    sent = decode_own(encode_jpeg(to_raster(embed(picture, mark)), JPEG_QUALITY))
    return Row(measure(picture, to_array(sent)), None)


def _dicom(picture: Picture, mark: Mark, ends: tuple[float, float]) -> Row:
    original = stored_values(picture, np.random.default_rng(0), ends)
    black, white = (share * WHITE for share in ends)
    stored = StoredPixels(raster=to_raster(original), bits_stored=BITS, black=black, white=white)
    copy = to_array(embed_stored(stored, mark))
    return Row(
        measure(shown(original, ends), shown(copy, ends)),
        displayed_bound(stored),
        stored_change(original, copy),
        stored_bound(stored),
    )


def _cells(rows: Sequence[Row]) -> list[str]:
    measured = [row.measured for row in rows]
    change = max(each.change for each in measured)
    stored = max((row.stored.greatest for row in rows if row.stored), default=None)
    return [
        str(change) if rows[0].bound is None else f"{change} ({rows[0].bound})",
        "-" if stored is None else f"{stored} ({rows[0].stored_bound})",
        _worst([each.whole.psnr for each in measured], 2),
        _worst([each.within.psnr for each in measured], 2),
        _worst([each.least_psnr.value for each in measured], 2),
        _worst([each.whole.ssim for each in measured], 4),
        _worst([each.within.ssim for each in measured], 4),
        _worst([each.least_ssim.value for each in measured], 4),
    ]


def _worst(figures: Sequence[float], digits: int) -> str:
    return f"{min(figures):.{digits}f} ({np.mean(figures):.{digits}f})"
