"""A DICOM instance, checked before a pixel is decoded, and the facts that the catalogue keeps of it."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any, Final

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from pleura.domain.images import MOST_TEXT, Device, Identity, ImageFacts, Origin
from pleura.imaging.dicom.refusals import refuse
from pleura.imaging.dicom.structure import UNDEFINED, Content, Skeleton, take_apart

MAX_PIXEL_BYTES: Final = 512 << 20
"""Bytes of all frames of one instance, decoded."""
MAX_FRAME_PIXELS: Final = 100_000_000
"""Pixels of one frame; the largest mammogram has 27 million."""

NATIVE: Final = frozenset(
    {ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian}
)
JPEG_FAMILY: Final = frozenset(
    {
        JPEGBaseline8Bit,
        JPEGExtended12Bit,
        JPEGLossless,
        JPEGLosslessSV1,
        JPEGLSLossless,
        JPEGLSNearLossless,
    }
)
JPEG2000_FAMILY: Final = frozenset({JPEG2000, JPEG2000Lossless, HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL})
SUPPORTED: Final = NATIVE | JPEG_FAMILY | JPEG2000_FAMILY | {RLELossless}
GREY: Final = frozenset({"MONOCHROME1", "MONOCHROME2"})
COLOUR: Final = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})
PALETTE: Final = "PALETTE COLOR"

_PIXEL_DATA: Final = 0x7FE00010
_LARGE: Final = 64 << 10
"""Bytes of a value above which pydicom leaves it where it is."""

_UID: Final = re.compile(r"[0-9.]{1,64}")
_UID_KEYWORDS: Final = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_DATE: Final = re.compile(r"[0-9]{8}")
_TIME: Final = re.compile(r"[0-9]{6}")


def open_instance(data: Content) -> Dataset:
    """The data set of an image instance whose header, sizes and UIDs have been checked.

    No pixel is decoded, and native Pixel Data is a view of *data*. Raises BadInput; library errors
    are left to `only_refusals`.
    """
    skeleton = take_apart(data)
    dataset = _read(skeleton)
    if "DirectoryRecordSequence" in dataset:
        raise refuse("dicomdir")
    uid = UID(skeleton.transfer_syntax_uid)
    if uid not in SUPPORTED:
        shown = uid if _UID.fullmatch(uid) else "?"
        raise refuse("transfer-syntax-unsupported", uid=str(shown))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid
    _check_uids(dataset)
    _check_pixels(dataset)
    return dataset


def _read(skeleton: Skeleton) -> Dataset:
    """The data set of a skeleton; of uncompressed pixels, which may be most of the file, no copy is made."""
    data = skeleton.data
    stream: Any = BytesIO(data) if isinstance(data, bytes) else data
    stream.seek(skeleton.start)
    native = skeleton.transfer_syntax_uid in NATIVE
    dataset = read_dataset(stream, skeleton.implicit, skeleton.little, defer_size=_LARGE if native else None)
    for element in list(dataset.values()):
        if isinstance(element, RawDataElement) and element.value is None and element.length:
            if element.length == UNDEFINED:
                raise refuse("dicom-malformed")
            value = memoryview(data)[element.value_tell : element.value_tell + element.length]
            whole: Any = value if element.tag == _PIXEL_DATA else bytes(value)
            dataset[element.tag] = element._replace(value=whole)
    return dataset


def facts(dataset: Dataset, origin: Origin) -> ImageFacts:
    """What the catalogue keeps of a data set that `open_instance` gave."""
    return ImageFacts(
        origin=origin,
        sop_class_uid=text(dataset, "SOPClassUID"),
        sop_instance_uid=text(dataset, "SOPInstanceUID"),
        study_uid=text(dataset, "StudyInstanceUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        modality=text(dataset, "Modality"),
        transfer_syntax_uid=str(dataset.file_meta.TransferSyntaxUID),
        photometric=text(dataset, "PhotometricInterpretation"),
        rows=number(dataset, "Rows"),
        columns=number(dataset, "Columns"),
        frames=number(dataset, "NumberOfFrames", 1),
        samples=number(dataset, "SamplesPerPixel", 1),
        bits_stored=number(dataset, "BitsStored"),
        acquired_at=_acquired_at(dataset),
        identity=Identity(
            patient_name=text(dataset, "PatientName"),
            patient_id=text(dataset, "PatientID"),
            issuer=text(dataset, "IssuerOfPatientID"),
            birth_date=text(dataset, "PatientBirthDate"),
            accession_number=text(dataset, "AccessionNumber"),
        ),
        device=Device(
            manufacturer=text(dataset, "Manufacturer"),
            model=text(dataset, "ManufacturerModelName"),
            station=text(dataset, "StationName"),
            serial_number=text(dataset, "DeviceSerialNumber"),
        ),
    )


def text(dataset: Dataset, keyword: str) -> str:
    """The value of *keyword* as clean text of at most `MOST_TEXT` characters, ``""`` where there is none.

    A person name keeps its DICOM form, ``family^given`` and the groups parted by ``=`` (PS3.5
    section 6.2.1); the first of several values is taken.
    """
    value = dataset.get(keyword)
    if value is None:
        return ""
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        value = value[0] if len(value) else ""
    clean = "".join(mark for mark in str(value) if mark.isprintable())
    return clean.encode("utf-8", "replace").decode("utf-8").strip()[:MOST_TEXT]


def number(dataset: Dataset, keyword: str, absent: int = 0) -> int:
    """The whole number that *keyword* holds, *absent* where there is none."""
    value = dataset.get(keyword)
    return absent if value is None or value == "" else int(value)


def expected_bytes(dataset: Dataset) -> int:
    """The bytes of all frames in the native encoding (PS3.5 section 8.1.1)."""
    pixels = number(dataset, "Rows") * number(dataset, "Columns") * number(dataset, "NumberOfFrames", 1)
    return pixels * number(dataset, "SamplesPerPixel", 1) * (number(dataset, "BitsAllocated") // 8)


def _check_uids(dataset: Dataset) -> None:
    for keyword in _UID_KEYWORDS:
        if not _UID.fullmatch(str(dataset.get(keyword) or "")):
            raise refuse("dicom-uid", keyword=keyword)


def _check_pixels(dataset: Dataset) -> None:
    """Check the Image Pixel module (PS3.3 C.7.6.3) against our limits and against the bytes present."""
    if "PixelData" not in dataset or not dataset.PixelData:
        raise refuse("no-pixel-data")
    _check_kind(dataset)
    rows, columns = number(dataset, "Rows"), number(dataset, "Columns")
    frames = number(dataset, "NumberOfFrames", 1)
    if min(rows, columns, frames) < 1:
        raise refuse("pixel-format-unsupported")
    expected = expected_bytes(dataset)
    if rows * columns > MAX_FRAME_PIXELS or expected > MAX_PIXEL_BYTES:
        raise refuse("too-many-pixels", columns=columns, rows=rows, frames=frames)
    if text(dataset, "PhotometricInterpretation") == "YBR_FULL_422":
        expected = expected * 2 // 3
    got = len(dataset.PixelData)
    if dataset.file_meta.TransferSyntaxUID in NATIVE and got < expected:
        raise refuse("pixel-data-short", got=got, expected=expected)


def _check_kind(dataset: Dataset) -> None:
    photometric = text(dataset, "PhotometricInterpretation")
    samples = number(dataset, "SamplesPerPixel", 1)
    allocated, stored = number(dataset, "BitsAllocated"), number(dataset, "BitsStored")
    wanted = 3 if photometric in COLOUR else 1
    known = photometric in GREY | COLOUR | {PALETTE}
    if not known or samples != wanted or allocated not in (8, 16) or not 1 <= stored <= allocated:
        raise refuse("pixel-format-unsupported")
    if number(dataset, "PixelRepresentation") not in (0, 1):
        raise refuse("pixel-format-unsupported")


def _acquired_at(dataset: Dataset) -> str:
    """The moment of acquisition as the device's clock showed it: ``YYYY-MM-DDTHH:MM:SS``, or ``""``."""
    moment = text(dataset, "AcquisitionDateTime")
    date, time = moment[:8], moment[8:14]
    for kind in ("Acquisition", "Content", "Series", "Study"):
        if not _DATE.fullmatch(date):
            date, time = text(dataset, kind + "Date"), text(dataset, kind + "Time")[:6]
    if not _DATE.fullmatch(date):
        return ""
    clock = time if _TIME.fullmatch(time) else "000000"
    return f"{date[:4]}-{date[4:6]}-{date[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}"
