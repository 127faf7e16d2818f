"""Rates, intervals and bounds are what their sources say, and a kept run is drawn as it was."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from bench.attribution.rates import plots
from bench.attribution.rates.calibration import bound, normal_tail, stated
from bench.attribution.rates.cases import Case, Sight
from bench.attribution.rates.intervals import wilson
from bench.attribution.rates.kept import Kept
from bench.attribution.rates.naming import needed, print_naming

from pleura.domain.tracing import ACCUSATION_LIMIT, false_match_probability


def sight(true_z: float = 0.0, innocent_z: float = 0.0, **how: bool) -> Sight:
    return Sight(
        is_its_film=how.get("is_its_film", True),
        true_z=true_z,
        innocent_z=innocent_z,
        comparisons=3,
        holds=how.get("holds", True),
    )


def case(*sights: Sight, attack: str = "jpeg-50") -> Case:
    return Case(attack=attack, sights=sights, seconds=1.0, payload=False)


# Agresti and Coull, The American Statistician 52 (1998): 0 of 10 and 5 of 10.
@pytest.mark.parametrize(
    ("hits", "total", "interval"),
    [(0, 10, (0.0, 0.278)), (5, 10, (0.237, 0.763)), (10, 10, (0.722, 1.0)), (0, 0, (0.0, 1.0))],
)
def test_an_interval_is_wilsons(hits: int, total: int, interval: tuple[float, float]) -> None:
    assert wilson(hits, total) == pytest.approx(interval, abs=5e-4)


def test_a_copy_named_at_one_limit_is_only_matched_at_a_stricter_one() -> None:
    one = case(sight(true_z=7.0))

    assert (one.verdict(1e-9), one.verdict(1e-12)) == ("right", "matched")


def test_a_score_below_the_threshold_over_a_look_that_does_not_hold_is_unknown() -> None:
    assert case(sight(true_z=5.0, holds=False)).verdict() == "unknown"
    assert case().verdict() == "unknown"


def test_a_named_innocent_is_wrong_even_beside_the_right_copy() -> None:
    assert case(sight(true_z=20.0, innocent_z=8.0)).verdict() == "wrong"


def test_another_film_that_is_matched_is_wrong() -> None:
    assert case(sight(is_its_film=False)).verdict() == "wrong"


def test_a_look_at_another_film_that_does_not_hold_ends_nothing() -> None:
    one = case(sight(is_its_film=False, holds=False), sight(true_z=9.0))

    assert (one.verdict(), one.true_z) == ("right", 9.0)


def test_the_score_needed_is_where_the_bound_meets_the_limit() -> None:
    for comparisons in (1, 1000, 10**8):
        assert false_match_probability(needed(comparisons), comparisons) == pytest.approx(ACCUSATION_LIMIT)


def test_a_trace_states_the_bound_of_its_best_copy_times_the_copies_compared() -> None:
    scores = np.array([1.0, 4.0, 5.0, 2.0, 9.0], np.float32)

    assert stated(scores, 2) == pytest.approx([2 * math.exp(-8), 2 * math.exp(-12.5)])


def test_what_is_stated_of_normal_scores_is_never_less_than_how_often_it_happens() -> None:
    scores = np.random.default_rng(1).standard_normal(200_000).astype(np.float32)

    for comparisons in (1, 10, 100):
        said = stated(scores, comparisons)
        for level in (0.5, 0.1, 0.01, 1e-3):
            assert (said <= level).mean() <= level


def test_the_bound_is_above_the_normal_tail() -> None:
    assert all(bound(t) > normal_tail(t) for t in np.linspace(0, 8, 81))


def test_an_attack_that_always_leads_to_its_copy_takes_no_line_of_the_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cases = [
        case(sight(true_z=50.0), attack="sharpen"),
        case(sight(true_z=7.0), attack="thumbnail"),
        case(sight(), attack="unmarked"),
    ]

    print_naming(cases, "unmarked")

    table = capsys.readouterr().out
    assert "2 attacked copies and 1 unmarked films, by accusation limit." in table
    assert "| 10^-9 | 2/2 (100.0 %) | 34.2 to 100.0 % |" in table
    assert "| 10^-12 | 1/2 (50.0 %) |" in table
    assert "| thumbnail | 1/1 (100.0 %) | 1/1 (100.0 %) | 1/1 (100.0 %) | 0/1 (0.0 %) | 7.0 |" in table
    assert "| sharpen" not in table


def test_attacks_that_all_lead_to_their_copies_are_said_in_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_naming([case(sight(true_z=50.0))], "unmarked")

    assert "After every attack every copy is named" in capsys.readouterr().out


def kept() -> Kept:
    dice = np.random.default_rng(1)
    return Kept(
        cases=(case(sight(true_z=50.0)), case(sight(true_z=7.0), attack="thumbnail")),
        innocents=dice.standard_normal(3000).astype(np.float32),
        strangers=dice.standard_normal(1000).astype(np.float32),
    )


def test_a_run_is_kept_as_it_was(tmp_path: Path) -> None:
    kept().keep(tmp_path / "plots")

    again = Kept.of(tmp_path / "plots")

    assert list(again.cases) == list(kept().cases)
    assert (again.innocents == kept().innocents).all()
    assert (again.strangers == kept().strangers).all()


def test_nothing_is_kept_where_nothing_ran(tmp_path: Path) -> None:
    again = Kept.of(tmp_path)

    assert (len(again.cases), again.innocents.size, again.strangers.size) == (0, 0, 0)


def test_every_curve_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `bench` is not installed")
    plots.pyplot()

    drawn = plots.draw(kept(), "unmarked", tmp_path)

    assert drawn == ["archive-size.png", "calibration.png", "margins.png", "roc.png"]
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in drawn)


def test_without_the_drawing_library_the_way_to_install_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(SystemExit, match=r"pip install .*\[bench\]"):
        plots.pyplot()
