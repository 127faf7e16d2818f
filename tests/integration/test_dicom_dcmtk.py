"""Our default display against DCMTK, which shares no code with us."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from tests.fakes.dicom_files import colour, image, part10, ramp, valid_files

from pleura.imaging.dicom.windows import display
from pleura.imaging.dicom.writing import derive, receive
from pleura.imaging.rasters import encode_png, to_array, to_raster

pytestmark = pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="DCMTK is not installed")

WINDOW = {"WindowCenter": "1800", "WindowWidth": "1500"}


def lut() -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 16])
    item.add_new("LUTData", "US", (np.linspace(0, 1, 4096) ** 2 * 65535).astype(int).tolist())
    return item


CASES = {
    "window": image(ramp(), 12, **WINDOW),
    "no window": image(ramp(), 12),
    "monochrome1": image(ramp(), 12, PhotometricInterpretation="MONOCHROME1", **WINDOW),
    "rescaled": image(ramp(), 12, RescaleSlope="2", RescaleIntercept="-1000", RescaleType="US", **WINDOW),
    "signed": image(ramp(signed=True), 12, WindowCenter="-100", WindowWidth="1500"),
    "sigmoid": image(ramp(), 12, VOILUTFunction="SIGMOID", **WINDOW),
    "look-up table": image(ramp(), 12, VOILUTSequence=[lut()]),
    "8 bits": image(ramp(bits=8), WindowCenter="100", WindowWidth="80"),
    "16 bits": image(ramp(bits=16), WindowCenter="30000", WindowWidth="20000"),
    "colour": image(colour()),
}


def shown_by_dcmtk(whole: bytes, folder: Path, *options: str) -> NDArray[np.uint8]:
    (folder / "in.dcm").write_bytes(whole)
    command = ["dcm2pnm", *options, str(folder / "in.dcm"), str(folder / "out.pnm")]
    subprocess.run(command, check=True, capture_output=True)
    return np.asarray(Image.open(folder / "out.pnm"))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian])
def test_dcmtk_shows_the_same_grey_values(name: str, syntax: str | None, tmp_path: Path) -> None:
    whole = part10(CASES[name], syntax) if syntax else part10(CASES[name])
    options = {"no window": ["+Wm"], "look-up table": ["+Wl", "1"], "colour": []}.get(name, ["+Wi", "1"])

    theirs = shown_by_dcmtk(whole, tmp_path, *options)

    assert np.abs(theirs.astype(int) - to_array(display(whole))).max() <= 1


@pytest.mark.parametrize("name", ["rle", "deflated", "big"])
def test_dcmtk_reads_the_same_out_of_an_encoding(name: str, tmp_path: Path) -> None:
    theirs = shown_by_dcmtk(valid_files()[name], tmp_path, "+Wm")

    assert np.abs(theirs.astype(int) - to_array(display(valid_files()[name]))).max() <= 1


def test_dcmtk_reads_a_wrapped_picture_value_by_value(tmp_path: Path) -> None:
    pixels = ramp(bits=8)
    instance = receive(encode_png(to_raster(pixels))).instance

    assert instance is not None
    assert np.array_equal(pixels, shown_by_dcmtk(instance, tmp_path, "+Wi", "1"))


def test_dcmtk_reads_a_derived_copy(tmp_path: Path) -> None:
    original = part10(image(ramp(), 12, **WINDOW))
    copy = derive(original, to_raster(ramp()), "2.25.4", "marked copy")

    theirs = shown_by_dcmtk(copy, tmp_path, "+Wi", "1")

    assert np.abs(theirs.astype(int) - to_array(display(original))).max() <= 1
