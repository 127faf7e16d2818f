"""A search names every film of ours in a picture, outlines it, and is in the ledger before it is answered."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Picture
from tests.fakes.films import film, written
from tests.fakes.house import FakeHouse

from pleura.domain.errors import BadInput
from pleura.entrypoints.language import Texts
from pleura.entrypoints.views.find import find_facts, find_lines, find_picture
from pleura.imaging.match.register import Alignment, share_of
from pleura.imaging.match.suspect import parts
from pleura.imaging.rasters import decode_own, to_array

Pixels = NDArray[np.uint8]


@pytest.fixture
def house(tmp_path: Path) -> FakeHouse:
    """Three films in the vault."""
    house = FakeHouse()
    for seed in range(3):
        house.receive(written(tmp_path, seed))
        house.clock.advance(1)
    return house


def kept(tmp_path: Path, pixels: Pixels) -> Path:
    path = tmp_path / "page.png"
    Picture.fromarray(pixels).save(path)
    return path


def page_with(*films: tuple[Pixels, int, int, int]) -> Pixels:
    """A white page with lines of letters, and films so wide at the columns and rows."""
    page = np.full((1600, 1200), 255, np.uint8)
    for row in range(80, 1600, 40):
        cv2.putText(page, "Findings: none " * 5, (60, row), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 20, 2)
    for picture, width, column, row in films:
        shown = cv2.resize(picture, (width, round(width * picture.shape[0] / picture.shape[1])))
        page[row - 20 : row + shown.shape[0] + 20, column - 20 : column + width + 20] = 255
        page[row : row + shown.shape[0], column : column + width] = shown
    return page


def test_a_film_small_on_a_page_is_found_where_it_is(house: FakeHouse, tmp_path: Path) -> None:
    page = page_with((film(1, 520, 430), 330, 700, 900))

    finding = house.finder.find(kept(tmp_path, page), actor="test")

    (found,) = finding.report.found
    assert found.image == house.vault.images()[1].id
    assert found.same_exposure
    expected = [(700, 900), (1030, 900), (1030, 1299), (700, 1299)]
    assert np.abs(np.array(found.corners) - expected).max() < 4


def test_every_film_of_a_page_is_found_once(house: FakeHouse, tmp_path: Path) -> None:
    page = page_with((film(0, 520, 430), 400, 80, 100), (film(2, 520, 430), 420, 660, 840))

    report = house.finder.find(kept(tmp_path, page), actor="test").report

    images = [image.id for image in house.vault.images()]
    assert sorted(found.image for found in report.found) == sorted([images[0], images[2]])


def test_films_side_by_side_without_a_border_are_all_found(house: FakeHouse, tmp_path: Path) -> None:
    collage = np.hstack([film(seed, 520, 430) for seed in range(3)])

    report = house.finder.find(kept(tmp_path, collage), actor="test").report

    assert {found.image for found in report.found} == {image.id for image in house.vault.images()}


def test_a_mirrored_film_is_outlined_where_it_is(house: FakeHouse, tmp_path: Path) -> None:
    finding = house.finder.find(kept(tmp_path, film(1, 520, 430)[:, ::-1].copy()), actor="test")

    (found,) = finding.report.found
    top_left, top_right, *_ = found.corners
    assert abs(top_left[0] - 429) < 3
    assert abs(top_right[0]) < 3


def test_a_film_that_is_not_ours_is_not_found(house: FakeHouse, tmp_path: Path) -> None:
    report = house.finder.find(kept(tmp_path, page_with((film(9), 400, 300, 300))), actor="test").report

    assert report.found == ()


def test_every_search_is_in_the_ledger_with_what_it_found(house: FakeHouse, tmp_path: Path) -> None:
    images = [image.id for image in house.vault.images()]
    collage = np.hstack([film(seed, 520, 430) for seed in range(2)])

    house.finder.find(kept(tmp_path, collage), actor="web:chen")
    house.finder.find(kept(tmp_path, film(9)), actor="web:chen")

    kinds, facts = house.kinds()[-3:], house.facts()[-3:]
    assert kinds == ["find"] * 3
    assert {each.get("image") for each in facts[:2]} == set(images[:2])
    assert "image" not in facts[2]


def test_what_is_no_picture_is_refused_and_recorded(house: FakeHouse, tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    path.write_text("no picture")

    with pytest.raises(BadInput):
        house.finder.find(path, actor="test")

    assert house.kinds()[-1] == "refusal"


def test_a_report_says_in_words_facts_and_as_a_picture_what_was_found(
    house: FakeHouse, tmp_path: Path
) -> None:
    page = page_with((film(1, 520, 430), 330, 700, 900))
    finding = house.finder.find(kept(tmp_path, page), actor="test")
    image = house.vault.images()[1].id

    (line,) = find_lines(finding, Texts("en"))
    assert line.startswith(f"1. {image} (")
    assert find_facts(finding)["found"][0]["image"] == image
    drawn = to_array(decode_own(find_picture(finding)))
    changed = (drawn != page[..., None]).any(axis=2)
    assert changed[1100, 690:712].any()
    assert not changed[1100, 800:1000].any()


def test_nothing_found_is_said(house: FakeHouse, tmp_path: Path) -> None:
    finding = house.finder.find(kept(tmp_path, film(9)), actor="test")

    assert find_lines(finding, Texts("en")) == ["none of the originals here is in it"]
    assert find_facts(finding)["found"] == []


def test_a_page_of_text_has_no_part_that_may_be_a_film() -> None:
    assert parts(page_with()) == []


def test_a_film_by_itself_has_no_parts() -> None:
    assert parts(film(3)) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (40, 40)])
def test_a_picture_of_any_size_has_parts_or_none(shape: tuple[int, int]) -> None:
    assert parts(np.zeros(shape, np.uint8)) == []


def test_the_share_of_a_picture_counts_only_what_lies_within_it() -> None:
    half = ((100, 0), (300, 0), (300, 100), (100, 100))
    outside = ((300, 0), (400, 0), (400, 100), (300, 100))

    assert share_of((0, 0, 200, 100), [half]) == pytest.approx(0.5, abs=0.01)
    assert share_of((0, 0, 200, 100), [half, half]) == pytest.approx(0.5, abs=0.01)
    assert share_of((0, 0, 200, 100), [outside]) == 0
    assert share_of((0, 0, 200, 100), []) == 0


@pytest.mark.parametrize(
    ("inliers", "agreement", "evenness", "holds", "same"),
    [
        (400, 0.9, 0.1, True, True),  # stickers hide a third of it: it holds everywhere else
        (70, 0.6, 0.6, True, True),  # a bad photo, equally bad all over
        (74, 0.62, 0.1, True, False),  # ribs agree, the heart does not
        (25, 0.9, 0.9, True, True),  # a small crop: little of it, and all of that
        (25, 0.7, 0.9, False, True),
        (19, 0.9, 0.9, False, True),
        (60, 0.3, 0.9, False, True),
    ],
)
def test_another_exposure_agrees_in_places_only(
    inliers: int,
    agreement: float,
    evenness: float,
    holds: bool,  # noqa: FBT001
    same: bool,  # noqa: FBT001
) -> None:
    blank = np.zeros((2, 2), np.float32)
    alignment = Alignment(
        picture=blank, valid=blank > 0, inliers=inliers, agreement=agreement, evenness=evenness
    )

    assert (alignment.holds, alignment.same_exposure) == (holds, same)
