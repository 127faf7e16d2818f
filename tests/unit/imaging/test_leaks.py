"""The simulated leaks: each does what its name says, by the same chance for the same seed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pleura.imaging.simulate import camera, desk, edits
from pleura.imaging.simulate.leaks import ATTACKS, LEAKS

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def film() -> Picture:
    """A smooth grey scene with structure at several scales, 300 x 240."""
    rng = np.random.default_rng(7)
    scene = sum(
        cv2.resize(rng.standard_normal((cells, cells)), (240, 300), interpolation=cv2.INTER_CUBIC)
        for cells in (4, 9, 25)
    )
    return np.clip(128 + 32 * scene, 0, 255).astype(np.uint8)


def chance(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def psnr(one: Picture, other: Picture) -> float:
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return 10 * np.log10(255**2 / error)


def correlation(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_the_demo_leaks_in_five_ways_and_the_bench_knows_them_all() -> None:
    expected = ["messenger", "screenshot-crop", "rotated-crop", "phone-photo", "print-scan"]
    assert expected == list(LEAKS)
    assert set(LEAKS) < set(ATTACKS)


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_every_attack_gives_a_changed_picture_and_leaves_its_input_alone(name: str, film: Picture) -> None:
    before = film.copy()
    leaked = ATTACKS[name](film, chance())
    assert leaked.dtype == np.uint8
    assert leaked.ndim in (2, 3)
    assert leaked.std() > 5, "something must be left to see"
    assert np.array_equal(before, film)
    if name != "none":
        assert leaked.shape != film.shape or not np.array_equal(leaked, film)
    else:
        assert np.array_equal(leaked, film)


@pytest.mark.parametrize("name", ["phone-photo-hard", *sorted(LEAKS)])
def test_the_same_seed_leaks_the_same_picture(name: str, film: Picture) -> None:
    assert np.array_equal(ATTACKS[name](film, chance(1)), ATTACKS[name](film, chance(1)))


@pytest.mark.parametrize("name", ["screenshot-crop", "rotated-crop", "phone-photo", "print-scan"])
def test_another_seed_leaks_another_picture(name: str, film: Picture) -> None:
    one, other = ATTACKS[name](film, chance(1)), ATTACKS[name](film, chance(2))
    assert one.shape != other.shape or not np.array_equal(one, other)


@pytest.mark.parametrize("name", sorted(LEAKS))
def test_a_colour_picture_leaks_as_well(name: str, film: Picture) -> None:
    leaked = LEAKS[name](np.stack([film, film, film], axis=-1), chance())
    assert leaked.ndim == 3
    assert leaked.shape[2] == 3


def test_a_lower_jpeg_quality_loses_more(film: Picture) -> None:
    scores = [psnr(edits.through_jpeg(film, quality), film) for quality in (90, 75, 50, 10)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 40
    assert scores[-1] < 36


def test_a_jpeg_of_a_colour_picture_keeps_red_red() -> None:
    red = np.zeros((32, 32, 3), dtype=np.uint8)
    red[..., 0] = 200
    mean = edits.through_jpeg(red, 90).reshape(-1, 3).mean(axis=0)
    assert mean[0] > 180
    assert mean[1:].max() < 20


def test_a_messenger_bounds_the_long_side_and_never_enlarges(film: Picture) -> None:
    large = cv2.resize(film, (1600, 2000))
    assert LEAKS["messenger"](large, chance()).shape == (1280, 1024, 3)
    assert LEAKS["messenger"](film, chance()).shape == (300, 240, 3)


def test_a_crop_keeps_its_share_of_the_area_pixel_for_pixel(film: Picture) -> None:
    part = edits.cropped(film, 0.5, chance())
    assert part.size / film.size == pytest.approx(0.5, abs=0.01)
    match = cv2.matchTemplate(film, part, cv2.TM_SQDIFF)
    assert float(match.min()) == pytest.approx(0, abs=1)


@pytest.mark.parametrize("degrees", [-15.0, -5.0, 5.0, 15.0])
def test_a_rotated_picture_has_no_empty_corner(degrees: float) -> None:
    white = np.full((200, 310), 255, dtype=np.uint8)
    turned = edits.rotated(white, degrees)
    assert turned.min() == 255
    assert turned.shape[0] / turned.shape[1] == pytest.approx(200 / 310, abs=0.01)


def test_a_rotated_crop_keeps_seven_tenths_of_the_area(film: Picture) -> None:
    leaked = LEAKS["rotated-crop"](film, chance())
    assert leaked.size / film.size == pytest.approx(0.7, abs=0.02)


def test_mirror_negative_and_quarter_turn_undo_themselves(film: Picture) -> None:
    for name, times in (("mirror", 2), ("negative", 2), ("rotate-90", 4)):
        picture = film
        for _ in range(times):
            picture = ATTACKS[name](picture, chance())
        assert np.array_equal(film, picture), name


def test_a_screenshot_shows_the_whole_picture_in_a_dark_viewer(film: Picture) -> None:
    screen = desk.screenshot(film, chance())
    assert screen.shape == (1080, 1920, 3)
    best = max(
        float(
            cv2.matchTemplate(screen[..., 0], cv2.resize(film, None, fx=f, fy=f), cv2.TM_CCOEFF_NORMED).max()
        )
        for f in np.arange(3.0, 3.4, 0.02)
    )
    assert best > 0.97


def test_a_cut_screenshot_is_smaller_than_the_screen(film: Picture) -> None:
    for seed in range(5):
        leaked = LEAKS["screenshot-crop"](film, chance(seed))
        assert leaked.shape[0] < 1080
        assert 200 < leaked.shape[1] < 1920


def test_a_phone_photo_is_large_and_shows_more_than_the_screen(film: Picture) -> None:
    photo = LEAKS["phone-photo"](film, chance())
    assert photo.shape == (2560, 1920, 3)
    row_of_wall = photo[: 2560 // 60].reshape(-1, 3).mean(axis=0)
    assert row_of_wall.min() > 10, "the room around the monitor is lit"


def test_moire_of_a_photo_comes_from_the_stripes() -> None:
    """Flat white on the panel is not flat in the photo, and the colours disagree about where."""
    white = np.full((300, 400), 230, dtype=np.uint8)
    photo = camera.photographed(white, chance())[900:1100, 1180:1380].astype(np.float64)
    colours = photo - cv2.GaussianBlur(photo, (0, 0), 12)
    assert colours.std() > 1
    assert correlation(colours[..., 0], colours[..., 2]) < 0.95


def test_a_hard_photo_is_smaller_and_noisier(film: Picture) -> None:
    easy, hard = (ATTACKS[name](film, chance(3)) for name in ("phone-photo", "phone-photo-hard"))
    assert hard.shape[0] < easy.shape[0]


def test_a_scan_shows_the_print_on_white_paper(film: Picture) -> None:
    scan = LEAKS["print-scan"](film, chance())
    assert 1500 < scan.shape[0] < 2300, "ten inches at 150 to 200 dots an inch"
    assert scan[:12, :12].mean() > 200, "the margin is paper"
    down, across = round(scan.shape[0] * 0.35 / 10.2), round(scan.shape[1] * 0.35 / 8.3)
    inner = scan[down:-down, across:-across].mean(axis=2)
    rough = cv2.resize(film, inner.shape[::-1])
    assert correlation(cv2.GaussianBlur(inner, (0, 0), 8), rough.astype(np.float64)) > 0.9
