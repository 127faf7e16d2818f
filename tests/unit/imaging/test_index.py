"""The index knows its own originals by their features, whatever the engine."""

from __future__ import annotations

import numpy as np
import pytest
from tests.fakes.films import film
from tests.fakes.neighbours import EveryDescriptor

from pleura.adapters.neighbours import InvertedLists
from pleura.domain.errors import BadInput
from pleura.imaging.match.features import Features, features
from pleura.imaging.match.index import FeatureIndex, Neighbours
from pleura.imaging.match.sketch import make_sketch
from pleura.imaging.match.suspect import views
from pleura.imaging.simulate.leaks import ATTACKS

FILMS = [film(seed) for seed in range(6)]
ORIGINALS = {f"img-{seed}": make_sketch(picture).features for seed, picture in enumerate(FILMS)}
ENGINES = pytest.mark.parametrize("engine", [EveryDescriptor, InvertedLists])


def _index(engine: type[Neighbours], names: list[str] | None = None) -> FeatureIndex:
    index = FeatureIndex(engine())
    index.add((name, index.encode(ORIGINALS[name])) for name in names or ORIGINALS)
    return index


def _seen(picture: np.ndarray) -> Features:  # type: ignore[type-arg]
    return next(views(picture)).features


@ENGINES
@pytest.mark.parametrize("attack", ["none", "crop-25", "phone-photo-hard", "thumbnail-320", "rotate-90"])
def test_the_original_of_a_picture_has_most_votes_after(engine: type[Neighbours], attack: str) -> None:
    suspect = _seen(ATTACKS[attack](FILMS[3], np.random.default_rng(3)))

    assert _index(engine).candidates(suspect, 3)[0] == "img-3"


@ENGINES
@pytest.mark.parametrize("times", [2, 5, 9])
def test_a_film_that_is_stored_many_times_is_found_every_time(engine: type[Neighbours], times: int) -> None:
    index = _index(engine)
    stored = {f"img-3-{number}" for number in range(times - 1)}

    index.add((name, index.encode(ORIGINALS["img-3"])) for name in stored)

    suspect = _seen(ATTACKS["jpeg-50"](FILMS[3], np.random.default_rng(3)))
    assert set(index.candidates(suspect, times)) == stored | {"img-3"}


def test_an_addition_that_fails_adds_nothing_and_can_be_tried_again() -> None:
    index = _index(EveryDescriptor, ["img-0", "img-1"])
    good = ("img-3", index.encode(ORIGINALS["img-3"]))

    with pytest.raises(BadInput):
        index.add([good, ("img-4", b"x" * 131)])

    assert index.images == {"img-0", "img-1"}
    index.add([good])
    assert index.candidates(_seen(FILMS[3]), 3)[0] == "img-3"


@ENGINES
def test_adding_an_original_twice_changes_nothing(engine: type[Neighbours]) -> None:
    index, again = _index(engine), _index(engine)

    again.add((name, again.encode(found)) for name, found in ORIGINALS.items())

    suspect = _seen(FILMS[5])
    assert list(again.candidates(suspect, 6)) == list(index.candidates(suspect, 6))


@ENGINES
def test_an_original_alone_is_found(engine: type[Neighbours]) -> None:
    assert list(_index(engine, ["img-2"]).candidates(_seen(FILMS[2]), 5)) == ["img-2"]


@ENGINES
def test_an_empty_index_and_a_blank_picture_give_no_candidates(engine: type[Neighbours]) -> None:
    blank = features(np.full((100, 100), 128, np.uint8), 500)

    assert not FeatureIndex(engine()).candidates(_seen(FILMS[0]), 5)
    assert not _index(engine).candidates(blank, 5)


@ENGINES
def test_an_original_without_features_is_kept_and_never_found(engine: type[Neighbours]) -> None:
    index = _index(engine)
    blank = features(np.full((100, 100), 128, np.uint8), 500)

    index.add([("img-blank", index.encode(blank))])

    assert "img-blank" in index.images
    assert "img-blank" not in index.candidates(_seen(FILMS[0]), 7)


def test_what_an_engine_did_not_make_is_refused() -> None:
    with pytest.raises(BadInput, match="damaged"):
        FeatureIndex(EveryDescriptor()).add([("img-1", b"x" * 131)])


def test_the_same_features_have_the_same_codes_in_every_process() -> None:
    index = FeatureIndex(InvertedLists())

    first = index.encode(ORIGINALS["img-0"])

    assert first == FeatureIndex(InvertedLists()).encode(ORIGINALS["img-0"])
    assert len(first) == len(ORIGINALS["img-0"].places) * (2 + InvertedLists.code_bytes)
