"""The chest phantoms and the DICOM instances made of them."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from pleura.imaging.simulate.phantom import PATIENTS, make_film, make_instance, phantom

SIZE = 256


def instance(seed: int = 1, **changes: object) -> bytes:
    facts: dict[str, object] = {
        "patient_name": "Test^Phantom=测^试",
        "patient_id": "P-0001",
        "serial_number": "SN-7001",
        "acquired": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "size": (192, 160),
    }
    return make_instance(seed, **(facts | changes))  # type: ignore[arg-type]


def read(data: bytes) -> Dataset:
    return dcmread(BytesIO(data))


def test_the_same_seed_is_the_same_patient() -> None:
    assert np.array_equal(phantom(3, rows=SIZE, columns=SIZE), phantom(3, rows=SIZE, columns=SIZE))


def test_every_seed_is_another_patient() -> None:
    films = [phantom(seed, rows=SIZE, columns=SIZE).astype(np.float64) for seed in range(5)]
    for number, film in enumerate(films):
        for other in films[number + 1 :]:
            assert np.abs(film - other).mean() > 100, "of 4095 grey levels"


@pytest.mark.parametrize(("rows", "columns"), [(256, 256), (301, 255), (200, 333), (64, 64)])
def test_a_phantom_has_the_size_asked_for_and_twelve_bits(rows: int, columns: int) -> None:
    film = phantom(2, rows=rows, columns=columns)
    assert (rows, columns) == film.shape
    assert film.dtype == np.uint16
    assert film.max() <= 4095
    assert film.min() == 0


@pytest.mark.parametrize("seed", range(6))
def test_lungs_are_darker_than_the_heart_and_the_air_outside_is_darkest(seed: int) -> None:
    film = phantom(seed, rows=SIZE, columns=SIZE)
    left_lung, right_lung = film[110:140, 40:80], film[110:140, 190:215]
    middle = film[110:140, 118:138]
    assert max(np.median(left_lung), np.median(right_lung)) < 0.7 * np.median(middle)
    assert np.percentile(film, 1) < 100


def test_neighbouring_pixels_share_their_noise_as_in_a_scintillator() -> None:
    film = phantom(4, rows=1024, columns=1024).astype(np.float64)
    patch = film[880:960, 420:600]
    across = patch[:, 1:] - patch[:, :-1]
    detail = across[:, ::2] - across[:, ::2].mean()
    assert 2 < detail.std() < 60
    lag_one = np.corrcoef(across[:, :-1].ravel(), across[:, 1:].ravel())[0, 1]
    assert lag_one > -0.45, "white noise would give -0.5"


def test_an_instance_reads_back_with_its_facts() -> None:
    data_set = read(instance())
    assert data_set.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.1"
    assert data_set.Modality == "DX"
    assert data_set.PatientName.alphabetic == "Test^Phantom"
    assert data_set.PatientName.ideographic == "测^试"
    assert data_set.PatientID == "P-0001"
    assert data_set.DeviceSerialNumber == "SN-7001"
    assert data_set.Manufacturer == "pleura phantom"
    assert (data_set.AcquisitionDate, data_set.AcquisitionTime) == ("20260102", "030405")
    assert (data_set.BitsStored, data_set.HighBit, data_set.PixelRepresentation) == (12, 11, 0)
    assert np.array_equal(phantom(1, rows=192, columns=160), data_set.pixel_array)


def test_the_same_arguments_give_the_same_bytes_and_others_another_uid() -> None:
    assert instance() == instance()
    uids = {
        str(read(data).SOPInstanceUID)
        for data in (instance(), instance(seed=2), instance(patient_id="P-0002"), instance(serial_number="X"))
    }
    assert len(uids) == 4


def test_uids_are_valid_and_differ_within_an_instance() -> None:
    data_set = read(instance())
    uids = [data_set.StudyInstanceUID, data_set.SeriesInstanceUID, data_set.SOPInstanceUID]
    assert all(uid.is_valid and uid.startswith("2.25.") for uid in uids)
    assert len(set(uids)) == 3


def test_the_demo_has_several_patients_and_devices_with_invented_names() -> None:
    assert len({patient.patient_id for patient in PATIENTS}) == len(PATIENTS) >= 4
    assert len({patient.device.serial_number for patient in PATIENTS}) >= 3
    assert all(patient.patient_id.startswith("DEMO-") for patient in PATIENTS)


@pytest.mark.parametrize("number", [1, 2])
def test_a_demo_film_shows_bone_bright_on_every_device(number: int) -> None:
    """Device two stores MONOCHROME1, device three writes its texts in GB18030."""
    patient = PATIENTS[number]
    data_set = read(make_film(number, patient))
    assert str(data_set.PatientName) == patient.name
    assert data_set.SpecificCharacterSet == patient.device.character_set
    pixels = data_set.pixel_array.astype(np.int32)
    shown = 4095 - pixels if data_set.PhotometricInterpretation == "MONOCHROME1" else pixels
    assert (shown.shape[0], shown.shape[1]) == (patient.device.rows, patient.device.columns)
    rows, columns = shown.shape
    assert shown[rows // 2, columns // 2] > 2000 > shown[2, 2]
