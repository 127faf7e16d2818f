"""What is accepted, what is refused and why; nothing but BadInput comes out."""

from __future__ import annotations

import mmap
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.config import disable_value_validation
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)
from tests.fakes.dicom_files import (
    colour,
    compressed,
    deep_sequences,
    deflate_bomb,
    image,
    jp2_wrapped,
    jpeg_bomb,
    part10,
    ramp,
    rle_bomb,
    valid_files,
    with_fragment,
)

from pleura.domain.errors import BadInput
from pleura.domain.images import MOST_TEXT
from pleura.imaging.dicom.reading import open_instance
from pleura.imaging.dicom.refusals import REFUSALS
from pleura.imaging.dicom.windows import display, stored
from pleura.imaging.dicom.writing import receive, suspect

WHOLE = part10(image(ramp(), 12))


def refused(act: Callable[[bytes], object], data: bytes) -> str:
    with pytest.raises(BadInput) as caught:
        act(data)
    assert str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("name", valid_files())
def test_every_supported_encoding_is_received(name: str) -> None:
    received = receive(valid_files()[name])

    assert received.instance is None
    assert (received.facts.rows, received.facts.columns) == (24, 32)
    assert display(valid_files()[name]).bits == 8


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
def test_a_large_film_in_a_mapped_file_reads_as_it_does_from_memory(syntax: str, tmp_path: Path) -> None:
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    pixels = (np.arange(300 * 400).reshape(300, 400) % 4096).astype(order + "u2")
    whole = part10(image(pixels, 12, ICCProfile=bytes(range(256)) * 400), syntax)
    file = tmp_path / "film"
    file.write_bytes(whole)

    with file.open("rb") as stream:
        mapped = mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ)

    assert receive(mapped) == receive(whole)
    assert display(mapped) == display(whole)
    assert np.frombuffer(stored(mapped).raster.data, "<u2").tolist() == pixels.ravel().tolist()
    assert open_instance(mapped).ICCProfile == bytes(range(256)) * 400


def test_uncompressed_pixels_without_a_length_are_refused() -> None:
    film = image(np.zeros((300, 400), np.uint16), 12)
    mislabelled = with_fragment(film, JPEG2000Lossless, film.PixelData).replace(
        JPEG2000Lossless.encode(), ExplicitVRLittleEndian.ljust(len(JPEG2000Lossless), "\0").encode()
    )

    assert refused(receive, mislabelled) == "dicom-malformed"


def test_the_facts_of_an_instance_are_read() -> None:
    whole = part10(
        image(
            ramp(),
            12,
            DeviceSerialNumber="SN-7",
            StationName="ROOM1",
            AcquisitionDate="20240229",
            AcquisitionTime="081530.25",
            PatientBirthDate="19700101",
            AccessionNumber="A1",
        )
    )

    facts = receive(whole).facts

    assert facts.origin == "dicom"
    assert facts.identity.patient_name == "Wang^XiaoDong=王^小东"
    assert (facts.identity.patient_id, facts.identity.accession_number) == ("P-0042", "A1")
    assert (facts.device.serial_number, facts.device.station) == ("SN-7", "ROOM1")
    assert facts.acquired_at == "2024-02-29T08:15:30"
    assert (facts.bits_stored, facts.frames, facts.transfer_syntax_uid) == (12, 1, ExplicitVRLittleEndian)


def test_a_text_longer_than_dicom_allows_is_cut_to_what_the_catalogue_holds() -> None:
    with disable_value_validation():
        whole = part10(image(ramp(), 12, DeviceSerialNumber="S" * 300, Modality="D" * 300))

    facts = receive(whole).facts

    assert facts.device.serial_number == "S" * MOST_TEXT
    assert facts.modality == "D" * MOST_TEXT


def test_a_name_in_gb18030_is_read() -> None:
    whole = part10(image(ramp(), 12, SpecificCharacterSet="GB18030", PatientName="Wang^XiaoDong=王^小东"))

    assert receive(whole).facts.identity.patient_name == "Wang^XiaoDong=王^小东"


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_data_set_without_preamble_is_received(syntax: str) -> None:
    whole = part10(image(ramp(), 12), syntax)
    bare = whole[144 + struct.unpack_from("<I", whole, 140)[0] :]

    assert receive(bare).facts.rows == receive(whole).facts.rows
    assert display(bare) == display(whole)


@pytest.mark.parametrize("preamble", [b"MZ", b"\x7fELF", b"PK\x03\x04", b"%PDF-1.7", b"<html>", b"#!"])
def test_the_preamble_of_a_polyglot_changes_nothing(preamble: bytes) -> None:
    polyglot = part10(image(ramp(), 12), preamble=preamble.ljust(128, b"\0"))

    assert receive(polyglot).instance is None
    assert display(polyglot) == display(WHOLE)


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("file-empty", b""),
        ("not-an-image", b"this is a text renamed .dcm\n" * 20),
        ("not-an-image", b"\x08\x00 binary rubbish that begins like group 0008"),
        ("dicom-truncated", WHOLE[:-100]),
        ("dicom-truncated", WHOLE[:401]),
        ("dicom-truncated", valid_files()["jpeg-2000"][:-20]),
        ("dicom-truncated", valid_files()["deflated"][:-20]),
        ("pixel-data-short", part10(image(ramp(), 12, Rows=25))),
        ("pixel-data-short", part10(image(ramp(), 12, NumberOfFrames=2))),
        ("too-many-pixels", part10(image(ramp(), 12, Rows=65535, Columns=65535))),
        ("too-many-pixels", part10(image(ramp(), 12, NumberOfFrames=10**9))),
        ("too-many-pixels", rle_bomb()),
        ("pixel-data-differs", jpeg_bomb()),
        ("pixel-data-differs", jp2_wrapped()),
        ("pixel-data-differs", with_fragment(image(ramp()), JPEG2000Lossless, b"\xff\x4f\xff\x51")),
        ("dicom-too-deep", deep_sequences()),
        ("no-pixel-data", part10(image(ramp(), 12, PixelData=b""))),
        ("dicom-uid", part10(image(ramp(), 12, StudyInstanceUID="1.2.x"))),
        ("dicom-uid", part10(image(ramp(), 12, SeriesInstanceUID="1" * 66))),
        ("dicom-uid", part10(image(ramp(), 12, StudyInstanceUID=""))),
        ("transfer-syntax-unsupported", WHOLE.replace(b".10008.1.2.1\0", b".10008.1.2.9\0")),
        ("pixel-format-unsupported", part10(image(ramp(), 12, PhotometricInterpretation="CMYK"))),
        ("pixel-format-unsupported", part10(image(ramp(), 12, BitsAllocated=32))),
        ("pixel-format-unsupported", part10(image(ramp(), 12, BitsStored=17))),
        ("pixel-format-unsupported", part10(image(ramp(), 12, Rows=0))),
    ],
)  # fmt: skip
def test_bad_input_is_refused_for_its_reason(code: str, data: bytes) -> None:
    for act in (receive, suspect):
        assert refused(act, data) == code


@pytest.mark.parametrize("data", [rle_bomb(), jpeg_bomb(), deep_sequences()])
def test_a_bomb_is_refused_at_once(data: bytes) -> None:
    started = time.process_time()

    refused(receive, data)

    assert time.process_time() - started < 0.5


def test_a_deflate_bomb_is_refused_by_its_size_inflated() -> None:
    assert refused(receive, deflate_bomb()) == "dicom-inflates"


def test_a_png_bomb_is_refused_by_its_header() -> None:
    png = bytearray(imagecodecs.png_encode(ramp(bits=8)))
    header = b"IHDR" + struct.pack(">II", 65500, 65500) + png[24:29]
    png[12:33] = header + struct.pack(">I", zlib.crc32(header))

    assert refused(receive, bytes(png)) == "picture-too-large"


def test_a_dicomdir_is_called_by_its_name() -> None:
    directory = image(ramp(), 12, SOPClassUID="1.2.840.10008.1.3.10")
    directory.DirectoryRecordSequence = []

    assert refused(receive, part10(directory)) == "dicomdir"


def test_every_refusal_has_a_code_of_its_own_and_no_full_stop() -> None:
    texts = [text for refusal in REFUSALS.values() for text in (refusal.what, refusal.next_step)]

    assert len({refusal.what for refusal in REFUSALS.values()}) == len(REFUSALS)
    assert [text for text in texts if text.endswith(".") or text[0].isupper()] == []


SEEDS = sorted(valid_files().values(), key=len)


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A valid file with bytes changed, and sometimes cut, doubled or with a hole."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 12))):
        place = draw(st.integers(0, len(data) - 1) | st.integers(132, min(len(data) - 1, 900)))
        data[place] = draw(st.integers(0, 255) | st.sampled_from([0, 0xFF, 0x7F, 0x80]))
    cut = draw(st.integers(0, 3))
    place = draw(st.integers(0, len(data)))
    if cut == 1:
        del data[place:]
    if cut == 2:
        del data[place : place + draw(st.integers(1, 64))]
    if cut == 3:
        data[place:place] = data[place : place + draw(st.integers(1, 64))]
    return bytes(data)


@settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
@given(mutants())
def test_a_mutant_is_read_or_refused_and_nothing_else(data: bytes) -> None:
    for act in (receive, display, stored):
        try:
            act(data)
        except BadInput as refusal:
            assert refusal.code in REFUSALS  # noqa: PT017  a mutant may also be read


def test_a_colour_picture_is_compressed_and_read() -> None:
    whole = compressed(image(colour()), JPEG2000Lossless)

    assert receive(whole).facts.samples == 3
    assert display(whole).samples == 3
