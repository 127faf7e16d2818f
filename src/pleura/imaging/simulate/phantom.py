"""Invented patients: chest phantoms and the DICOM instances made of them."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from pleura.imaging.simulate import anatomy
from pleura.imaging.simulate.anatomy import Build
from pleura.imaging.simulate.drawing import Canvas, Map, ramp

_UID_SPACE = uuid.UUID("8d1f6b52-4f2e-5a77-9c3c-2f5b0f0e7a11")


@dataclass(frozen=True, kw_only=True)
class PhantomDevice:
    """An invented digital X-ray room."""

    model: str
    station: str
    serial_number: str
    rows: int = 2048
    columns: int = 2048
    inverse: bool = False  # stores MONOCHROME1: high values are black
    character_set: str = "ISO_IR 192"


@dataclass(frozen=True, kw_only=True)
class PhantomPatient:
    """An invented patient; every name says that it is one."""

    name: str
    patient_id: str
    birth_date: str
    device: PhantomDevice


_ROOM_ONE = PhantomDevice(model="Phantom DR One", station="DR-1", serial_number="PHANTOM-7001")
_ROOM_TWO = PhantomDevice(
    model="Phantom DR Two",
    station="DR-2",
    serial_number="PHANTOM-7002",
    rows=2456,
    columns=2048,
    inverse=True,
)
_ROOM_THREE = PhantomDevice(
    model="Phantom Mobile",
    station="MOBILE-3",
    serial_number="PHANTOM-7003",
    rows=2000,
    columns=2400,
    character_set="GB18030",
)

PATIENTS: Sequence[PhantomPatient] = (
    PhantomPatient(name="Lin^Shili=林^示例", patient_id="DEMO-0001", birth_date="19710304", device=_ROOM_ONE),
    PhantomPatient(
        name="Chen^Yangben=陈^样本", patient_id="DEMO-0002", birth_date="19850617", device=_ROOM_TWO
    ),
    PhantomPatient(
        name="Wang^Xugou=王^虚构", patient_id="DEMO-0003", birth_date="19581122", device=_ROOM_THREE
    ),
    PhantomPatient(
        name="Zhao^Yanshi=赵^演示", patient_id="DEMO-0004", birth_date="19930809", device=_ROOM_ONE
    ),
    PhantomPatient(name="Sun^Moni=孙^模拟", patient_id="DEMO-0005", birth_date="19660130", device=_ROOM_TWO),
    PhantomPatient(name="Example^Anna", patient_id="DEMO-0006", birth_date="20010512", device=_ROOM_THREE),
)
"""The patients of the demo. The given names mean example, sample, fiction, demonstration, simulation."""


def phantom(seed: int, *, rows: int = 2048, columns: int = 2048) -> NDArray[np.uint16]:
    """Give back a 12-bit picture (0..4095, bone is bright) that resembles a PA chest radiograph.

    The same seed and size give the same picture; another seed is another patient: build, heart,
    ribs, vessels, breath and position differ. Sizes from 64 pixels a side upwards are sensible.
    """
    rng = np.random.default_rng(seed)
    build = Build.drawn(rng)
    canvas = Canvas(rows=(rows + 1) // 2, columns=(columns + 1) // 2)
    thickness = _positioned(_thickness(canvas, build, rng), rng)
    whole = cv2.resize(thickness, (columns, rows), interpolation=cv2.INTER_CUBIC)
    film = _processed(_detected(np.asarray(whole, dtype=np.float32), rng))
    _mark_side(film, rng)
    return np.asarray(np.rint(film * _shutter(rows, columns, rng) * 4095), dtype=np.uint16)


def make_film(seed: int, patient: PhantomPatient) -> bytes:
    """Give back the DICOM instance of the phantom *seed* as taken of *patient* on the patient's device."""
    return _instance(seed, patient, datetime(2026, 3, 2, 8, 30, tzinfo=UTC) + timedelta(hours=7 * seed))


def make_instance(
    seed: int,
    *,
    patient_name: str,
    patient_id: str,
    serial_number: str,
    acquired: datetime,
    size: tuple[int, int] = (2048, 2048),
) -> bytes:
    """Give back the DICOM instance of the phantom *seed*: rows and columns by *size*, MONOCHROME2, UTF-8.

    The same arguments give the same bytes, UIDs included.
    """
    device = PhantomDevice(
        model="Phantom DR", station="DR-0", serial_number=serial_number, rows=size[0], columns=size[1]
    )
    patient = PhantomPatient(name=patient_name, patient_id=patient_id, birth_date="", device=device)
    return _instance(seed, patient, acquired)


def _instance(seed: int, patient: PhantomPatient, acquired: datetime) -> bytes:
    """Give back a Digital X-Ray Image Storage - For Presentation instance (PS3.3 A.26), explicit VR."""
    device = patient.device
    film = phantom(seed, rows=device.rows, columns=device.columns)
    data_set = Dataset()
    data_set.update(_identity(seed, patient, acquired))
    data_set.update(_equipment(device))
    data_set.update(_pixel_description(device))
    data_set.PixelData = (4095 - film if device.inverse else film).astype("<u2").tobytes()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    buffer = BytesIO()
    dcmwrite(buffer, data_set, enforce_file_format=True)
    return buffer.getvalue()


def _identity(seed: int, patient: PhantomPatient, acquired: datetime) -> Dataset:
    """Give back who, when and which: patient, study, series and SOP common modules."""
    part = Dataset()
    part.SpecificCharacterSet = patient.device.character_set
    part.SOPClassUID = DigitalXRayImageStorageForPresentation
    key = f"{seed} {patient.patient_id} {patient.device.serial_number} {acquired.isoformat()}"
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        # A UUID as a UID (PS3.5 B.2), by name and not by chance, so that a rerun makes the same instance.
        setattr(part, keyword, f"2.25.{uuid.uuid5(_UID_SPACE, f'{keyword} {key}').int}")
    for event in ("Study", "Series", "Acquisition", "Content"):
        setattr(part, f"{event}Date", acquired.strftime("%Y%m%d"))
        setattr(part, f"{event}Time", acquired.strftime("%H%M%S"))
    part.TimezoneOffsetFromUTC = acquired.strftime("%z") or "+0000"
    part.PatientName = patient.name
    part.PatientID = patient.patient_id
    part.PatientBirthDate = patient.birth_date
    part.PatientSex = ""
    part.ReferringPhysicianName = ""
    part.StudyID = f"{seed}"
    part.AccessionNumber = f"A{seed:06d}"
    part.SeriesNumber = part.InstanceNumber = 1
    part.StudyDescription = "Chest PA (simulated phantom)"
    return part


def _equipment(device: PhantomDevice) -> Dataset:
    """Give back how it was taken: equipment, DX series, anatomy, positioning and detector modules."""
    part = Dataset()
    part.Manufacturer = "pleura phantom"
    part.InstitutionName = "pleura demonstration"
    part.ManufacturerModelName = device.model
    part.StationName = device.station
    part.DeviceSerialNumber = device.serial_number
    part.Modality = "DX"
    part.PresentationIntentType = "FOR PRESENTATION"
    part.BodyPartExamined = "CHEST"
    part.ViewPosition = "PA"
    part.PatientOrientation = ["L", "F"]
    part.ImageLaterality = "U"
    part.ImageType = ["ORIGINAL", "PRIMARY"]
    part.KVP = "120"
    part.PositionerType = "NONE"
    part.AnatomicRegionSequence = []
    part.DetectorType = "SCINTILLATOR"
    part.ImagerPixelSpacing = [0.2, 0.2]
    part.AcquisitionContextSequence = []
    return part


def _pixel_description(device: PhantomDevice) -> Dataset:
    """Give back what the stored values mean: image pixel, DX image and VOI LUT modules."""
    part = Dataset()
    part.SamplesPerPixel = 1
    part.PhotometricInterpretation = "MONOCHROME1" if device.inverse else "MONOCHROME2"
    part.PresentationLUTShape = "INVERSE" if device.inverse else "IDENTITY"
    part.Rows, part.Columns = device.rows, device.columns
    part.BitsAllocated, part.BitsStored, part.HighBit = 16, 12, 11
    part.PixelRepresentation = 0
    part.PixelIntensityRelationship = "LOG"
    part.PixelIntensityRelationshipSign = 1 if device.inverse else -1
    part.RescaleIntercept, part.RescaleSlope, part.RescaleType = "0", "1", "US"
    part.WindowCenter, part.WindowWidth = "2048", "4096"
    part.BurnedInAnnotation = "NO"
    part.LossyImageCompression = "00"
    return part


def _thickness(canvas: Canvas, build: Build, rng: np.random.Generator) -> Map:
    """Give back the optical thickness of the whole patient."""
    lung, heart = anatomy.air(canvas, build)
    tree = anatomy.vessels(canvas, build, rng)
    texture = _clouds(canvas, rng)
    lucency = np.float32(build.lucency) * lung * (1 - np.float32(0.08) * texture)
    vessels = np.float32(0.5) * tree * lung
    tissue = anatomy.body(canvas, build) + heart + vessels - lucency
    # Beam hardening and scatter leave less contrast to the bones that lie over thick tissue.
    contrast = 1 - np.float32(0.42) * ramp(tissue, 0.62 * build.flesh, 1.0 * build.flesh)
    total = tissue + anatomy.bones(canvas, build, rng) * contrast
    return np.asarray(np.maximum(total - anatomy.gas(canvas, build, rng), 0), dtype=np.float32)


def _clouds(canvas: Canvas, rng: np.random.Generator) -> Map:
    """Give back smooth noise of several scales, about -1..1: the lung's fine structure."""
    total = np.zeros((canvas.rows, canvas.columns), dtype=np.float32)
    for cells, weight in ((12, 0.5), (30, 0.35), (80, 0.3), (200, 0.3)):
        grid = rng.standard_normal((cells * canvas.rows // canvas.columns + 2, cells), dtype=np.float32)
        size = canvas.columns, canvas.rows
        total += np.float32(weight * 0.6) * cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)
    return total


def _positioned(thickness: Map, rng: np.random.Generator) -> Map:
    """Give back the patient standing a little crooked and off the middle."""
    rows, columns = thickness.shape
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), rng.uniform(-2.5, 2.5), rng.uniform(1.06, 1.18))
    turn[:, 2] += rng.uniform(-0.025, 0.025) * columns, rng.uniform(-0.03, 0.02) * rows
    turn[1, 2] += 0.15 * max(0, rows - columns)  # on a tall detector the chest hangs in the upper half
    moved = cv2.warpAffine(
        thickness, turn, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, dtype=np.float32)


def _detected(thickness: Map, rng: np.random.Generator) -> Map:
    """Give back the logarithm of what the detector counts: scatter, quantum noise and its correlation.

    The noise of the counts is Poisson's, so it is strongest where the patient is thickest; the
    scintillator spreads part of it over neighbouring pixels; rows keep a trace of their amplifiers.
    """
    primary = np.exp(-thickness)
    small = cv2.resize(primary, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)
    spread = cv2.GaussianBlur(small, (0, 0), max(1.0, primary.shape[1] / 16 / 14))
    scatter = cv2.resize(spread, primary.shape[::-1], interpolation=cv2.INTER_LINEAR)
    counts = primary + np.float32(0.45) * scatter + np.float32(0.012)
    white = rng.standard_normal(counts.shape, dtype=np.float32)
    noise = np.float32(0.45) * white + np.float32(1.3) * cv2.GaussianBlur(white, (0, 0), 0.8)
    amplifier = rng.normal(0, 0.0012, (counts.shape[0], 1)).astype(np.float32)
    quanta = rng.uniform(9000, 22000)
    return np.asarray(
        amplifier - np.log(counts) + noise / np.sqrt(counts * np.float32(quanta)), dtype=np.float32
    )


def _processed(density: Map) -> Map:
    """Give back the density as a workstation shows it: local contrast raised, range 0..1."""
    small = cv2.resize(density, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    wide = cv2.GaussianBlur(small, (0, 0), max(1.0, density.shape[1] / 8 / 16))
    base = cv2.resize(wide, density.shape[::-1], interpolation=cv2.INTER_LINEAR)
    sharp = density + np.float32(0.75) * (density - base)
    low, high = np.percentile(sharp[::8, ::8], (4, 99.3))
    level = np.clip((sharp - np.float32(low)) / np.float32(high - low), 0, 1)
    curved = 1 - (1 - level ** np.float32(1.35)) ** np.float32(1.1)
    return np.asarray(np.float32(0.94) * curved, dtype=np.float32)


def _mark_side(film: Map, rng: np.random.Generator) -> None:
    """Put the lead letter of the patient's side into an upper corner."""
    rows, columns = film.shape
    letter, across = ("R", 0.09) if rng.random() < 0.5 else ("L", 0.88)
    size = columns / 900
    place = round(columns * across), round(rows * rng.uniform(0.09, 0.2))
    lead = np.zeros((rows, columns), dtype=np.uint8)
    cv2.putText(lead, letter, place, cv2.FONT_HERSHEY_DUPLEX, size, 250, max(1, round(size * 3)), cv2.LINE_AA)
    np.maximum(film, lead.astype(np.float32) / np.float32(255), out=film)


def _shutter(rows: int, columns: int, rng: np.random.Generator) -> Map:
    """Give back 1 inside the collimated field and 0 outside, with slightly crooked blades."""
    field = np.zeros((rows, columns), dtype=np.float32)
    inset = rng.uniform(0.0, 0.035, 4) * columns
    skew = math.tan(math.radians(rng.uniform(-0.6, 0.6))) * columns / 2
    corners = [
        (inset[0] + skew, inset[1] - skew),
        (columns - inset[2] + skew, inset[1] + skew),
        (columns - inset[2] - skew, rows - inset[3] + skew),
        (inset[0] - skew, rows - inset[3] - skew),
    ]
    cv2.fillPoly(field, [np.rint(np.array(corners) * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(field, (0, 0), max(0.6, columns / 1400)), dtype=np.float32)
