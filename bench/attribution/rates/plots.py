"""The pictures of the rates: margins, ROC and DET, calibration, thresholds by archive size."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench.attribution.rates.calibration import TRACES, bound, normal_tail, stated
from bench.attribution.rates.cases import Case
from bench.attribution.rates.kept import Kept
from bench.attribution.rates.naming import ARCHIVES, LIMITS, needed, power
from numpy.typing import NDArray

from pleura.domain.tracing import ACCUSATION_LIMIT
from pleura.imaging.mark.layout import Floats

INSTALL = ".venv/bin/python -m pip install --no-build-isolation -e '.[bench]'"

_INK, _QUIET, _RED, _BLUE, _GREEN = "#1a1d22", "#8a8f98", "#b02a30", "#2361a8", "#3a7d44"
_HARDEST = 5
_COLOURS = ("#2361a8", "#d97a1e", "#3a7d44", "#8a4fa3", "#b08a00")
_STYLE = {
    "figure.dpi": 150,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e2e4e8",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 10,
}


def pyplot() -> Any:
    """The drawing library, set up to write files; exits with the way to install it where it is missing."""
    try:
        matplotlib = importlib.import_module("matplotlib")
    except ModuleNotFoundError:
        raise SystemExit(f"--plots draws with matplotlib, which is not installed; run: {INSTALL}") from None
    matplotlib.use("Agg")
    matplotlib.rcParams.update(_STYLE)
    return importlib.import_module("matplotlib.pyplot")


def draw(kept: Kept, unmarked: str, folder: Path) -> list[str]:
    """Draw what was measured into *folder*; the names of the files."""
    plt = pyplot()
    attacked = [case for case in kept.cases if case.attack != unmarked]
    figures: dict[str, Any] = {}
    if attacked:
        figures["margins.png"] = _margins(plt, attacked, kept.innocents)
        figures["archive-size.png"] = _archive_size(plt, attacked)
    if attacked and kept.innocents.size:
        figures["roc.png"] = _roc(plt, attacked, kept.innocents)
    if kept.innocents.size or kept.strangers.size:
        figures["calibration.png"] = _calibration(plt, kept)
    for name, figure in figures.items():
        figure.savefig(folder / name)
        plt.close(figure)
    return sorted(figures)


def _hardest(attacked: Sequence[Case]) -> list[str]:
    """The attacks after which the least score is lowest."""
    names = dict.fromkeys(case.attack for case in attacked)
    return sorted(names, key=lambda name: min(_true(attacked, name)))[:_HARDEST]


def _true(attacked: Sequence[Case], attack: str | None = None) -> list[float]:
    return [case.true_z for case in attacked if attack in {None, case.attack}]


def _power(limit: float) -> str:
    """The power of ten as the drawing library sets it."""
    return f"${power(limit).replace('^', '^{')}}}$"


def _margins(plt: Any, attacked: Sequence[Case], innocent: Floats) -> Any:
    """Every score of a copy that leaked, by attack, beside the threshold."""
    names = sorted(
        dict.fromkeys(case.attack for case in attacked),
        key=lambda name: float(np.median(_true(attacked, name))),
        reverse=True,
    )
    figure, axes = plt.subplots(figsize=(8.5, 1.6 + 0.21 * len(names)))
    for place, name in enumerate(names):
        z = np.array(_true(attacked, name))
        axes.plot([z.min(), z.max()], [place, place], color=_BLUE, alpha=0.35, linewidth=2)
        axes.plot(z, [place] * z.size, "o", color=_BLUE, markersize=3.2, alpha=0.7)
        axes.plot(np.median(z), place, "|", color=_INK, markersize=9, markeredgewidth=1.6)
    if innocent.size:
        top = float(innocent.max())
        axes.axvspan(
            0, top, color=_QUIET, alpha=0.3, linewidth=0, label=f"innocent copies: at most {top:.1f}"
        )
    for comparisons, style in ((3, "-"), (10**8, "--")):
        bar = needed(comparisons)
        text = f"named from {bar:.1f}, {comparisons:,} copies compared"
        axes.axvline(bar, color=_RED, linestyle=style, linewidth=1.2, label=text)
    axes.plot([], [], "o", color=_BLUE, markersize=3.2, label="a copy that leaked (bar: median)")
    axes.set_yticks(range(len(names)), names, fontsize=8.5)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel("score z of the copy that leaked")
    axes.set_title(f"Margins: {len(attacked):,} attacked copies, {len(names)} attacks")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _curve(true: Sequence[float], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of copies that leaked at or above each threshold."""
    ordered = np.sort(np.array(true))
    return 1 - np.searchsorted(ordered, thresholds, side="left") / ordered.size


def _roc(plt: Any, attacked: Sequence[Case], innocent: Floats) -> Any:
    """Named and missed copies over the probability of a false match in one comparison."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 6.0))
    _rates(left, attacked, innocent, missed=False)
    _rates(right, attacked, innocent, missed=True)
    left.text(ACCUSATION_LIMIT / 2, 0.03, "accusation limit", color=_QUIET, fontsize=9.5)
    left.set_ylabel("copies that leaked at or above the threshold")
    left.set_ylim(0, 1.03)
    left.set_title("ROC")
    floor = 1 / len(attacked)
    right.set_yscale("log")
    right.set_ylim(floor / 2, 1)
    right.axhline(floor, color=_QUIET, linestyle="--", linewidth=1)
    right.text(0.7, floor * 1.12, f"one miss of {len(attacked):,}", color=_QUIET, fontsize=9.5)
    right.set_ylabel("copies that leaked and are missed")
    right.set_title("DET (below the dashed line: none missed)")
    lines, names = right.get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=3)
    return figure


def _rates(axes: Any, attacked: Sequence[Case], innocent: Floats, *, missed: bool) -> None:
    """The hardest attacks and all of them, by the stated bound, and by the innocent scores that were seen."""
    thresholds = np.linspace(0, 12, 1201)
    stated_as = [bound(t) for t in thresholds]

    def share(true: Sequence[float], at: NDArray[np.float64]) -> NDArray[np.float64]:
        ordered = np.sort(np.array(true))
        below = np.searchsorted(ordered, at, side="left") / ordered.size
        return below if missed else 1 - below

    for name, colour in zip(_hardest(attacked), _COLOURS, strict=False):
        values = share(_true(attacked, name), thresholds)
        axes.plot(stated_as, values, color=colour, linewidth=1.3, label=name)
    values = share(_true(attacked), thresholds)
    axes.plot(stated_as, values, color=_INK, linewidth=2.4, label="all attacks")
    observed = np.sort(innocent)[::-1]
    points = np.unique(np.geomspace(1, observed.size, 400).astype(int)) - 1
    values = share(_true(attacked), observed[points].astype(np.float64))
    text = f"all attacks, false matches as observed in {innocent.size:,} innocent scores"
    axes.plot((points + 1) / observed.size, values, color=_RED, linestyle=":", linewidth=2.4, label=text)
    axes.axvline(ACCUSATION_LIMIT, color=_QUIET, linewidth=1.2)
    axes.set_xscale("log")
    axes.set_xlim(1, 1e-30)
    axes.set_xlabel("bound on a false match in one comparison (stricter to the right)")


def _calibration(plt: Any, kept: Kept) -> Any:
    """What is stated of innocent copies against what they did."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 5.4))
    t = np.linspace(0, 7, 281)
    left.plot(t, [bound(each) for each in t], color=_RED, linewidth=2, label="stated: exp(-t²/2)")
    left.plot(t, [normal_tail(each) for each in t], color=_QUIET, linestyle="--", label="normal tail")
    for scores, colour, name in (
        (kept.innocents, _BLUE, "innocent copies"),
        (kept.strangers, _GREEN, "unmarked and foreign pictures"),
    ):
        if scores.size:
            above = np.array([(scores >= each).mean() for each in t])
            text = f"observed: {scores.size:,} {name}"
            left.plot(t[above > 0], above[above > 0], color=colour, linewidth=2, label=text)
    left.set_yscale("log")
    left.set_ylim(1e-8, 1.5)
    left.set_xlabel("threshold t")
    left.set_ylabel("share of scores at or above t")
    left.set_title("Tail of the scores")
    left.legend(loc="lower left")
    _stated_against_seen(right, kept.innocents if kept.innocents.size else kept.strangers)
    return figure


def _stated_against_seen(axes: Any, scores: Floats) -> None:
    levels = np.geomspace(1e-7, 1, 141)
    axes.plot(levels, levels, color=_RED, linewidth=2, label="what is stated: at most p")
    tail = [normal_tail(float(np.sqrt(-2 * np.log(p)))) for p in levels]
    axes.plot(levels, tail, color=_QUIET, linestyle="--", label="a normal score, one copy compared")
    for comparisons, colour in zip(TRACES, _COLOURS, strict=False):
        said = np.sort(stated(scores, comparisons))
        if said.size:
            share = np.searchsorted(said, levels, side="right") / said.size
            text = f"{said.size:,} traces of {comparisons:,} cop{'y' if comparisons == 1 else 'ies'}"
            axes.plot(levels[share > 0], share[share > 0], color=colour, linewidth=1.8, label=text)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(1e-7, 1)
    axes.set_ylim(1e-7, 1.5)
    axes.set_xlabel("false-match probability p that the report states")
    axes.set_ylabel("share of innocent traces that state at most p")
    axes.set_title("Calibration (below the red line: the statement is safe)")
    axes.legend(loc="upper left")


def _archive_size(plt: Any, attacked: Sequence[Case]) -> Any:
    """The score that is needed when more copies are compared, beside the hardest attacks."""
    figure, axes = plt.subplots(figsize=(8.5, 5.2))
    sizes = np.geomspace(ARCHIVES[0], ARCHIVES[-1], 100)
    for limit, shade in zip(LIMITS, (0.25, 0.5, 1.0, 0.5), strict=True):
        bars = [needed(round(n), limit) for n in sizes]
        width = 2.4 if limit == ACCUSATION_LIMIT else 1.3
        axes.plot(sizes, bars, color=_RED, alpha=shade, linewidth=width, label=f"limit {_power(limit)}")
    axes.set_xscale("log")
    ceiling = 2 * needed(ARCHIVES[-1])
    for name, colour in zip(_hardest(attacked), _COLOURS, strict=False):
        least = min(_true(attacked, name))
        if least < ceiling:
            text = f"{name}: least z {least:.1f}"
            axes.axhline(least, color=colour, linestyle="--", linewidth=1.4, label=text)
    axes.set_ylim(0, ceiling)
    axes.set_xlim(ARCHIVES[0], ARCHIVES[-1])
    axes.set_xlabel("copies compared in one trace")
    axes.set_ylabel("score z")
    axes.set_title("Score from which a copy is named, and the least scores measured")
    figure.legend(loc="outside lower center", ncols=4)
    return figure
