"""A mark is invisible, bounded, and read by nobody without its stream."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.fakes.films import film, marks_of_one_image

from pleura.domain.rasters import StoredPixels
from pleura.imaging.mark.embed import MAX_CHANGE, embed, embed_stored, psnr, stored_bound
from pleura.imaging.mark.layout import (
    LAYERS,
    PLAN_BYTES,
    STREAM_BYTES,
    Floats,
    Mark,
    cell_grid,
    chips,
    pattern,
    plan,
)
from pleura.imaging.mark.read import Residual, difference, own_part, payloads, residual, score
from pleura.imaging.match.register import Alignment
from pleura.imaging.rasters import to_array, to_raster
from pleura.imaging.work import to_work

FILM = film(1)
MARK, OTHER, *REST = marks_of_one_image(7, 8)


def aligned(suspect: NDArray[np.uint8]) -> Alignment:
    """The alignment of a suspect that was never moved."""
    work = to_work(suspect).astype(np.float32)
    return Alignment(picture=work, valid=np.ones(work.shape, bool), inliers=100, agreement=1.0, evenness=1.0)


def rest_of(suspect: NDArray[np.uint8], original: NDArray[np.uint8]) -> Residual:
    return residual(aligned(suspect), to_work(original), (original.shape[0], original.shape[1]))


def read(suspect: NDArray[np.uint8], original: NDArray[np.uint8], mark: Mark) -> float:
    rest = rest_of(suspect, original)
    return score(own_part(rest, plan(mark.plan, rest.shape)), mark.own)


def test_a_marked_copy_has_at_least_45_decibels() -> None:
    assert psnr(FILM, embed(FILM, MARK)) >= 45


def test_no_pixel_changes_by_more_than_the_bound() -> None:
    change = embed(FILM, MARK).astype(int) - FILM

    assert np.abs(change).max() <= MAX_CHANGE


def test_the_true_stream_is_read_and_another_is_not() -> None:
    copy = embed(FILM, MARK)

    assert read(copy, FILM, MARK) > 20
    assert read(copy, FILM, OTHER) < 6


def test_the_payload_is_the_likeliest_of_its_candidates() -> None:
    rest = rest_of(embed(FILM, MARK), FILM)

    assert payloads(rest, plan(MARK.plan, rest.shape))[0] == MARK.payload


def test_the_payload_is_not_read_with_the_plan_of_another_image() -> None:
    rest = rest_of(embed(FILM, MARK), FILM)
    (stranger,) = marks_of_one_image(8, 1)

    assert MARK.payload not in payloads(rest, plan(stranger.plan, rest.shape))


def test_a_copy_marked_eight_times_over_names_all_eight() -> None:
    copy = FILM
    for mark in (MARK, OTHER, *REST):
        copy = embed(copy, mark)

    assert all(read(copy, FILM, mark) > 9 for mark in (MARK, OTHER, *REST))


def test_four_copies_averaged_name_all_four_and_no_other() -> None:
    copies = [embed(FILM, mark) for mark in (MARK, OTHER, *REST[:2])]
    joined = np.rint(np.mean(copies, axis=0)).astype(np.uint8)

    assert all(read(joined, FILM, mark) > 9 for mark in (MARK, OTHER, *REST[:2]))
    assert all(read(joined, FILM, mark) < 6 for mark in REST[2:])


def first_version(picture: NDArray[np.uint8], stream: bytes) -> NDArray[np.uint8]:
    """A copy as the first version of the mark made it: every cell is the copy's own."""
    shape = (picture.shape[0], picture.shape[1])
    design: Floats = pattern(chips(stream, shape), shape)
    return np.clip(np.rint(picture + 0.9 * design), 0, 255).astype(np.uint8)


def test_a_mark_of_the_first_version_is_still_read() -> None:
    rest = rest_of(first_version(FILM, MARK.own), FILM)

    assert score(rest, MARK.own) > 20
    assert score(rest, OTHER.own) < 6


def test_half_of_the_cells_carry_the_payload_evenly() -> None:
    for part in plan(MARK.plan, (2000, 1500)):
        carried = np.bincount(part.bit, minlength=1024)
        assert abs(part.own.sum() - part.payload.size) <= 1
        assert carried.max() - carried.min() <= 1
        assert not part.own.ravel()[part.payload].any()
        assert abs(part.pad.mean()) < 0.1


def test_a_plan_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match=f"{PLAN_BYTES} bytes"):
        plan(MARK.plan[:-1], (10, 10))


def test_nothing_is_read_in_the_original() -> None:
    assert abs(read(FILM, FILM, MARK)) < 6


def test_innocent_scores_look_like_a_standard_normal() -> None:
    rest = rest_of(embed(FILM, MARK), FILM)
    own, dice = own_part(rest, plan(MARK.plan, rest.shape)), np.random.default_rng(3)
    scores = np.array([score(own, dice.bytes(STREAM_BYTES)) for _ in range(400)])

    assert abs(scores.mean()) < 0.25
    assert 0.85 < scores.std() < 1.15
    assert scores.max() < 5


def test_a_mark_survives_a_change_of_tone() -> None:
    copy = embed(FILM, MARK).astype(float)
    toned = np.clip(255 * (copy / 255) ** 1.6 * 0.9 + 10, 0, 255).astype(np.uint8)

    assert read(toned, FILM, MARK) > 15


def test_colour_changes_by_the_same_amount_in_all_samples() -> None:
    picture = np.stack([FILM, FILM // 2 + 60, 200 - FILM // 3], axis=-1).astype(np.uint8)
    change = embed(picture, MARK).astype(int) - picture
    inside = ((picture > 8) & (picture < 247)).all(axis=-1)

    assert (change[inside][:, 0] == change[inside][:, 1]).all()
    assert np.abs(change).max() > 0


@pytest.mark.parametrize("level", [0, 255])
def test_flat_black_and_white_stay_untouched(level: int) -> None:
    flat = np.full((300, 200), level, dtype=np.uint8)

    assert (embed(flat, MARK) == flat).all()


@pytest.mark.parametrize(
    ("bits", "signed", "black", "white"),
    [
        (12, False, 0.0, 4095.0),
        (12, False, 4095.0, 0.0),
        (16, True, -1000.0, 3000.0),
        (10, False, 200.0, 700.0),
    ],
)
def test_stored_values_change_within_the_stated_bound(
    bits: int,
    signed: bool,  # noqa: FBT001 - a column of the table
    black: float,
    white: float,
) -> None:
    dtype = np.int16 if signed else np.uint16
    values = (black + FILM.astype(float) / 255 * (white - black)).astype(dtype)
    stored = StoredPixels(raster=to_raster(values), bits_stored=bits, black=black, white=white)

    marked = to_array(embed_stored(stored, MARK))
    shown = np.clip((marked.astype(float) - black) / (white - black) * 255, 0, 255).astype(np.uint8)

    change = marked.astype(int) - values
    assert marked.dtype == values.dtype
    assert 0 < np.abs(change).max() <= stored_bound(stored)
    assert read(shown, FILM, MARK) > 8


@pytest.mark.parametrize(
    ("bits", "width", "bound"),
    [
        (8, 255.0, 4),
        (10, 1023.0, 4),
        (12, 4095.0, 16),
        (16, 65535.0, 256),
        (16, 400.0, 6),  # a CT: 1/256 of its range would be more than half of this window
        (12, -400.0, 6),  # MONOCHROME1
        (12, 40.0, 1),
        (16, 0.0, 1),
    ],
)
def test_the_bound_of_stored_values_is_what_the_format_says(bits: int, width: float, bound: int) -> None:
    raster = to_raster(np.zeros((1, 1), np.uint16))
    stored = StoredPixels(raster=raster, bits_stored=bits, black=100.0, white=100.0 + width)

    assert stored_bound(stored) == bound


def test_a_narrow_window_over_many_bits_shows_no_more_than_a_rendition_does() -> None:
    black, white = -160.0, 240.0
    values = (black + FILM.astype(float) / 255 * (white - black)).round().astype(np.int16)
    stored = StoredPixels(raster=to_raster(values), bits_stored=16, black=black, white=white)

    marked = to_array(embed_stored(stored, MARK))

    def shown(of: NDArray[np.int16]) -> NDArray[np.uint8]:
        return np.clip(np.floor((of - black) / (white - black) * 255 + 0.5), 0, 255).astype(np.uint8)

    assert np.abs(shown(marked).astype(int) - shown(values)).max() <= MAX_CHANGE
    assert psnr(shown(values), shown(marked)) >= 48
    assert read(shown(marked), FILM, MARK) > 60


def test_a_window_of_few_stored_values_still_carries_a_mark() -> None:
    values = (100 + FILM.astype(float) / 255 * 30).round().astype(np.uint16)
    stored = StoredPixels(raster=to_raster(values), bits_stored=12, black=100.0, white=130.0)

    marked = to_array(embed_stored(stored, MARK))
    shown = np.clip((marked.astype(float) - 100) / 30 * 255, 0, 255).astype(np.uint8)

    assert np.abs(marked.astype(int) - values).max() == 1
    assert read(shown, FILM, MARK) > 15


def test_a_stored_value_never_leaves_its_bits() -> None:
    values = np.where(FILM > 128, 4095, 0).astype(np.uint16)
    stored = StoredPixels(raster=to_raster(values), bits_stored=12, black=0.0, white=4095.0)

    marked = to_array(embed_stored(stored, MARK))

    assert marked.max() <= 4095


def test_a_stream_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="8840 bytes"):
        chips(MARK.own[:-1], (10, 10))


@given(rows=st.integers(1, 5000), columns=st.integers(1, 5000))
@settings(max_examples=50)
def test_every_shape_has_cells_within_the_stream(rows: int, columns: int) -> None:
    for side, _ in LAYERS:
        grid = cell_grid((rows, columns), side)
        assert min(grid) >= 1
        assert max(grid) == side


def test_chips_are_cut_from_the_square_row_by_row() -> None:
    stream = bytes([0b10000000]) + bytes(STREAM_BYTES - 1)
    fine, coarse = chips(stream, (512, 256))

    assert fine.shape == (256, 128)
    assert coarse.shape == (72, 36)
    assert fine[0, 0] == 1
    assert (fine.ravel()[1:] == -1).all()


def test_the_difference_is_shown_only_where_the_suspect_covers_the_original() -> None:
    alignment = aligned(FILM)
    alignment.valid[:100] = False

    shown = difference(alignment, to_work(FILM))

    assert np.isnan(shown[:100]).all()
    assert np.isfinite(shown[100:]).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (64, 64), (17, 900)])
def test_a_tiny_or_narrow_picture_is_marked_without_complaint(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(60, 180, shape).astype(np.uint8)

    assert embed(picture, MARK).shape == shape
