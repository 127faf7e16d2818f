"""How much a copy differs is measured as the papers say, and the worst place is the worst of all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.fakes.films import film, marks_of_one_image

from pleura.domain.errors import BadInput
from pleura.domain.rasters import Raster
from pleura.imaging.mark.embed import MAX_CHANGE, embed
from pleura.imaging.rasters import decode_own, encode_jpeg, encode_png, to_array, to_raster
from pleura.imaging.safety.likeness import BLOCK, Block, alike, measure, ssim, stored_change
from pleura.imaging.safety.lungs import central_field, lung_field
from pleura.imaging.safety.picture import AMPLIFIED, Words, amplified, difference_picture

FILM = film(1)
(MARK,) = marks_of_one_image(7, 1)
COPY = embed(FILM, MARK)
WORDS = Words(titles=("a", "b", "c"), details=("d", "e", "f"), headline="headline", lines=["one", "two"])


def changed(row: int, column: int, by: int = 1) -> NDArray[np.uint8]:
    """The film with one pixel changed."""
    copy = FILM.copy()
    copy[row, column] = copy[row, column] + by if copy[row, column] < 128 else copy[row, column] - by
    return copy


def chest(
    *, lungs: int = 2, rows: int = 800, columns: int = 700
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A white body on black with dark lungs in it, and where the lungs are."""
    body, inside = np.zeros((rows, columns), np.uint8), np.zeros((rows, columns), np.uint8)
    cv2.ellipse(body, (350, 500), (310, 480), 0, 0, 360, 200, -1)
    for middle in (210, 490)[:lungs]:
        cv2.ellipse(inside, (middle, 400), (85, 200), 0, 0, 360, 1, -1)
    noise = np.random.default_rng(1).normal(0, 4, body.shape)
    picture = np.clip(body.astype(float) - 140 * inside + noise, 0, 255).astype(np.uint8)
    return picture, inside > 0


# Similarity


def test_two_flat_pictures_have_the_similarity_of_their_means() -> None:
    flat = np.full((40, 40), 100, np.uint8), np.full((40, 40), 110, np.uint8)
    light = (0.01 * 255) ** 2

    expected = (2 * 100 * 110 + light) / (100**2 + 110**2 + light)

    assert ssim(*flat) == pytest.approx(np.full((40, 40), expected), abs=1e-6)


@pytest.mark.parametrize(
    ("row", "column"), [(30, 40), (200, 300), (511, 77), (512, 78), (517, 79), (600, 400)]
)
def test_similarity_is_what_the_paper_says_in_a_window(row: int, column: int) -> None:
    """Written out for one pixel, with the weights of section III-B; about row 512 is a seam of strips."""
    place = slice(row - 5, row + 6), slice(column - 5, column + 6)
    x, y = FILM[place].astype(float), COPY[place].astype(float)
    ring = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = np.outer(ring, ring) / np.outer(ring, ring).sum()
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    variance_x, variance_y = (weights * (x - mean_x) ** 2).sum(), (weights * (y - mean_y) ** 2).sum()
    covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
    light, detail = (0.01 * 255) ** 2, (0.03 * 255) ** 2

    expected = ((2 * mean_x * mean_y + light) * (2 * covariance + detail)) / (
        (mean_x**2 + mean_y**2 + light) * (variance_x + variance_y + detail)
    )

    assert ssim(FILM, COPY)[row, column] == pytest.approx(expected, abs=1e-6)


def test_a_picture_is_quite_like_itself() -> None:
    measured = measure(FILM, FILM)

    assert measured.change == 0
    assert measured.whole.psnr == measured.least_psnr.value == math.inf
    assert measured.whole.ssim == measured.least_ssim.value == pytest.approx(1)


# What is measured


def test_a_copy_is_measured_within_what_the_format_promises() -> None:
    measured = measure(FILM, COPY)

    assert 0 < measured.change <= MAX_CHANGE
    assert measured.whole.psnr == pytest.approx(50, abs=0.5)
    assert measured.least_psnr.value < measured.whole.psnr
    assert measured.least_ssim.value < measured.whole.ssim < 1


def test_one_changed_pixel_is_found_and_counted() -> None:
    measured = measure(FILM, changed(300, 200, by=3))

    assert measured.change == 3
    assert measured.whole.psnr == pytest.approx(10 * math.log10(255**2 * FILM.size / 9))
    block = measured.least_psnr
    assert block.row <= 300 < block.row + BLOCK
    assert block.column <= 200 < block.column + BLOCK
    assert block.value == pytest.approx(10 * math.log10(255**2 * BLOCK**2 / 9))


def test_the_worst_block_is_the_worst_of_all_places() -> None:
    original, copy = FILM[:96, :90], COPY[:96, :90]
    squared, similar = (copy.astype(float) - original) ** 2, ssim(original, copy)

    def mean(values: NDArray[np.floating], row: int, column: int) -> float:
        return float(values[row : row + BLOCK, column : column + BLOCK].mean())

    places = list(itertools.product(range(96 - BLOCK + 1), range(90 - BLOCK + 1)))
    measured = measure(original, copy)
    worst, least = measured.least_psnr, measured.least_ssim

    most = max(mean(squared, *place) for place in places)
    assert mean(squared, worst.row, worst.column) == pytest.approx(most)
    assert worst.value == pytest.approx(10 * math.log10(255**2 / most))
    assert mean(similar, least.row, least.column) == pytest.approx(least.value)
    assert least.value == pytest.approx(min(mean(similar, *place) for place in places))


def test_a_picture_smaller_than_a_block_is_one_block() -> None:
    measured = measure(FILM[:20, :300], COPY[:20, :300])

    assert measured.least_psnr.row == 0
    assert measured.least_psnr.value <= measured.whole.psnr


def test_colour_is_measured_over_all_samples() -> None:
    original = np.stack([FILM, FILM, FILM], axis=-1)
    copy = original.copy()
    copy[10, 10, 0] = copy[10, 10, 0] ^ 1

    measured = measure(original, copy)

    assert measured.change == 1
    assert measured.whole.psnr == pytest.approx(10 * math.log10(255**2 * original.size))
    assert measure(original, original).whole.psnr == math.inf


def test_the_stored_values_of_two_signs_do_not_wrap() -> None:
    original = np.array([[-32768, 0, 5]], np.int16)

    change = stored_change(original, np.array([[32767, 0, 1]], np.int16))

    assert change.greatest == 65535
    assert change.root_mean_square == pytest.approx(math.sqrt((65535**2 + 16) / 3))


def test_a_picture_of_another_size_is_not_compared() -> None:
    with pytest.raises(BadInput, match="520 x 600"):
        alike(FILM, FILM[:600])


def test_a_grey_picture_and_one_in_colour_are_compared_in_grey() -> None:
    original, copy = alike(FILM, np.stack([COPY, COPY, COPY], axis=-1))

    assert original.shape == copy.shape
    assert (copy == COPY).all()


@pytest.mark.parametrize("encode", [encode_png, lambda raster: encode_jpeg(raster, 95)])
def test_what_we_wrote_ourselves_is_read_as_it_looks(encode: Callable[[Raster], bytes]) -> None:
    read = to_array(decode_own(encode(to_raster(FILM))))

    assert np.abs(read.astype(int) - FILM).max() <= 12


# Where the lungs are


def test_the_lungs_of_a_drawn_chest_are_found() -> None:
    picture, truth = chest()

    found = lung_field(picture)

    assert found is not None
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.9
    assert measure(picture, picture).field == "lung"


@pytest.mark.parametrize(
    "picture",
    [
        chest(lungs=1)[0],
        chest(lungs=0)[0],
        255 - chest()[0],
        FILM,
        np.zeros((300, 200), np.uint8),
        np.full((1, 1), 7, np.uint8),
        np.full((3, 500), 7, np.uint8),
    ],
    ids=["one lung", "no lung", "negative", "no chest", "blank", "one pixel", "a strip"],
)
def test_where_no_two_lungs_are_found_the_middle_is_measured_and_said_to_be(
    picture: NDArray[np.uint8],
) -> None:
    assert lung_field(picture) is None
    assert measure(picture, picture).field == "centre"


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (100, 80)])
def test_the_middle_of_every_picture_has_pixels(shape: tuple[int, int]) -> None:
    assert central_field(shape).any()


# The picture


def test_the_difference_is_amplified_around_a_middle_grey() -> None:
    shown = amplified(FILM, changed(300, 200, by=2))

    assert abs(int(shown[300, 200]) - 128) == 2 * AMPLIFIED
    assert (np.delete(shown.ravel(), 300 * FILM.shape[1] + 200) == 128).all()


@pytest.mark.parametrize("worst", [Block(row=0, column=0, value=40), Block(row=576, column=456, value=40)])
@pytest.mark.parametrize("samples", [1, 3])
def test_the_picture_shows_all_three_whole_and_near(worst: Block, samples: int) -> None:
    original, copy = (np.repeat(each[..., None], 3, 2) if samples == 3 else each for each in (FILM, COPY))

    sheet = difference_picture(original, copy, worst, WORDS)

    assert sheet.shape[1:] == (1800, 3)
    near = FILM[:128, :128] if worst.row == 0 else FILM[-128:, -128:]
    top = 56 + 44 + round(544 * FILM.shape[0] / FILM.shape[1]) + 40 + 44
    panel = cv2.resize(sheet[top : top + 544, 56 : 56 + 544, 0], (128, 128), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(panel.ravel(), near.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (64, 64), (900, 17)])
def test_a_tiny_or_narrow_picture_is_shown_without_complaint(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(60, 180, shape).astype(np.uint8)
    copy = picture ^ 1

    sheet = difference_picture(picture, copy, measure(picture, copy).least_psnr, WORDS)

    assert sheet.shape[1] == 1800
