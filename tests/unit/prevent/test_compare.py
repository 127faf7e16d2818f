"""A copy beside its original: made again the same every time, recorded before it is shown."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image as Picture
from tests.fakes.dicom_files import image, part10
from tests.fakes.films import film, written
from tests.fakes.house import FakeHouse
from tests.fakes.records import FakeLedgerRows

from pleura.domain.copies import CopyForm
from pleura.domain.errors import BadInput, EnvironmentFault, NotFound, Refused
from pleura.entrypoints.language import Texts
from pleura.entrypoints.views.comparison import comparison_facts, comparison_lines, comparison_picture
from pleura.imaging.rasters import decode_own, to_array
from pleura.prevent.copies import CopyRequest, IssuedCopy


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


@pytest.fixture
def stored(house: FakeHouse, tmp_path: Path) -> str:
    """The name of one film of 12 bits in the vault."""
    path = tmp_path / "film.dcm"
    values = film(1, 520, 430).astype(np.uint16) * 16
    path.write_bytes(part10(image(values, 12, WindowCenter="2048", WindowWidth="4096")))
    return house.receive(path)


def issue(house: FakeHouse, image: str, form: CopyForm) -> IssuedCopy:
    request = CopyRequest(image=image, recipient="Dr Li", purpose="opinion", form=form)
    return house.copies.issue(request, actor="test")


def file_of(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "copy"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("form", ["png", "jpeg"])
def test_a_rendition_is_made_again_pixel_by_pixel(house: FakeHouse, stored: str, form: CopyForm) -> None:
    issued = issue(house, stored, form)

    found = house.comparisons.compare(stored, issued.record.copy, actor="test")

    assert (to_array(found.copy) == to_array(decode_own(issued.content))).all()


def test_a_dicom_copy_is_made_again_value_by_value(house: FakeHouse, stored: str) -> None:
    issued = issue(house, stored, "dicom")
    original = house.vault.original(stored)

    again = to_array(house.copies.pixels(issued.record, original))

    assert (again == pydicom.dcmread(BytesIO(issued.content)).pixel_array).all()


@pytest.mark.parametrize("form", ["png", "jpeg", "dicom"])
def test_the_file_that_left_gives_the_figures_of_the_one_made_again(
    house: FakeHouse, stored: str, tmp_path: Path, form: CopyForm
) -> None:
    issued = issue(house, stored, form)
    again = house.comparisons.compare(stored, issued.record.copy, actor="test")

    given = house.comparisons.compare(
        stored, issued.record.copy, file_of(tmp_path, issued.content), actor="test"
    )

    assert given.measured == again.measured
    assert given.stored == again.stored
    assert (given.given, again.given) == (True, False)


def test_the_greatest_changes_are_within_the_bounds_that_are_printed(house: FakeHouse, stored: str) -> None:
    found = {
        form: house.comparisons.compare(stored, issue(house, stored, form).record.copy, actor="test")
        for form in ("png", "jpeg", "dicom")
    }

    assert 0 < found["png"].measured.change <= found["png"].bounds.displayed == 4
    assert found["jpeg"].by_mark is not None
    assert 0 < found["jpeg"].by_mark <= found["jpeg"].bounds.displayed == 4
    dicom = found["dicom"]
    assert dicom.stored is not None
    assert 0 < dicom.stored.greatest <= (dicom.bounds.stored or 0) == 16
    assert dicom.measured.change <= dicom.bounds.displayed == 1


def test_a_comparison_is_in_the_ledger(house: FakeHouse, stored: str, tmp_path: Path) -> None:
    issued = issue(house, stored, "png")

    house.comparisons.compare(stored, issued.record.copy, actor="test")
    house.comparisons.compare(stored, issued.record.copy, file_of(tmp_path, issued.content), actor="test")

    assert house.kinds() == ["import", "copy", "compare", "compare"]
    named = {"copy": issued.record.copy, "image": stored}
    assert house.facts()[-2] == named
    assert {**house.facts()[-1], "content": ""} == {**named, "content": ""}


def test_nothing_is_shown_when_the_ledger_cannot_be_written(
    house: FakeHouse, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = issue(house, stored, "png")

    def full(*_: object) -> None:
        raise EnvironmentFault("disk-full", "the disk is full", "free some space")

    monkeypatch.setattr(FakeLedgerRows, "add", full)

    with pytest.raises(EnvironmentFault, match="full"):
        house.comparisons.compare(stored, issued.record.copy, actor="test")


def test_a_restricted_image_is_not_shown(house: FakeHouse, stored: str) -> None:
    issued = issue(house, stored, "png")
    house.rules.restrict(stored, actor="test")

    with pytest.raises(Refused, match="restricted"):
        house.comparisons.compare(stored, issued.record.copy, actor="test")


def test_a_copy_of_another_image_is_not_found(house: FakeHouse, stored: str, tmp_path: Path) -> None:
    other = house.receive(written(tmp_path, 2))
    issued = issue(house, other, "png")

    with pytest.raises(NotFound, match=issued.record.copy):
        house.comparisons.compare(stored, issued.record.copy, actor="test")


def test_a_picture_of_another_size_is_sent_to_trace(house: FakeHouse, stored: str, tmp_path: Path) -> None:
    issued = issue(house, stored, "png")
    path = tmp_path / "crop.png"
    Picture.open(BytesIO(issued.content)).crop((0, 0, 400, 300)).save(path)

    with pytest.raises(BadInput, match="400 x 300") as caught:
        house.comparisons.compare(stored, issued.record.copy, path, actor="test")

    assert "pleura trace" in caught.value.next_step
    assert house.kinds()[-1] == "copy"


def test_a_picture_in_place_of_a_dicom_copy_is_refused(house: FakeHouse, stored: str, tmp_path: Path) -> None:
    issued, picture = issue(house, stored, "dicom"), issue(house, stored, "png")

    with pytest.raises(BadInput, match="left as a DICOM file"):
        house.comparisons.compare(
            stored, issued.record.copy, file_of(tmp_path, picture.content), actor="test"
        )


def test_a_mark_that_is_no_longer_made_is_compared_by_its_file_only(
    house: FakeHouse, stored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as past:
        past.setattr("pleura.prevent.copies.MARK_VERSION", 1)
        issued = issue(house, stored, "png")
    path = file_of(tmp_path, issued.content)

    with pytest.raises(BadInput, match="version 1"):
        house.comparisons.compare(stored, issued.record.copy, actor="test")

    assert house.comparisons.compare(stored, issued.record.copy, path, actor="test").measured.change > 0


# What is said of it


def test_an_unmarked_copy_differs_in_nothing_and_says_why(house: FakeHouse, stored: str) -> None:
    house.rules.set("unmarked-copies", "primary-diagnosis", actor="test")
    request = CopyRequest(
        image=stored, recipient="Ward 3", purpose="diagnosis", form="dicom", no_mark_reason="first reading"
    )
    copy = house.copies.issue(request, actor="test").record.copy

    found = house.comparisons.compare(stored, copy, actor="test")

    assert comparison_lines(found, Texts("en"))[-2:] == ["NO mark: first reading", "nothing differs"]
    facts = comparison_facts(found)
    assert (facts["marked"], facts["stored_change"], facts["whole"]["psnr"]) == (False, 0, None)


@pytest.mark.parametrize("form", ["png", "jpeg", "dicom"])
def test_the_figures_are_said_beside_their_bounds(house: FakeHouse, stored: str, form: CopyForm) -> None:
    found = house.comparisons.compare(stored, issue(house, stored, form).record.copy, actor="test")

    lines = "\n".join(comparison_lines(found, Texts("en")))

    assert {"png": "(at most 4)", "jpeg": "with what JPEG does", "dicom": "(at most 16)"}[form] in lines
    assert "no reader study has been made" in lines


def test_without_a_font_for_chinese_the_words_of_the_picture_are_english(
    house: FakeHouse, stored: str
) -> None:
    found = house.comparisons.compare(stored, issue(house, stored, "png").record.copy, actor="test")

    chinese, english = (comparison_picture(found, Texts(language), None) for language in ("zh", "en"))

    assert chinese == english
    assert Picture.open(BytesIO(chinese)).size[0] == 1800
