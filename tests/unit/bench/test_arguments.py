"""One entry for all benches, and for one with arguments of its own."""

from __future__ import annotations

import pytest
from bench.__main__ import BENCHES, planned


def test_without_a_name_all_benches_are_meant() -> None:
    assert planned([]) == ([*BENCHES], [])


def test_what_follows_a_name_and_is_no_bench_is_for_that_bench() -> None:
    assert planned(["attribution", "--images", "films", "attacks"]) == (
        ["attribution"],
        ["--images", "films", "attacks"],
    )


def test_a_part_that_runs_by_itself_is_named_with_a_dot() -> None:
    assert planned(["attribution.photos", "score", "set"]) == (["attribution.photos"], ["score", "set"])


@pytest.mark.parametrize("given", [["--images", "films"], ["seal", "vault", "--json"], ["nothing"]])
def test_arguments_that_belong_to_no_single_bench_are_refused(given: list[str]) -> None:
    with pytest.raises(SystemExit, match="usage"):
        planned(given)
