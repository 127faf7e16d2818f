"""Rotation of the root: cut anywhere it can be completed, and nothing of the old epoch is left."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Picture
from tests.fakes.films import film
from tests.fakes.house import PASSPHRASE, FakeHouse

from pleura.crypto.roots.recovery import WHOLE, Shares, read_code, split
from pleura.crypto.roots.root import Argon2id, Passphrase, Root, holder_of, new_passphrase, recover, unlock
from pleura.domain.errors import EnvironmentFault, LedgerBroken, SealBroken
from pleura.domain.installation import PatientKey
from pleura.prevent.custody import keys as custody
from pleura.prevent.keyring import load_keyring


@pytest.fixture
def house(tmp_path: Path) -> FakeHouse:
    made = FakeHouse()
    for seed in range(3):
        path = tmp_path / f"{seed}.png"
        Picture.fromarray(film(seed, 160, 120)).save(path)
        made.receive(path)
    return made


def opened(house: FakeHouse) -> Root:
    cost = holder_of(house.root_file.document)
    assert isinstance(cost, Argon2id)
    return unlock(house.root_file.document, Passphrase(PASSPHRASE, cost))


def every_image_opens(house: FakeHouse) -> bool:
    return all(house.vault.original(image.id) for image in house.vault.images())


def epochs_in_the_rows(house: FakeHouse) -> set[int]:
    catalogue = house.records.state.catalogue
    wrapped = [*catalogue.patients.values(), *catalogue.keys.values()]
    return {row.root_epoch for row in wrapped}


def test_after_a_rotation_everything_hangs_on_the_new_epoch(house: FakeHouse) -> None:
    code = house.keys.rotate(actor="test", keep=house.keep)

    assert every_image_opens(house)
    assert epochs_in_the_rows(house) == {2}
    assert opened(house).epochs == recover(house.root_file.document, code).epochs == [2]
    assert house.kinds()[-1] == "rotate"
    assert house.records.scrubbed == 1


def test_the_rows_from_before_do_not_open_with_the_new_root(house: FakeHouse) -> None:
    before = {name: row.wrapped_kek for name, row in house.records.state.catalogue.patients.items()}

    house.keys.rotate(actor="test", keep=house.keep)

    root = opened(house)
    for wrapped in before.values():
        for epoch in (1, 2):
            with pytest.raises(SealBroken):
                root.unwrap(wrapped, epoch)


@pytest.mark.parametrize("survived", range(12))
def test_a_rotation_that_was_cut_is_completed_by_the_next(
    house: FakeHouse, survived: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step of the rotation in turn is the last one that happened."""
    monkeypatch.setattr(custody, "BATCH", 1)
    steps = [0]

    def counted(step: Callable[..., None]) -> Callable[..., None]:
        def run(*arguments: object) -> None:
            if steps[0] >= survived:
                raise EnvironmentFault("cut", "the power went", "start again")
            steps[0] += 1
            step(*arguments)

        return run

    catalogue = type(house.records.state.catalogue)
    with monkeypatch.context() as cut, contextlib.suppress(EnvironmentFault):
        cut.setattr(house.root_file, "replace", counted(house.root_file.replace))
        cut.setattr(catalogue, "replace_key", counted(catalogue.replace_key))
        cut.setattr(catalogue, "replace_patient_keys", counted(catalogue.replace_patient_keys))
        cut.setattr(house.records, "scrub", counted(house.records.scrub))
        house.keys.rotate(actor="test", keep=house.keep)

    again = opened(house)
    with house.records.begin() as unit:
        load_keyring(again, unit.catalogue)
        wrapped: list[PatientKey] = list(unit.catalogue.patient_keys("", 99))
    assert all(len(again.unwrap(key.wrapped_kek, key.root_epoch)) == 32 for key in wrapped)
    house.keys.rotate(actor="test", keep=house.keep)
    assert every_image_opens(house)
    assert len(epochs_in_the_rows(house)) == 1


def test_a_new_recovery_code_opens_and_is_recorded(house: FakeHouse) -> None:
    code = house.keys.reissue(actor="test", keep=house.keep)

    assert recover(house.root_file.document, code).epochs == [1]
    assert house.kinds()[-1] == "recovery"


def test_shares_of_the_code_open_the_home_together(house: FakeHouse) -> None:
    code = house.keys.reissue(actor="test", keep=house.keep, shares=Shares(needed=2, total=3))

    shares = split(code, Shares(needed=2, total=3))

    assert recover(house.root_file.document, read_code([shares[2], shares[0]])).epochs == [1]


def test_a_code_that_is_split_stays_split_until_somebody_says_otherwise(house: FakeHouse) -> None:
    assert house.keys.shares() == WHOLE
    house.keys.reissue(actor="test", keep=house.keep, shares=Shares(needed=2, total=3))

    house.keys.rotate(actor="test", keep=house.keep)
    house.keys.reissue(actor="test", keep=house.keep)

    assert house.keys.shares() == Shares(needed=2, total=3)
    house.keys.rotate(actor="test", keep=house.keep, shares=WHOLE)
    assert house.keys.shares() == WHOLE
    assert house.kinds()[-4:] == ["rotate", "recovery", "rotate", "recovery"]


def test_nobody_ends_the_splitting_by_a_changed_row(house: FakeHouse) -> None:
    house.keys.reissue(actor="test", keep=house.keep, shares=Shares(needed=2, total=3))
    rows = house.records.state.ledger.stored
    changed = rows[-1].entry.replace(b'"needed":2,"shares":3', b'"needed":1,"shares":1')
    rows[-1] = replace(rows[-1], entry=changed)

    with pytest.raises(LedgerBroken):
        house.keys.shares()


def test_the_key_that_a_cut_rotation_left_with_its_holder_is_destroyed(
    house: FakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hardware token keeps a key for each epoch; the root file has lost the epoch already."""
    destroyed: list[int] = []

    def unplugged(*_: object) -> None:
        raise EnvironmentFault("token-missing", "there is no token", "plug it in")

    with monkeypatch.context() as token:
        token.setattr(Passphrase, "destroy_before", unplugged)
        with pytest.raises(EnvironmentFault):
            house.keys.retire(1, actor="test", keep=house.keep)
    monkeypatch.setattr(Passphrase, "destroy_before", lambda _, epoch: destroyed.append(epoch))

    assert house.keys.retire(1, actor="test", keep=house.keep) == b""
    assert (destroyed, opened(house).epochs) == ([2], [2])


def test_another_passphrase_takes_over(house: FakeHouse) -> None:
    holder = new_passphrase("quite another passphrase")

    house.keys.hand_over(holder, holder.cost, actor="test")

    assert unlock(house.root_file.document, holder).epochs == [1]
    with pytest.raises(EnvironmentFault):
        opened(house)
    assert house.kinds()[-1] == "holder"


@pytest.mark.parametrize("change", ["rotate", "reissue"])
def test_while_the_new_code_cannot_be_kept_the_old_one_opens(house: FakeHouse, change: str) -> None:
    """The disk is full when the sheet is to be written."""
    old = house.keys.reissue(actor="test", keep=house.keep)

    def full(_: bytes) -> None:
        raise EnvironmentFault("output-unwritable", "it cannot be written", "free some space")

    with pytest.raises(EnvironmentFault):
        getattr(house.keys, change)(actor="test", keep=full)

    assert 1 in recover(house.root_file.document, old).epochs
    assert house.keys.may_open(old)
    code = getattr(house.keys, change)(actor="test", keep=house.keep)
    assert house.keys.may_open(code)
    assert not house.keys.may_open(old)
    assert house.codes == [old, code]


def test_a_root_file_that_cannot_be_written_changes_nothing(house: FakeHouse) -> None:
    document = house.root_file.document
    house.root_file.refuses = True

    with pytest.raises(EnvironmentFault):
        house.keys.rotate(actor="test", keep=house.keep)

    assert house.root_file.document == document
    assert epochs_in_the_rows(house) == {1}
