"""Pictures wrapped as DICOM, and copies derived from originals, read back by pydicom alone."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000, JPEG2000Lossless
from tests.fakes.dicom_files import colour, compressed, image, part10, ramp

from pleura.domain.errors import BadInput
from pleura.domain.rasters import Raster
from pleura.imaging.dicom.windows import display, stored
from pleura.imaging.dicom.writing import derive, receive, suspect
from pleura.imaging.rasters import to_array, to_raster


def picture(pixels: NDArray[Any], kind: str = "PNG", **options: object) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def wrapped(data: bytes) -> Dataset:
    instance = receive(data).instance
    assert instance is not None
    return pydicom.dcmread(BytesIO(instance))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_a_grey_picture_is_wrapped_value_by_value(kind: str) -> None:
    pixels = ramp(bits=8)

    dataset = wrapped(picture(pixels, kind))

    assert np.array_equal(pixels, dataset.pixel_array)
    assert dataset.PhotometricInterpretation == "MONOCHROME2"
    assert f"{kind} picture" in dataset.ImageComments


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_16_bit_picture_keeps_its_16_bits(kind: str) -> None:
    pixels = ramp(bits=16)

    dataset = wrapped(picture(pixels, kind))

    assert np.array_equal(pixels, dataset.pixel_array)
    assert dataset.BitsStored == 16


def test_a_wrapped_picture_looks_as_the_picture_did() -> None:
    pixels = ramp(bits=8)

    received = receive(picture(pixels))

    assert received.instance is not None
    assert np.array_equal(pixels, to_array(display(received.instance)))
    assert received.facts.origin == "picture"
    assert received.facts.identity.patient_id == ""


def test_a_colour_picture_stays_colour() -> None:
    assert np.array_equal(colour(), wrapped(picture(colour())).pixel_array)


def test_equal_channels_become_grey() -> None:
    pixels = ramp(bits=8)

    dataset = wrapped(picture(np.stack([pixels] * 3, axis=2)))

    assert np.array_equal(pixels, dataset.pixel_array)


def test_the_same_picture_gets_the_same_uids_and_another_gets_others() -> None:
    first, again = receive(picture(ramp(bits=8))), receive(picture(ramp(bits=8)))
    other = receive(picture(ramp(bits=8)[::-1]))
    uids = {first.facts.sop_instance_uid, first.facts.study_uid, first.facts.series_uid}

    assert first == again
    assert len(uids) == 3
    assert uids.isdisjoint({other.facts.sop_instance_uid, other.facts.study_uid, other.facts.series_uid})


def test_a_jpeg_says_that_it_was_compressed_with_loss() -> None:
    dataset = wrapped(picture(ramp(bits=8), "JPEG"))

    assert dataset.LossyImageCompression == "01"
    assert "LossyImageCompression" not in wrapped(picture(ramp(bits=8)))


@pytest.mark.parametrize("act", ["receive", "suspect"])
def test_a_picture_stands_upright_as_its_exif_says(act: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = picture(np.rot90(ramp(bits=8)), "JPEG", exif=exif, quality=100)

    upright = to_array(display(receive(lying).instance or b"") if act == "receive" else suspect(lying))

    assert upright.shape == (24, 32)
    assert np.abs(upright.astype(int) - ramp(bits=8)).max() <= 3


def test_transparency_is_flattened_on_white() -> None:
    see_through = np.zeros((4, 4, 4), np.uint8)
    see_through[0, 0, 3] = 255

    shown = to_array(suspect(picture(see_through)))

    assert (shown[0, 0], shown[1, 1]) == (0, 255)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_a_moving_picture_is_taken(kind: str) -> None:
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (40, 200)]
    stream = BytesIO()
    frames[0].save(stream, kind, save_all=True, append_images=frames[1:], lossless=True)

    assert to_array(suspect(stream.getvalue())).tolist() == [[40] * 4] * 4


def test_a_very_long_suspect_is_made_smaller() -> None:
    shown = suspect(picture(np.zeros((6, 9000), np.uint8)))

    assert (shown.rows, shown.columns) == (4, 6000)


def test_a_suspect_dicom_file_is_shown_in_its_window() -> None:
    whole = part10(image(ramp(), 12))

    assert suspect(whole) == display(whole)


def test_a_truncated_picture_is_refused() -> None:
    with pytest.raises(BadInput) as caught:
        receive(picture(np.arange(40000, dtype=np.uint16).reshape(200, 200))[:-200])

    assert caught.value.code == "decode-failed"


def marked(original: bytes) -> tuple[Raster, bytes, Dataset]:
    values = to_array(stored(original).raster).copy()
    values[0, 0] += 1
    pixels = to_raster(values)
    copy = derive(original, pixels, "2.25.99", "marked copy")
    return pixels, copy, pydicom.dcmread(BytesIO(copy))


def test_a_derived_copy_says_what_it_is_and_from_what() -> None:
    original = part10(image(ramp(), 12))

    pixels, _, dataset = marked(original)

    assert np.array_equal(to_array(pixels), dataset.pixel_array)
    assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID == "2.25.99"
    assert dataset.ImageType[0] == "DERIVED"
    assert dataset.DerivationDescription == "marked copy"
    assert dataset.SourceImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"
    assert (dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit) == (16, 12, 11)


def test_a_derived_copy_keeps_identity_and_window() -> None:
    original = part10(image(ramp(), 12, WindowCenter="100", WindowWidth="51"))

    _, copy, dataset = marked(original)

    assert (str(dataset.PatientName), dataset.PatientID) == ("Wang^XiaoDong=王^小东", "P-0042")
    assert (stored(copy).black, stored(copy).white) == (stored(original).black, stored(original).white)


def test_a_derived_copy_leaves_the_preamble_and_the_private_and_the_thumbnail_behind() -> None:
    dataset = image(ramp(), 12, IconImageSequence=[image(ramp(4, 4, 8))])
    dataset.private_block(0x0041, "SOMEBODY", create=True).add_new(1, "LO", "secret")

    _, copy, derived = marked(part10(dataset, preamble=b"MZ".ljust(128, b"\x90")))

    assert copy[:132] == bytes(128) + b"DICM"
    assert "IconImageSequence" not in derived
    assert [element for element in derived if element.tag.is_private] == []


def test_a_derived_copy_tells_its_lossy_past() -> None:
    _, _, lossy = marked(compressed(image(ramp(bits=8)), JPEG2000))
    _, _, lossless = marked(compressed(image(ramp(bits=8)), JPEG2000Lossless))
    _, _, stated = marked(part10(image(ramp(bits=8), LossyImageCompression="01")))

    assert lossy.LossyImageCompression == stated.LossyImageCompression == "01"
    assert "LossyImageCompression" not in lossless


def test_a_derived_copy_states_its_new_extremes() -> None:
    dataset = image(ramp(), 12)
    dataset.add_new("SmallestImagePixelValue", "US", 0)
    dataset.add_new("LargestImagePixelValue", "US", 4095)

    _, _, derived = marked(part10(dataset))

    assert (derived.SmallestImagePixelValue, derived.LargestImagePixelValue) == (1, 4095)


@pytest.mark.parametrize("signed", [False, True])
def test_signed_values_are_written_back(*, signed: bool) -> None:
    original = part10(image(ramp(bits=15, signed=signed), 16))

    pixels, copy, _ = marked(original)

    assert stored(copy).raster == pixels


def test_a_derived_copy_of_many_frames_holds_the_first() -> None:
    pixels, copy, dataset = marked(part10(image(np.stack([ramp(), ramp()[::-1]]), 12)))

    assert dataset.NumberOfFrames == 1
    assert stored(copy).raster == pixels


def test_pixels_of_another_size_are_refused() -> None:
    with pytest.raises(BadInput) as caught:
        derive(part10(image(ramp(), 12)), to_raster(ramp(8, 8)), "2.25.1", "marked copy")

    assert caught.value.code == "derive-differs"
