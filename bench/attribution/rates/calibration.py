"""Whether the stated bound is one: what it says of innocent copies against what they scored."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from bench.attribution.rates.cases import Case

from pleura.imaging.mark.layout import Floats

TAILS = (1.0, 2.0, 3.0, 4.0, 4.5, 5.0, 5.5, 6.0)
TRACES = (1, 10, 100, 1000)
"""Copies compared in one trace of the calibration."""
STATED = (0.1, 0.01, 1e-3, 1e-4)


def normal_tail(t: float) -> float:
    """The probability that a standard normal value is above *t*."""
    return math.erfc(t / math.sqrt(2)) / 2


def bound(t: float) -> float:
    """Hoeffding's bound on the same, which is what a report states for one comparison."""
    return math.exp(-t * t / 2) if t > 0 else 1.0


def stated(scores: Floats, comparisons: int) -> Floats:
    """What a trace would state for the best of every *comparisons* scores: n exp(-t^2/2), at most 1.

    Scores that fill no whole trace are left out.
    """
    whole = scores.size // comparisons * comparisons
    best = scores[:whole].reshape(-1, comparisons).max(axis=1).astype(np.float64)
    bounds = comparisons * np.exp(-(np.maximum(best, 0) ** 2) / 2)
    return np.asarray(np.minimum(1.0, bounds), np.float32)


def print_moments(scores: Floats) -> None:
    """Mean, deviation and kurtosis: of a standard normal 0, 1 and 3."""
    z = scores.astype(np.float64)
    deviation = z.std()
    print("| mean | standard deviation | kurtosis (normal: 3) | greatest |")
    print("|---|---|---|---|")
    print(f"| {z.mean():.5f} | {deviation:.5f} | {np.mean((z / deviation) ** 4):.4f} | {z.max():.2f} |")


def print_tails(scores: Floats) -> None:
    """How many scores lie above each threshold, and how many the bound allows."""
    print("\n| t | scores above t | expected of a normal | Hoeffding's bound, which is reported |")
    print("|---|---|---|---|")
    for tail in TAILS:
        above = int((scores > tail).sum())
        normal, allowed = scores.size * normal_tail(tail), scores.size * bound(tail)
        print(f"| {tail} | {above:,} | {normal:,.1f} | {allowed:,.1f} |")


def print_traces(scores: Floats) -> None:
    """How often a trace that compares n innocent copies states a probability below each level."""
    print(
        "\nTraces of innocent copies that state at most p; an honest statement does so in at most p of them\n"
    )
    print(f"| copies compared | traces | {' | '.join(f'p = {level:g}' for level in STATED)} | least stated |")
    print(f"|---|---|{'---|' * (len(STATED) + 1)}")
    for comparisons in TRACES:
        said = stated(scores, comparisons)
        if said.size:
            shares = " | ".join(f"{float((said <= level).mean()):.2g}" for level in STATED)
            print(f"| {comparisons:,} | {said.size:,} | {shares} | {float(said.min()):.2g} |")


def print_roc(cases: Sequence[Case], innocent: Floats, unmarked: str) -> None:
    """True copies and innocent ones above each threshold: the points of the ROC."""
    true = np.array([case.true_z for case in cases if case.attack != unmarked])
    print("\n| z at least | innocent copies above | the bound on that | copies that leaked above | missed |")
    print("|---|---|---|---|---|")
    for threshold in (3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0):
        hits = int((true >= threshold).sum())
        print(
            f"| {threshold:g} | {(innocent >= threshold).mean():.2g} | {bound(threshold):.2g} "
            f"| {hits}/{true.size} | {true.size - hits} |"
        )
