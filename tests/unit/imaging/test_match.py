"""A suspect finds its original, is laid over it, and strangers are not mixed up."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests.fakes.films import film, marks_of_one_image
from tests.fakes.neighbours import EveryDescriptor

from pleura.domain.errors import BadInput
from pleura.imaging.mark.embed import embed
from pleura.imaging.mark.layout import plan
from pleura.imaging.mark.read import own_part, residual, score
from pleura.imaging.match.features import FEATURES_BYTES, Features, features
from pleura.imaging.match.index import FeatureIndex
from pleura.imaging.match.register import align, find_geometry
from pleura.imaging.match.sketch import Sketch, Work, make_sketch
from pleura.imaging.match.suspect import views
from pleura.imaging.simulate.leaks import ATTACKS

FILMS = [film(seed) for seed in range(6)]
SKETCHES = [make_sketch(picture) for picture in FILMS]
(MARK,) = marks_of_one_image(5, 1)


@pytest.mark.parametrize(
    "attack", ["jpeg-50", "crop-50", "rotate-5-crop", "mirror", "negative", "perspective"]
)
def test_a_marked_copy_is_found_and_read_after(attack: str) -> None:
    leaked = ATTACKS[attack](embed(FILMS[2], MARK), np.random.default_rng(1))
    index = FeatureIndex(EveryDescriptor())
    index.add((str(number), index.encode(sketch.features)) for number, sketch in enumerate(SKETCHES))

    for view in views(leaked):
        number = int(index.candidates(view.features, 1)[0])
        geometry = find_geometry(view.features, SKETCHES[number].features)
        if geometry is None or geometry.inliers < 20:
            continue
        work = SKETCHES[number].work
        alignment = align(view.grey, geometry, work.grey)
        if alignment.holds:
            break

    assert number == 2
    assert alignment.holds
    rest = residual(alignment, work.grey, (work.rows, work.columns))
    assert score(own_part(rest, plan(MARK.plan, rest.shape)), MARK.own) > 9


def test_a_stranger_does_not_hold() -> None:
    view = next(views(film(99)))

    for sketch in SKETCHES:
        geometry = find_geometry(view.features, sketch.features)
        held = geometry is not None and align(view.grey, geometry, sketch.work.grey).holds
        assert not held


def test_a_picture_without_features_has_no_geometry() -> None:
    blank = features(np.full((100, 100), 128, np.uint8), 500)

    assert find_geometry(blank, SKETCHES[0].features) is None


def test_a_sketch_comes_back_from_its_bytes() -> None:
    data = SKETCHES[0].to_bytes()

    back = Sketch(
        features=Features.from_bytes(data[:FEATURES_BYTES]), work=Work.from_bytes(data[FEATURES_BYTES:])
    )

    assert (back.work.grey == SKETCHES[0].work.grey).all()
    assert (back.work.rows, back.work.columns) == FILMS[0].shape
    assert (back.features.descriptors == SKETCHES[0].features.descriptors).all()
    assert np.allclose(back.features.places, SKETCHES[0].features.places)


@pytest.mark.parametrize("data", [b"", b"x" * 10, b"\0" * FEATURES_BYTES])
def test_damaged_features_are_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="damaged"):
        Features.from_bytes(data)


@pytest.mark.parametrize("data", [b"", b"\1\0\0\0\1\0\0\0", b"\1\0\0\0\1\0\0\0not a png"])
def test_a_damaged_work_image_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="damaged"):
        Work.from_bytes(data)


def test_a_sketch_is_small_beside_its_original() -> None:
    large = cv2.resize(FILMS[0], (2000, 2460), interpolation=cv2.INTER_CUBIC)

    assert len(make_sketch(large).to_bytes()) < 1_500_000
