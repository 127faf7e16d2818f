"""Default display and stored values against arrays computed by hand from PS3.3."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from tests.fakes.dicom_files import colour, compressed, image, part10, ramp, with_fragment

from pleura.imaging.dicom.windows import display, stored
from pleura.imaging.rasters import to_array


def linear(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    """PS3.3 C.11.2.1.2.1, case by case, written apart from the code under test."""
    shown = np.empty(values.shape)
    for place, x in np.ndenumerate(values.astype(float)):
        if x <= centre - 0.5 - (width - 1) / 2:
            shown[place] = 0
        elif x > centre - 0.5 + (width - 1) / 2:
            shown[place] = 255
        else:
            shown[place] = ((x - (centre - 0.5)) / (width - 1) + 0.5) * 255
    return np.floor(shown + 0.5).astype(np.uint8)


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]
)
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_a_linear_window_is_applied_as_the_standard_says(syntax: str, bits: int, *, signed: bool) -> None:
    pixels = ramp(bits=bits, signed=signed)
    centre, width = float(pixels.mean()), 2.0 ** (bits - 1)
    whole = part10(image(pixels, bits, WindowCenter=str(centre)[:16], WindowWidth=str(width)), syntax)

    shown = to_array(display(whole))

    assert np.array_equal(linear(pixels, float(str(centre)[:16]), width), shown)


def test_a_big_endian_file_shows_the_same_picture() -> None:
    little = display(part10(image(ramp(), 12)))

    assert little == display(part10(image(ramp().astype(">u2"), 12), ExplicitVRBigEndian))


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_lossless_encoding_gives_the_stored_values_back(syntax: str, bits: int) -> None:
    pixels = ramp(bits=bits)

    found = stored(compressed(image(pixels, bits), syntax))

    assert np.array_equal(pixels, to_array(found.raster))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_signed_values_survive_a_lossless_encoding(syntax: str) -> None:
    pixels = ramp(bits=16, signed=True)

    found = stored(compressed(image(pixels, 16), syntax))

    assert np.array_equal(pixels, to_array(found.raster))


SMOOTH = np.stack([*np.meshgrid(np.arange(96) * 2, np.arange(64) * 3), np.full((64, 96), 90)], axis=2)
SMOOTH = SMOOTH.astype(np.uint8)


@pytest.mark.parametrize(
    ("photometric", "syntax", "frame", "loss"),
    [
        ("YBR_FULL_422", JPEGBaseline8Bit, imagecodecs.jpeg8_encode(SMOOTH, level=98), 6),
        ("RGB", JPEGBaseline8Bit, imagecodecs.jpeg8_encode(SMOOTH, level=98), 6),
        ("YBR_RCT", JPEG2000Lossless, imagecodecs.jpeg2k_encode(SMOOTH, level=0, codecformat="j2k"), 0),
        ("RGB", JPEGLSLossless, imagecodecs.jpegls_encode(SMOOTH), 0),
    ],
)
def test_compressed_colour_comes_as_rgb(photometric: str, syntax: str, frame: bytes, loss: int) -> None:
    whole = with_fragment(image(SMOOTH, PhotometricInterpretation=photometric), syntax, frame)

    found = to_array(stored(whole).raster)

    assert np.abs(found.astype(int) - SMOOTH).max() <= loss


def test_high_throughput_jpeg_2000_is_read() -> None:
    pixels = ramp(64, 96)
    frame = imagecodecs.htj2k_encode(pixels, level=0, reversible=True)

    found = stored(with_fragment(image(pixels, 12), HTJ2KLossless, frame))

    assert np.array_equal(pixels, to_array(found.raster))


def test_extended_jpeg_of_12_bits_is_read() -> None:
    pixels = ramp(64, 96)
    frame = imagecodecs.jpeg_encode(pixels, level=98, bitspersample=12)

    found = to_array(stored(with_fragment(image(pixels, 12), JPEGExtended12Bit, frame)).raster)

    assert np.abs(found.astype(int) - pixels).max() <= 16


def test_a_jpeg_is_within_its_loss() -> None:
    pixels = ramp(bits=8)

    found = to_array(stored(compressed(image(pixels), JPEGBaseline8Bit)).raster)

    assert np.abs(found.astype(int) - pixels).max() <= 4


def test_monochrome1_shows_low_values_white() -> None:
    pixels = ramp(bits=12)
    plain = to_array(display(part10(image(pixels, 12, WindowCenter="2048", WindowWidth="4096"))))
    monochrome1 = image(
        pixels, 12, PhotometricInterpretation="MONOCHROME1", WindowCenter="2048", WindowWidth="4096"
    )

    shown = to_array(display(part10(monochrome1)))

    assert np.abs(255 - plain.astype(int) - shown).max() <= 1
    assert shown[0, 0] == 255


def test_the_ends_of_the_window_are_given_as_stored_values() -> None:
    whole = part10(
        image(ramp(), 12, WindowCenter="100", WindowWidth="51", RescaleSlope="0.5", RescaleIntercept="-20")
    )

    found = stored(whole)

    assert (found.black, found.white) == ((74.5 + 20) / 0.5, (124.5 + 20) / 0.5)


def test_the_ends_are_swapped_for_monochrome1() -> None:
    elements = {"WindowCenter": "100", "WindowWidth": "51", "PhotometricInterpretation": "MONOCHROME1"}

    found = stored(part10(image(ramp(), 12, **elements)))

    assert (found.black, found.white) == (124.5, 74.5)


def test_linear_exact_differs_from_linear_by_its_ends() -> None:
    pixels = np.array([[74, 75, 100, 125, 126]], np.uint16)
    whole = part10(image(pixels, 12, WindowCenter="100", WindowWidth="50", VOILUTFunction="LINEAR_EXACT"))

    assert to_array(display(whole)).tolist() == [[0, 0, 128, 255, 255]]


def test_a_sigmoid_is_half_way_at_its_centre() -> None:
    pixels = np.array([[0, 75, 100, 125, 4095]], np.uint16)
    whole = part10(image(pixels, 12, WindowCenter="100", WindowWidth="100", VOILUTFunction="SIGMOID"))
    tail = round(255 / (1 + np.exp(1)))

    assert to_array(display(whole)).tolist() == [[5, tail, 128, 255 - tail, 255]]


def lut(first: int, bits: int, table: list[int], **elements: object) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(table), first, bits])
    item.add_new("LUTData", "US", table)
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def test_a_voi_look_up_table_is_followed() -> None:
    pixels = np.array([[0, 10, 11, 12, 13, 200]], np.uint16)
    whole = part10(image(pixels, 12, VOILUTSequence=[lut(10, 8, [0, 51, 102, 255])]))

    assert to_array(display(whole)).tolist() == [[0, 0, 51, 102, 255, 255]]


def test_a_modality_look_up_table_comes_before_the_window() -> None:
    pixels = np.array([[0, 1, 2, 3]], np.uint16)
    modality = lut(0, 16, [1000, 2000, 3000, 4000], ModalityLUTType="US")
    whole = part10(
        image(pixels, 12, ModalityLUTSequence=[modality], WindowCenter="2500.5", WindowWidth="3001")
    )

    assert to_array(display(whole)).tolist() == [[0, 85, 170, 255]]
    assert (stored(whole).black, stored(whole).white) == (0.0, 3.0)


def test_padding_does_not_stretch_the_automatic_window() -> None:
    pixels = np.array([[4095, 100, 150, 200]], np.uint16)
    whole = image(pixels, 12)
    whole.add_new("PixelPaddingValue", "US", 4095)

    assert to_array(display(part10(whole))).tolist() == [[255, 0, 128, 255]]


def test_a_flat_frame_has_a_display() -> None:
    assert to_array(display(part10(image(np.full((4, 4), 7, np.uint16), 12)))).max() == 0


def test_only_the_first_frame_is_shown() -> None:
    first = ramp()

    assert display(part10(image(np.stack([first, first[::-1]]), 12))) == display(part10(image(first, 12)))


def test_bits_above_the_stored_ones_are_not_part_of_the_value() -> None:
    pixels = ramp(bits=12)

    found = stored(part10(image(pixels | 0xF000, 12)))

    assert np.array_equal(pixels, to_array(found.raster))


def test_colour_is_shown_as_it_is() -> None:
    assert np.array_equal(colour(), to_array(display(part10(image(colour())))))


def test_planar_colour_is_interleaved() -> None:
    planar = image(colour(), PlanarConfiguration=1, PixelData=colour().transpose(2, 0, 1).tobytes())

    assert np.array_equal(colour(), to_array(display(part10(planar))))


def test_a_palette_is_looked_up() -> None:
    indexed = image(np.array([[0, 1, 2, 1]], np.uint8), PhotometricInterpretation="PALETTE COLOR")
    for name, table in (("Red", [0, 255, 10, 9]), ("Green", [0, 128, 20, 9]), ("Blue", [0, 64, 30, 9])):
        indexed.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [4, 0, 8])
        indexed.add_new(f"{name}PaletteColorLookupTableData", "OW", bytes(table))

    shown = to_array(display(part10(indexed)))

    assert shown[0].tolist() == [[0, 0, 0], [255, 128, 64], [10, 20, 30], [255, 128, 64]]


def test_a_window_in_the_functional_groups_is_found() -> None:
    group, window = Dataset(), Dataset()
    window.WindowCenter, window.WindowWidth = "100", "51"
    group.FrameVOILUTSequence = [window]

    found = stored(part10(image(ramp(), 12, SharedFunctionalGroupsSequence=[group])))

    assert (found.black, found.white) == (74.5, 124.5)
