"""Others are measured as ours is, and whoever is missing is named."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from bench.attribution.__main__ import PARTS, _arguments
from bench.attribution.peers import compare
from bench.attribution.peers.markers import BITS, Bits, Marker, markers
from bench.attribution.peers.matchers import matchers
from bench.attribution.stage import Picture, Shelf
from tests.fakes.films import film

from pleura.imaging.match.sketch import make_sketch
from pleura.imaging.simulate.edits import as_rgb

FILMS = [film(seed, 480, 400) for seed in (1, 2)]


def _written(picture: Picture, bits: Bits) -> Picture:
    marked = picture.copy()
    marked[200, :BITS, 0] = marked[200, :BITS, 0] // 2 * 2 + bits
    return marked


LOWEST_BIT = Marker(
    name="lowest bit", embed=_written, read=lambda picture: (picture[200, :BITS, 0] % 2).astype(np.uint8)
)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("blind_watermark", "imwatermark", "onnxruntime", "pdqhash", "imagehash"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("nothing_installed")
def test_a_mark_that_is_not_installed_is_named_with_its_package() -> None:
    there, gone = markers(slow=True)

    assert there == []
    assert {peer.name: peer.reason for peer in gone} == {
        "blind-watermark": "not installed: blind_watermark",
        "invisible-watermark dwtDct": "not installed: invisible-watermark",
        "invisible-watermark dwtDctSvd": "not installed: invisible-watermark",
        "invisible-watermark rivaGan": "not installed: onnxruntime",
    }


@pytest.mark.usefixtures("nothing_installed")
def test_a_matcher_that_is_not_installed_is_named_and_orb_is_always_there() -> None:
    there, gone = matchers()

    assert [matcher.name for matcher in there] == ["ORB"]
    assert [(peer.name, peer.reason) for peer in gone] == [
        ("PDQ", "not installed: pdqhash"),
        ("pHash", "not installed: imagehash"),
    ]


@pytest.mark.usefixtures("nothing_installed")
def test_the_slow_mark_is_named_where_it_is_not_asked_for() -> None:
    _, gone = markers(slow=False)

    assert any("rivaGan" in peer.name and "--rivagan" in peer.reason for peer in gone)


def test_orb_knows_a_film_from_another() -> None:
    orb = matchers()[0][0]
    one, two = (orb.describe(picture) for picture in FILMS)
    turned = orb.describe(np.ascontiguousarray(np.rot90(FILMS[0])))

    assert orb.likeness(turned, one) > 3 * max(1.0, orb.likeness(turned, two))


def test_a_turned_picture_is_laid_back_on_the_frame_of_its_original() -> None:
    original = as_rgb(FILMS[0])
    back = compare.laid_back(np.ascontiguousarray(np.rot90(original)), make_sketch(FILMS[0]))

    assert back is not None
    assert back.shape == original.shape
    assert np.abs(back[40:-40, 40:-40].astype(int) - original[40:-40, 40:-40]).mean() < 4


def test_what_is_no_film_is_laid_nowhere() -> None:
    flat = np.full((300, 300, 3), 90, np.uint8)

    assert compare.laid_back(flat, make_sketch(FILMS[0])) is None


@pytest.mark.usefixtures("nothing_installed")
def test_ours_and_others_stand_in_the_same_tables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = markers(slow=False)[1]
    monkeypatch.setattr(compare, "markers", lambda *, slow: ([LOWEST_BIT], absent))
    shelf = Shelf([make_sketch(picture) for picture in FILMS])
    options = compare.Options(seed=1, jobs=1, slow=False)

    compare.run(FILMS[:1], shelf, ["none", "rotate-180"], options)

    table = capsys.readouterr().out
    assert "| none | 1/1 | 1/1 | 1/1 (1.00) | 1/1 (1.00) |" in table
    assert "| rotate-180 | 1/1 | 1/1 | 0/1 " in table
    assert "| blind-watermark | not installed: blind_watermark |" in table
    assert "PDQ: not installed: pdqhash" in table
    assert "| rotate-180 | 1/1 | 1/1 |  |  |" in table


def test_peers_come_beside_the_parts_by_option_and_alone_by_name() -> None:
    assert _arguments(["--peers"]).parts == [*PARTS, "peers"]
    assert _arguments(["peers"]).parts == ["peers"]


def test_a_part_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SystemExit):
        _arguments(["atacks"])
