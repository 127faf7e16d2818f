"""Whatever is brought as a suspect, a trace answers, and never with the wrong name."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Picture
from tests.fakes.films import film, written
from tests.fakes.house import FakeHouse

from pleura.domain.errors import BadInput
from pleura.domain.tracing import Verdict
from pleura.prevent.copies import CopyRequest, IssuedCopy

Pixels = NDArray[np.uint8]
DICE = np.random.default_rng(5)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> FakeHouse:
    """Three films, the second of which left for two people."""
    house, folder = FakeHouse(), tmp_path_factory.mktemp("films")
    for seed in range(3):
        house.receive(written(folder, seed))
        house.clock.advance(1)
    return house


@pytest.fixture(scope="module")
def copies(house: FakeHouse) -> list[IssuedCopy]:
    image = house.vault.images()[1].id
    return [
        house.copies.issue(
            CopyRequest(image=image, recipient=recipient, purpose="treatment", form="png"), actor="test"
        )
        for recipient in ("Dr Li", "Dr Wu")
    ]


@pytest.fixture
def copy(copies: list[IssuedCopy]) -> Pixels:
    """The copy of the first of them, as pixels."""
    return np.asarray(Picture.open(io.BytesIO(copies[0].content)).convert("L"))


def kept(tmp_path: Path, pixels: Pixels) -> Path:
    path = tmp_path / "suspect.png"
    Picture.fromarray(pixels).save(path)
    return path


# Pictures that show nothing of ours


STRANGE: dict[str, Callable[[], Pixels]] = {
    "blank": lambda: np.full((600, 500), 128, np.uint8),
    "black": lambda: np.zeros((600, 500), np.uint8),
    "noise": lambda: DICE.integers(0, 256, (600, 500), dtype=np.uint8),
    "32 pixels wide": lambda: cv2.resize(film(1, 520, 430), (32, 38)),
    "one pixel high": lambda: film(1, 520, 430)[:1],
    "one pixel wide": film(1, 520, 430)[:, :1].copy,
    "one pixel": lambda: np.zeros((1, 1), np.uint8),
    "another body part": lambda: film(77, 700, 300),
    "a drawing of it": lambda: np.where(cv2.Canny(film(1, 520, 430), 60, 140) > 0, 0, 255).astype(np.uint8),
    "a checkerboard": lambda: np.kron(np.indices((20, 20)).sum(0) % 2 * 255, np.ones((30, 30))).astype(
        np.uint8
    ),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_shows_no_film_of_ours_names_nobody(
    house: FakeHouse, copies: list[IssuedCopy], tmp_path: Path, name: str
) -> None:
    report = house.tracer.trace(kept(tmp_path, STRANGE[name]()), actor="test").report

    assert copies
    assert (report.verdict, report.record) == (Verdict.UNKNOWN, None)


def test_a_stranger_film_that_shares_a_part_with_ours_names_nobody(
    house: FakeHouse, copies: list[IssuedCopy], tmp_path: Path
) -> None:
    """Half of an unmarked original of ours, pasted into another film."""
    pasted = film(55, 520, 430)
    pasted[:260] = film(1, 520, 430)[:260]

    report = house.tracer.trace(kept(tmp_path, pasted), actor="test").report

    assert copies
    assert report.record is None


# Pictures that do


def mirrored_and_inverted(copy: Pixels) -> Pixels:
    return 255 - copy[:, ::-1]


def on_a_light_box(copy: Pixels) -> Pixels:
    """The third of four films on a light box."""
    box = np.full((1200, 1060), 235, np.uint8)
    for place, shown in enumerate((film(31, 520, 430), film(32, 520, 430), copy, film(33, 520, 430))):
        row, column = 50 + place // 2 * 580, 60 + place % 2 * 510
        box[row : row + 520, column : column + 430] = shown
    return box


def under_stickers(copy: Pixels) -> Pixels:
    """A QR code and two stickers over a quarter of it."""
    covered = copy.copy()
    code = DICE.integers(0, 2, (21, 21), dtype=np.uint8) * 255
    covered[20:188, 20:188] = np.kron(code, np.ones((8, 8), np.uint8))
    covered[300:380, 250:420] = 250
    covered[420:500, 30:160] = 10
    return covered


def enlarged_and_sharpened(copy: Pixels) -> Pixels:
    """As an upscaler leaves it: twice the size, edges made crisp, grain taken out."""
    large = cv2.resize(
        cv2.bilateralFilter(copy, 5, 12, 3), None, fx=2, fy=2, interpolation=cv2.INTER_LANCZOS4
    )
    return cv2.addWeighted(large, 1.6, cv2.GaussianBlur(large, (0, 0), 2), -0.6, 0)


def inpainted(copy: Pixels) -> Pixels:
    """A tenth of it painted over from its surroundings."""
    hole = np.zeros(copy.shape, np.uint8)
    hole[180:340, 140:280] = 1
    return cv2.inpaint(copy, hole, 5, cv2.INPAINT_TELEA)


@pytest.mark.parametrize(
    "alter", [mirrored_and_inverted, on_a_light_box, under_stickers, enlarged_and_sharpened, inpainted]
)
def test_a_copy_is_named_or_matched_and_nobody_else_is_named(
    house: FakeHouse,
    copies: list[IssuedCopy],
    copy: Pixels,
    tmp_path: Path,
    alter: Callable[[Pixels], Pixels],
) -> None:
    report = house.tracer.trace(kept(tmp_path, alter(copy)), actor="test").report

    assert report.image == copies[0].record.image
    assert report.record in {copies[0].record, None}


@pytest.mark.parametrize("alter", [on_a_light_box, under_stickers, inpainted])
def test_a_copy_is_named(
    house: FakeHouse,
    copies: list[IssuedCopy],
    copy: Pixels,
    tmp_path: Path,
    alter: Callable[[Pixels], Pixels],
) -> None:
    report = house.tracer.trace(kept(tmp_path, alter(copy)), actor="test").report

    assert report.record == copies[0].record


# Files of an unusual kind


def as_cmyk(copy: Pixels) -> bytes:
    return saved(Picture.fromarray(copy).convert("CMYK"), "JPEG", quality=90)


def as_sixteen_bits(copy: Pixels) -> bytes:
    return saved(Picture.fromarray(copy.astype(np.uint16) * 257), "PNG")


def as_animation(copy: Pixels) -> bytes:
    frames = [Picture.fromarray(shown) for shown in (copy, film(8, *copy.shape))]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def as_transparent(copy: Pixels) -> bytes:
    grey = Picture.fromarray(copy)
    return saved(Picture.merge("LA", (grey, Picture.new("L", grey.size, 255))), "PNG")


def saved(picture: Picture.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.parametrize("form", [as_cmyk, as_sixteen_bits, as_animation, as_transparent])
def test_a_copy_in_a_file_of_an_unusual_kind_is_named(
    house: FakeHouse, copies: list[IssuedCopy], copy: Pixels, tmp_path: Path, form: Callable[[Pixels], bytes]
) -> None:
    path = tmp_path / "suspect"
    path.write_bytes(form(copy))

    assert house.tracer.trace(path, actor="test").report.record == copies[0].record


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_a_damaged_jpeg_is_traced_or_refused_and_never_misread(
    house: FakeHouse, copies: list[IssuedCopy], copy: Pixels, tmp_path: Path, place: float
) -> None:
    content = bytearray(saved(Picture.fromarray(copy), "JPEG", quality=90))
    start = int(len(content) * place)
    content[start : start + 40] = bytes(40)
    path = tmp_path / "suspect.jpg"
    path.write_bytes(content)

    try:
        report = house.tracer.trace(path, actor="test").report
    except BadInput:
        assert house.kinds()[-1] == "refusal"
    else:
        assert report.record in {copies[0].record, None}


def test_a_picture_of_too_many_pixels_is_refused(house: FakeHouse, tmp_path: Path) -> None:
    path = kept(tmp_path, np.zeros((20_001, 20_001), np.uint8))

    with pytest.raises(BadInput, match="pixels"):
        house.tracer.trace(path, actor="test")
