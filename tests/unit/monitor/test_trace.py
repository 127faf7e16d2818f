"""A trace names the right copy or nobody, and is in the ledger before it is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from tests.fakes.films import written
from tests.fakes.house import FakeHouse

from pleura.crypto.payload import payload_of
from pleura.domain.errors import BadInput, LedgerBroken
from pleura.domain.tracing import ACCUSATION_LIMIT, Verdict
from pleura.imaging.mark.embed import embed
from pleura.imaging.mark.layout import STREAM_BYTES, chips, pattern
from pleura.imaging.simulate.stage import leak
from pleura.prevent.copies import CopyRequest, IssuedCopy
from pleura.prevent.sketcher import Sketcher


@pytest.fixture
def house(tmp_path: Path) -> FakeHouse:
    """Four films in the vault."""
    house = FakeHouse()
    for seed in range(4):
        house.receive(written(tmp_path, seed))
        house.clock.advance(1)
    return house


def copy_for(house: FakeHouse, recipient: str, number: int = 1) -> IssuedCopy:
    image = house.vault.images()[number].id
    request = CopyRequest(image=image, recipient=recipient, purpose="treatment", form="png")
    return house.copies.issue(request, actor="test")


def found(tmp_path: Path, content: bytes, attack: str = "none") -> Path:
    path = tmp_path / "found.png"
    path.write_bytes(leak(attack, content, 1))
    return path


@pytest.mark.parametrize("attack", ["none", "jpeg-50", "crop-50", "rotated-crop", "mirror"])
def test_the_one_copy_that_leaked_is_named(house: FakeHouse, tmp_path: Path, attack: str) -> None:
    copies = [copy_for(house, recipient) for recipient in ("Dr Li", "Dr Wu", "Dr Zhao")]

    report = house.tracer.trace(found(tmp_path, copies[1].content, attack), actor="test").report

    assert report.verdict is Verdict.TRACED
    assert report.record == copies[1].record
    assert report.false_match_probability <= ACCUSATION_LIMIT
    assert report.comparisons == 3
    assert house.kinds()[-1] == "trace"


def test_an_unmarked_original_is_matched_and_names_nobody(house: FakeHouse, tmp_path: Path) -> None:
    copy_for(house, "Dr Li")

    report = house.tracer.trace(written(tmp_path, 1), actor="test").report

    assert (report.verdict, report.record) == (Verdict.MATCHED, None)
    assert report.image == house.vault.images()[1].id


def test_a_copy_without_its_record_is_matched(house: FakeHouse, tmp_path: Path) -> None:
    leaked, other = copy_for(house, "Dr Li"), copy_for(house, "Dr Wu")
    del house.records.state.catalogue.copies[leaked.record.copy]

    report = house.tracer.trace(found(tmp_path, leaked.content), actor="test").report

    assert report.verdict is Verdict.MATCHED
    assert report.image == other.record.image
    # What the mark says by itself needs no record.
    assert report.payload is not None
    assert report.payload.issued_at == leaked.record.issued_at.replace(microsecond=0)


def test_the_mark_by_itself_says_what_the_record_says(house: FakeHouse, tmp_path: Path) -> None:
    leaked = copy_for(house, "Dr Li")

    report = house.tracer.trace(found(tmp_path, leaked.content, "jpeg-50"), actor="test").report

    assert report.payload == payload_of(house.keyring.payload_key(leaked.record.image), leaked.record)
    assert report.others == ()


def test_nobody_is_named_where_the_mark_by_itself_says_something_else(
    house: FakeHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaked = copy_for(house, "Dr Li")
    other = payload_of(bytes(32), leaked.record)
    monkeypatch.setattr(house.tracer.suspects.archive, "payload", lambda *_: other)

    report = house.tracer.trace(found(tmp_path, leaked.content), actor="test").report

    assert (report.verdict, report.record, report.payload) == (Verdict.MATCHED, None, other)


def test_a_copy_that_was_marked_again_names_both(house: FakeHouse, tmp_path: Path) -> None:
    first, second = copy_for(house, "Dr Li"), copy_for(house, "Dr Wu")
    own = first.record, second.record
    marks = [house.copies._mark(record) for record in own]
    picture = np.asarray(Picture.open(BytesIO(first.content)))
    path = tmp_path / "found.png"
    Picture.fromarray(embed(picture, marks[1])).save(path)

    report = house.tracer.trace(path, actor="test").report

    assert report.verdict is Verdict.TRACED
    assert {record.copy for record in (report.record, *report.others) if record} == {
        record.copy for record in own
    }


def test_a_mark_of_the_first_version_is_still_traced(
    house: FakeHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as past:
        past.setattr("pleura.prevent.copies.MARK_VERSION", 1)
        leaked = copy_for(house, "Dr Li")
    copy_for(house, "Dr Wu")
    grey = np.asarray(Picture.open(written(tmp_path, 1))).astype(np.float32)
    shape = (grey.shape[0], grey.shape[1])
    stream = house.keyring.mark_stream(leaked.record.image, leaked.record.copy, STREAM_BYTES)
    old = np.clip(np.rint(grey + 0.9 * pattern(chips(stream, shape), shape)), 0, 255).astype(np.uint8)
    path = tmp_path / "found.png"
    Picture.fromarray(old).save(path)

    report = house.tracer.trace(path, actor="test").report

    assert report.record == leaked.record
    assert report.payload is None


def test_a_picture_of_something_else_is_unknown(house: FakeHouse, tmp_path: Path) -> None:
    report = house.tracer.trace(written(tmp_path, 99), actor="test").report

    assert (report.verdict, report.image) == (Verdict.UNKNOWN, None)


def test_an_empty_vault_knows_nothing(tmp_path: Path) -> None:
    assert FakeHouse().tracer.trace(written(tmp_path, 1), actor="test").report.verdict is Verdict.UNKNOWN


def test_what_is_no_picture_is_refused_and_recorded(house: FakeHouse, tmp_path: Path) -> None:
    path = tmp_path / "found.txt"
    path.write_text("no picture")

    with pytest.raises(BadInput):
        house.tracer.trace(path, actor="test")

    assert house.kinds()[-1] == "refusal"


def test_a_trace_never_opens_an_original(house: FakeHouse, tmp_path: Path) -> None:
    leaked = copy_for(house, "Dr Li")
    for name in [name for name in house.objects.stored if name.endswith("/original")]:
        del house.objects.stored[name]

    assert house.tracer.trace(found(tmp_path, leaked.content), actor="test").report.verdict is Verdict.TRACED


def test_a_record_is_not_believed_when_the_ledger_was_reordered(house: FakeHouse, tmp_path: Path) -> None:
    leaked, _ = copy_for(house, "Dr Li"), copy_for(house, "Dr Wu")
    rows = house.records.state.ledger.stored
    place = house.records.state.catalogue.copies[leaked.record.copy].ledger_index
    rows[place] = replace(rows[place], entry=rows[place + 1].entry)

    with pytest.raises(LedgerBroken):
        house.tracer.trace(found(tmp_path, leaked.content), actor="test")


HARM: dict[str, Callable[[bytes], bytes | None]] = {
    "damaged at its end": lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
    "damaged in the middle": lambda sealed: (
        sealed[: len(sealed) // 2] + b"?!" + sealed[len(sealed) // 2 + 2 :]
    ),
    "cut": lambda sealed: sealed[:40],
    "lost": lambda _: None,
}


def harm(house: FakeHouse, number: int, how: str, *, original: bool = False) -> str:
    """The name of the image whose sketch, and original too, are harmed."""
    image = house.vault.images()[number].id
    row = house.records.state.catalogue.sealed_images[image]
    assert row.sketch_name is not None
    for name in (row.sketch_name, row.object_name)[: 1 + original]:
        sealed = HARM[how](house.objects.stored.pop(name))
        if sealed is not None:
            house.objects.stored[name] = sealed
    return image


@pytest.mark.parametrize("how", HARM)
def test_a_harmed_sketch_is_made_again_by_the_trace_that_needs_it(
    house: FakeHouse, tmp_path: Path, how: str
) -> None:
    leaked = copy_for(house, "Dr Li")
    image = harm(house, 1, how)

    report = house.tracer.trace(found(tmp_path, leaked.content), actor="test").report

    assert (report.verdict, report.record) == (Verdict.TRACED, leaked.record)
    assert house.vault.work(image)
    assert len(house.objects.stored) == 2 * len(house.vault.images())


@pytest.mark.parametrize("how", HARM)
def test_an_image_of_which_nothing_opens_ends_no_trace_of_another(
    house: FakeHouse, tmp_path: Path, how: str
) -> None:
    harm(house, 0, how, original=True)

    for number in (0, 1):
        report = house.tracer.trace(written(tmp_path, number), actor="test").report
        assert report.verdict is (Verdict.UNKNOWN, Verdict.MATCHED)[number]


def test_an_image_that_comes_in_during_a_trace_does_not_end_it(
    house: FakeHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending, more = house.sketcher.pending, iter(range(10, 20))

    def meanwhile(_: Sketcher) -> Sequence[str]:
        found = pending()
        house.arrivals.receive(written(tmp_path, next(more)), actor="test")
        return found

    monkeypatch.setattr(Sketcher, "pending", meanwhile)

    assert house.tracer.trace(written(tmp_path, 1), actor="test").report.verdict is Verdict.MATCHED


@pytest.mark.parametrize("leaked", [0, 1, 2])
def test_a_film_that_is_here_several_times_is_traced_to_the_one_that_was_copied(
    tmp_path: Path, leaked: int
) -> None:
    """A department sends a film again, and each time it is an image of its own."""
    house = FakeHouse()
    for number in range(3):
        path = tmp_path / f"again-{number}.png"
        with Picture.open(written(tmp_path, 1)) as picture:
            picture.save(path, compress_level=number + 1)
        house.receive(path)
        house.clock.advance(1)
    assert len(house.vault.images()) == 3
    copies = [copy_for(house, recipient, number) for number, recipient in enumerate(("Li", "Wu", "Zhao"))]

    report = house.tracer.trace(found(tmp_path, copies[leaked].content, "jpeg-50"), actor="test").report

    assert report.record == copies[leaked].record
