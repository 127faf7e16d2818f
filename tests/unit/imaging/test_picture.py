"""The side-by-side picture of a trace."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pleura.domain.errors import EnvironmentFault
from pleura.domain.tracing import Verdict
from pleura.imaging.picture import VERDICT_COLOURS, WIDTH, Caption, side_by_side

NOTO = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
PAPER = (250, 250, 248)
MARGIN = 56
FILM = np.tile(np.arange(200, dtype=np.uint8), (240, 1))


def caption(**changes: object) -> Caption:
    words: dict[str, object] = {
        "verdict": Verdict.TRACED,
        "titles": ("Picture as found", "Original", "Difference"),
        "headline": "Traced to the copy for City Hospital",
        "lines": ("copy c-1, issued 2026-01-02", "false match at most 1e-20"),
    }
    return Caption(**(words | changes))  # type: ignore[arg-type]


def margins_are_bare(picture: NDArray[np.uint8]) -> bool:
    # The foot of an x reaches a pixel to the left of where its line begins (its side bearing).
    bearing = 2
    sides = picture[:, : MARGIN - bearing], picture[:, -MARGIN + bearing :]
    edges = *sides, picture[:20], picture[-MARGIN + 8 :]
    return all((edge == PAPER).all() for edge in edges)


def holds(picture: NDArray[np.uint8], colour: tuple[int, ...]) -> bool:
    return bool((picture == colour).all(axis=-1).any())


def test_three_panels_and_the_verdict_stay_within_the_margins() -> None:
    difference = np.full(FILM.shape, 2.0)
    picture = side_by_side(FILM, FILM, caption=caption(), difference=difference)
    assert picture.shape[1:] == (WIDTH, 3)
    assert picture.dtype == np.uint8
    assert margins_are_bare(picture)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_bar_has_the_colour_of_the_verdict_and_of_no_other(verdict: Verdict) -> None:
    picture = side_by_side(FILM, None, caption=caption(verdict=verdict))
    bar = picture[-MARGIN - 10, MARGIN]
    assert tuple(bar) == VERDICT_COLOURS[verdict]


def test_the_outline_is_drawn_on_the_original_and_darkens_what_did_not_match() -> None:
    grey = np.full((200, 200), 200, dtype=np.uint8)
    plain = side_by_side(grey, grey, caption=caption())
    marked = side_by_side(grey, grey, caption=caption(), outline=[(0, 0), (199, 0), (199, 99), (0, 99)])
    changed = np.argwhere((plain != marked).any(axis=-1))
    third = (WIDTH - 2 * MARGIN) / 3
    assert changed[:, 1].min() >= MARGIN + third
    assert changed[:, 1].max() <= MARGIN + 2 * third
    assert holds(marked, (100, 100, 100))
    assert not holds(plain, (100, 100, 100))


def test_the_difference_shows_brighter_as_red_and_darker_as_blue() -> None:
    difference = np.concatenate([np.full((100, 200), 4.0), np.full((100, 200), -4.0)])
    picture = side_by_side(FILM, FILM, caption=caption(), difference=difference)
    panel = picture[150:550, -MARGIN - 400 : -MARGIN - 100].astype(int)
    upper, lower = panel[60], panel[-60]
    assert (upper[:, 0] > upper[:, 2] + 50).all()
    assert (lower[:, 2] > lower[:, 0] + 50).all()


def test_where_nothing_overlaps_the_difference_stays_empty() -> None:
    nothing = side_by_side(FILM, FILM, caption=caption(), difference=np.full(FILM.shape, np.nan))
    panel = nothing[200:500, -MARGIN - 400 : -MARGIN - 100]
    assert (panel == (233, 233, 230)).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 2000, 3), (700, 700, 3)])
def test_extreme_proportions_are_shown(shape: tuple[int, ...]) -> None:
    odd = np.full(shape, 90, dtype=np.uint8)
    picture = side_by_side(
        odd, odd, caption=caption(), difference=np.ones(shape[:2]), outline=[(0, 0), (9, 0), (5, 5)]
    )
    assert margins_are_bare(picture)
    assert picture.shape[0] < 1600


def test_long_words_and_titles_never_leave_their_box() -> None:
    long = caption(
        titles=("a title that goes on " * 9, "x" * 300, "短"),
        headline="headline " * 60,
        lines=("0123456789abcdef" * 40, "many words " * 80, ""),
    )
    short = side_by_side(FILM, FILM, caption=caption())
    picture = side_by_side(FILM, FILM, caption=long)
    assert margins_are_bare(picture)
    assert picture.shape[0] > short.shape[0]
    title_row = picture[MARGIN : MARGIN + 40]
    gap = MARGIN + (WIDTH - 2 * MARGIN - 56) // 3
    assert (title_row[:, gap + 2 : gap + 26] == PAPER).all(), "titles do not run into each other"


@pytest.mark.skipif(not NOTO.exists(), reason="needs the font Noto Sans CJK (Debian: fonts-noto-cjk)")
def test_chinese_wraps_between_characters_without_leaving_its_box() -> None:
    words = caption(
        headline="已溯源,此图来自发给林律师事务所的副本。" * 6,
        lines=("误判概率不超过百万分之一,请结合其他证据判断。" * 9,),
    )
    picture = side_by_side(FILM, FILM, caption=words, font=NOTO)
    assert margins_are_bare(picture)
    assert picture.shape[0] > side_by_side(FILM, FILM, caption=caption(), font=NOTO).shape[0]


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=120), st.text(max_size=200))
@example("two\nlines", "\t\r\n")
def test_any_text_can_be_drawn(headline: str, line: str) -> None:
    words = caption(headline=headline, lines=(line,), titles=(line, headline, line), no_original=line[:20])
    assert margins_are_bare(side_by_side(FILM, None, caption=words))


def test_a_font_that_cannot_be_read_is_named_without_its_folder(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"not a font")
    with pytest.raises(EnvironmentFault) as caught:
        side_by_side(FILM, None, caption=caption(), font=broken)
    assert caught.value.code == "font-unreadable"
    assert caught.value.facts == {"font": "broken.ttf"}
