"""Small DICOM files made of known pixels, valid in every encoding we read, and hostile in known ways."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
UIDS = {"instance": "1.2.3.4", "study": "1.2.3", "series": "1.2.3.1"}


def ramp(rows: int = 24, columns: int = 32, bits: int = 12, *, signed: bool = False) -> NDArray[Any]:
    """Every pixel differs from its neighbours; the whole range of *bits* is used."""
    kind = ("i" if signed else "u") + ("1" if bits <= 8 else "2")
    values = np.linspace(0, 2**bits - 1, rows * columns).round().astype(np.int64)
    return (values - (2 ** (bits - 1) if signed else 0)).astype(kind).reshape(rows, columns)


@disable_value_validation()
def image(pixels: NDArray[Any], bits_stored: int | None = None, **elements: object) -> Dataset:
    """A data set of *pixels*, shaped (rows, columns), (frames, rows, columns) or (rows, columns, 3)."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = DX_FOR_PRESENTATION
    dataset.SOPInstanceUID = UIDS["instance"]
    dataset.StudyInstanceUID = UIDS["study"]
    dataset.SeriesInstanceUID = UIDS["series"]
    dataset.Modality = "DX"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PatientName = "Wang^XiaoDong=王^小东"
    dataset.PatientID = "P-0042"
    is_colour = pixels.ndim == 3 and pixels.shape[2] == 3
    dataset.SamplesPerPixel = 3 if is_colour else 1
    dataset.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        dataset.PlanarConfiguration = 0
    if pixels.ndim == 3 and not is_colour:
        dataset.NumberOfFrames = pixels.shape[0]
    dataset.Rows, dataset.Columns = pixels.shape[:2] if is_colour else pixels.shape[-2:]
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored = bits_stored or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    data = pixels.tobytes()
    dataset.add_new("PixelData", "OW" if pixels.dtype.itemsize == 2 else "OB", data + b"\0" * (len(data) % 2))
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


@disable_value_validation()
def part10(dataset: Dataset, syntax: str = ExplicitVRLittleEndian, preamble: bytes = bytes(128)) -> bytes:
    """The data set as a file; compressed pixels must have been put in with `compressed`."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "1.2")
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2")
    dataset.preamble = preamble
    stream = BytesIO()
    dcmwrite(
        stream,
        dataset,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
        enforce_file_format=True,
    )
    return stream.getvalue()


def compressed(dataset: Dataset, syntax: str) -> bytes:
    """The file of *dataset* (one frame) with its pixels compressed by *syntax*."""
    dtype = f"{'i' if dataset.PixelRepresentation else 'u'}{dataset.BitsAllocated // 8}"
    shape = (dataset.Rows, dataset.Columns) + ((3,) if dataset.SamplesPerPixel == 3 else ())
    pixels = np.frombuffer(dataset.PixelData, dtype)[: int(np.prod(shape))].reshape(shape)
    if syntax == RLELossless:
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(RLELossless, pixels, generate_instance_uid=False)
        return part10(dataset, RLELossless)
    return with_fragment(dataset, syntax, _encode(pixels, syntax, dataset.BitsStored))


def with_fragment(dataset: Dataset, syntax: str, fragment: bytes) -> bytes:
    """The file of *dataset* with *fragment* as the compressed form of its one frame."""
    dataset.add_new("PixelData", "OB", encapsulate([fragment]))
    dataset["PixelData"].is_undefined_length = True
    return part10(dataset, syntax)


def _encode(pixels: NDArray[Any], syntax: str, bits: int) -> bytes:
    if syntax == JPEGBaseline8Bit:
        return bytes(imagecodecs.jpeg8_encode(pixels, level=95))
    if syntax == JPEGLosslessSV1:
        return bytes(imagecodecs.ljpeg_encode(pixels, bitspersample=bits))
    if syntax == JPEGLSLossless:
        return bytes(imagecodecs.jpegls_encode(pixels))
    options = {"codecformat": "j2k", "bitspersample": bits}
    if syntax == JPEG2000Lossless:
        return bytes(imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, **options))
    assert syntax == JPEG2000
    return bytes(imagecodecs.jpeg2k_encode(pixels, level=60, **options))


def valid_files() -> dict[str, bytes]:
    """One small valid file per encoding, the seeds of the mutants."""
    return {
        "explicit": part10(image(ramp(), 12)),
        "implicit": part10(image(ramp(), 12), ImplicitVRLittleEndian),
        "big": part10(image(ramp().astype(">u2"), 12), ExplicitVRBigEndian),
        "deflated": part10(image(ramp(), 12), DeflatedExplicitVRLittleEndian),
        "rle": compressed(image(ramp(), 12), RLELossless),
        "jpeg": compressed(image(ramp(bits=8)), JPEGBaseline8Bit),
        "jpeg-lossless": compressed(image(ramp(bits=12), 12), JPEGLosslessSV1),
        "jpeg-ls": compressed(image(ramp(bits=12), 12), JPEGLSLossless),
        "jpeg-2000": compressed(image(ramp(bits=12), 12), JPEG2000Lossless),
        "frames": part10(image(np.stack([ramp(), ramp()[::-1]]), 12)),
        "colour": part10(image(colour())),
    }


def colour() -> NDArray[np.uint8]:
    """A small picture whose channels differ."""
    grey = ramp(bits=8)
    return np.stack([grey, grey[::-1], grey[:, ::-1]], axis=2)


def rle_bomb() -> bytes:
    """Less than 1 KB that promise 65,535 x 65,535 pixels."""
    dataset = image(ramp(2, 2, 8), Rows=65535, Columns=65535)
    return with_fragment(dataset, RLELossless, struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\x00" * 8)


def jpeg_bomb() -> bytes:
    """A DICOM file of 32 x 24 pixels around a JPEG stream whose header says 65,500 x 65,500."""
    stream = bytearray(imagecodecs.jpeg8_encode(ramp(bits=8)))
    start = stream.index(b"\xff\xc0")
    struct.pack_into(">HH", stream, start + 5, 65500, 65500)
    return with_fragment(image(ramp(bits=8)), JPEGBaseline8Bit, bytes(stream))


def jp2_wrapped() -> bytes:
    """JPEG 2000 in a JP2 box, which DICOM forbids and which crashes some decoders."""
    stream = bytes(imagecodecs.jpeg2k_encode(ramp(bits=8), level=0, codecformat="jp2"))
    return with_fragment(image(ramp(bits=8)), JPEG2000Lossless, stream)


def deflate_bomb(mebibytes: int = 100) -> bytes:
    """A deflated data set of *mebibytes* of zeros."""
    whole = part10(image(ramp(), 12), DeflatedExplicitVRLittleEndian)
    start = _dataset_start(whole)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    zeros = bytes(1 << 20)
    packed = b"".join(packer.compress(zeros) for _ in range(mebibytes)) + packer.flush()
    return whole[:start] + packed


def deep_sequences(depth: int = 10_000) -> bytes:
    """A data set with *depth* sequences of undefined length, one in the other."""
    whole = part10(image(ramp(), 12))
    head = struct.pack("<HH2sHI", 0x0040, 0x0275, b"SQ", 0, 0xFFFFFFFF)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    return whole[: _dataset_start(whole)] + (head + item) * depth


def _dataset_start(whole: bytes) -> int:
    length = struct.unpack_from("<I", whole, 140)[0]
    return 144 + int(length)
