"""DICOM instances that pleura writes: a picture wrapped as one, and a copy derived from an original."""

from __future__ import annotations

import hashlib
import uuid
from io import BytesIO
from typing import Final

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    SecondaryCaptureImageStorage,
)

from pleura.domain.images import UNDESCRIBED, Description, ImageFacts
from pleura.domain.rasters import Raster, Received
from pleura.imaging.dicom.guard import only_refusals
from pleura.imaging.dicom.pictures import RECEIVED_FORMATS, SUSPECT_FORMATS, Picture, open_picture
from pleura.imaging.dicom.reading import GREY, facts, number, open_instance, text
from pleura.imaging.dicom.refusals import refuse
from pleura.imaging.dicom.structure import Content, is_part10, looks_like_dataset
from pleura.imaging.dicom.windows import check_shown, shown
from pleura.imaging.rasters import to_array, to_raster

IMPLEMENTATION_CLASS_UID: Final = UID("2.25.172393849184036719268817201190218351117")
IMPLEMENTATION_VERSION: Final = "PLEURA"
LONGEST_SUSPECT: Final = 6000
"""Pixels of the longer side above which a suspect picture is made smaller."""

_LOSSY: Final = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000})
_DROPPED: Final = (
    # An unmarked thumbnail would undo the mark.
    "IconImageSequence",
    # Signatures over the original do not hold for the copy.
    "DigitalSignaturesSequence",
    "MACParametersSequence",
    # Offsets into the compressed original.
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelDataProviderURL",
    "FloatPixelData",
    "DoubleFloatPixelData",
)


def receive(data: Content, about: Description = UNDESCRIBED) -> Received:
    """What the received bytes are: a DICOM instance, or a picture wrapped as one. Raises BadInput."""
    with only_refusals():
        if not data:
            raise refuse("file-empty")
        if is_dicom(data):
            dataset = open_instance(data)
            check_shown(dataset)
            return Received(facts=facts(dataset, "dicom"), instance=None)
        picture = bytes(data)
        instance = wrap(open_picture(picture, RECEIVED_FORMATS), picture, about)
        return Received(facts=_picture_facts(open_instance(instance)), instance=instance)


def suspect(data: Content) -> Raster:
    """Any picture or DICOM file as 8-bit grey or RGB, upright, at most `LONGEST_SUSPECT` long.

    Raises BadInput.
    """
    with only_refusals():
        if not data:
            raise refuse("file-empty")
        if is_dicom(data):
            return shown(open_instance(data))
        pixels = open_picture(bytes(data), SUSPECT_FORMATS, LONGEST_SUSPECT).pixels
        if pixels.dtype == np.uint16:
            pixels = (pixels >> 8).astype(np.uint8)
        return to_raster(pixels)


def is_dicom(data: Content) -> bool:
    """Whether *data* is to be read as DICOM, by content and never by name."""
    return is_part10(data) or looks_like_dataset(data)


def wrap(picture: Picture, source: bytes, about: Description = UNDESCRIBED) -> bytes:
    """A Secondary Capture Image (PS3.3 A.8) of *picture*, its origin stated, described by *about*.

    Its UIDs follow from the bytes of *source*, so that an import run again meets the same instance.
    """
    digest = hashlib.sha256(source).digest()
    raster = to_raster(picture.pixels)
    dataset = Dataset()
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = _content_uid(b"instance", digest)
    dataset.StudyInstanceUID = _content_uid(b"study", digest)
    dataset.SeriesInstanceUID = _content_uid(b"series", digest)
    for keyword in ("PatientSex", "ReferringPhysicianName", "StudyDate", "StudyTime", "StudyID"):
        setattr(dataset, keyword, "")
    dataset.PatientOrientation = ""
    _describe(dataset, about)
    dataset.SeriesNumber = None
    dataset.InstanceNumber = 1
    dataset.Modality = "OT"
    dataset.ConversionType = "WSD"
    dataset.SecondaryCaptureDeviceManufacturer = "pleura"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ImageComments = f"imported from a {picture.kind} picture"
    dataset.DerivationDescription = dataset.ImageComments
    if picture.kind == "JPEG":
        dataset.LossyImageCompression = "01"
        dataset.LossyImageCompressionMethod = "ISO_10918_1"
    _put_pixels(dataset, raster, raster.bits)
    if raster.samples == 1:
        # This window is the identity (PS3.3 C.11.2.1.2): the instance looks as the picture did.
        dataset.WindowCenter = str(2 ** (raster.bits - 1))
        dataset.WindowWidth = str(2**raster.bits)
    return _part10(dataset)


def _describe(dataset: Dataset, about: Description) -> None:
    """Set what the importing person said: identity (PS3.3 C.2.2) and device (C.7.5.1)."""
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = about.identity.patient_name
    dataset.PatientID = about.identity.patient_id
    dataset.IssuerOfPatientID = about.identity.issuer
    dataset.PatientBirthDate = about.identity.birth_date
    dataset.AccessionNumber = about.identity.accession_number
    dataset.Manufacturer = about.device.manufacturer
    dataset.ManufacturerModelName = about.device.model
    dataset.StationName = about.device.station
    dataset.DeviceSerialNumber = about.device.serial_number


def derive(original: Content, pixels: Raster, sop_instance_uid: str, derivation: str) -> bytes:
    """A DICOM instance derived from the first frame of *original* with *pixels* as its stored values.

    It keeps the identity and the meaning of the original, says that it is DERIVED and from what
    (PS3.3 C.7.6.1.1.2 and C.12.4.1.1.2), is uncompressed, and carries no preamble, no private
    element, no thumbnail and no signature of the original. Raises BadInput.
    """
    with only_refusals():
        dataset = open_instance(original)
        if (pixels.rows, pixels.columns) != (number(dataset, "Rows"), number(dataset, "Columns")):
            raise refuse("derive-differs")
        _keep_lossy_history(dataset)
        _drop(dataset)
        _state_derivation(dataset, derivation)
        dataset.SOPInstanceUID = sop_instance_uid
        is_grey = text(dataset, "PhotometricInterpretation") in GREY
        _put_pixels(dataset, pixels, min(number(dataset, "BitsStored"), pixels.bits) if is_grey else 8)
        return _part10(dataset)


def _picture_facts(dataset: Dataset) -> ImageFacts:
    return facts(dataset, "picture")


def _content_uid(purpose: bytes, digest: bytes) -> str:
    """A UID below 2.25 (PS3.5 B.2) that follows from content: a UUID made of its SHA-256."""
    name = hashlib.sha256(b"pleura picture " + purpose + digest).digest()[:16]
    return f"2.25.{uuid.UUID(bytes=name, version=5).int}"


def _keep_lossy_history(dataset: Dataset) -> None:
    """State a lossy compression that only the transfer syntax told so far (PS3.3 C.7.6.1.1.5)."""
    if dataset.file_meta.TransferSyntaxUID in _LOSSY and "LossyImageCompression" not in dataset:
        dataset.LossyImageCompression = "01"


def _drop(dataset: Dataset) -> None:
    """Remove what must not or cannot follow the pixels into a copy of one frame."""
    dataset.remove_private_tags()
    for keyword in _DROPPED:
        if keyword in dataset:
            delattr(dataset, keyword)
    for element in list(dataset.keys()):
        # Overlays inside the pixel data (retired) have gone with the bits that held them.
        if element.group & 0xFF01 == 0x6000 and (element.group << 16 | 0x3000) not in dataset:
            del dataset[element]
    if "NumberOfFrames" in dataset:
        dataset.NumberOfFrames = 1
    if dataset.get("PerFrameFunctionalGroupsSequence"):
        dataset.PerFrameFunctionalGroupsSequence = dataset.PerFrameFunctionalGroupsSequence[:1]


def _state_derivation(dataset: Dataset, derivation: str) -> None:
    purpose = Dataset()
    purpose.CodeValue = "121322"
    purpose.CodingSchemeDesignator = "DCM"
    purpose.CodeMeaning = "Source image for image processing operation"
    source = Dataset()
    source.ReferencedSOPClassUID = dataset.SOPClassUID
    source.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    source.PurposeOfReferenceCodeSequence = [purpose]
    dataset.SourceImageSequence = [source]
    rest = list(dataset.get("ImageType") or [])[2:]
    dataset.ImageType = ["DERIVED", "SECONDARY", *rest]
    # The character set of the original stays, so only its common part is certain to be writable.
    dataset.DerivationDescription = derivation.encode("ascii", "replace").decode("ascii")[:1024]


def _put_pixels(dataset: Dataset, raster: Raster, bits_stored: int) -> None:
    """Set the Image Pixel module (PS3.3 C.7.6.3) to the values of *raster*."""
    dataset.Rows, dataset.Columns = raster.rows, raster.columns
    dataset.SamplesPerPixel = raster.samples
    dataset.BitsAllocated = raster.bits
    dataset.BitsStored = bits_stored
    dataset.HighBit = bits_stored - 1
    dataset.PixelRepresentation = int(raster.signed)
    if raster.samples == 3:
        _drop_palette(dataset)
        dataset.PhotometricInterpretation = "RGB"
        dataset.PlanarConfiguration = 0
    elif text(dataset, "PhotometricInterpretation") not in GREY:
        dataset.PhotometricInterpretation = "MONOCHROME2"
    if "SmallestImagePixelValue" in dataset or "LargestImagePixelValue" in dataset:
        values = to_array(raster)
        kind = "SS" if raster.signed else "US"
        dataset.add_new("SmallestImagePixelValue", kind, int(values.min()))
        dataset.add_new("LargestImagePixelValue", kind, int(values.max()))
    padded = raster.data + b"\0" * (len(raster.data) % 2)
    dataset.add_new("PixelData", "OB" if raster.bits == 8 else "OW", padded)
    dataset["PixelData"].is_undefined_length = False


def _drop_palette(dataset: Dataset) -> None:
    for element in list(dataset.keys()):
        if 0x00281101 <= element <= 0x00281223:
            del dataset[element]


def _part10(dataset: Dataset) -> bytes:
    """The data set as a Part 10 file, explicit little endian, its preamble all zero (PS3.10 7.1)."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    dataset.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    dataset.preamble = bytes(128)
    stream = BytesIO()
    dcmwrite(stream, dataset, implicit_vr=False, little_endian=True, enforce_file_format=True)
    return stream.getvalue()
