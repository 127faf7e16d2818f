"""Root keys open by passphrase and by recovery code, rotate without a gap; a forged file costs nothing."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from pleura.crypto.roots.recovery import new_code
from pleura.crypto.roots.root import (
    Argon2id,
    Passphrase,
    Root,
    adopt,
    begin_rotation,
    by_recovery,
    create,
    finish_rotation,
    hand_over,
    holder_of,
    new_passphrase,
    open_by_recovery,
    recover,
    reissue,
    unlock,
)
from pleura.domain.errors import BadInput, EnvironmentFault, SealBroken

PASSPHRASE = "cafe\u0301 by the river"
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def holder() -> Passphrase:
    return new_passphrase(PASSPHRASE)


@pytest.fixture
def made(holder: Passphrase) -> tuple[bytes, Root, bytes]:
    return create(holder, holder.cost)


def opened(document: bytes, passphrase: str = PASSPHRASE) -> Root:
    cost = holder_of(document)
    assert isinstance(cost, Argon2id)
    return unlock(document, Passphrase(passphrase, cost))


def changed(document: bytes, **changes: Any) -> bytes:
    return json.dumps({**json.loads(document), **changes}).encode()


def test_the_passphrase_opens_what_the_root_wrapped(made: tuple[bytes, Root, bytes]) -> None:
    document, root, _ = made

    assert opened(document).unwrap(root.wrap(KEY), 1) == KEY


def test_a_keyboard_that_composes_letters_spells_the_same(made: tuple[bytes, Root, bytes]) -> None:
    assert opened(made[0], "caf\u00e9 by the river").epoch == 1


def test_another_passphrase_is_refused_with_the_next_step(made: tuple[bytes, Root, bytes]) -> None:
    with pytest.raises(EnvironmentFault, match="recovery sheet") as refused:
        opened(made[0], "cafe by the river")
    assert refused.value.code == "wrong-passphrase"


def test_the_recovery_code_opens_and_another_one_does_not(made: tuple[bytes, Root, bytes]) -> None:
    document, root, code = made

    assert recover(document, code).unwrap(root.wrap(KEY), 1) == KEY
    with pytest.raises(EnvironmentFault, match="not the one of this home"):
        recover(document, new_code())


def test_a_reissued_code_opens_and_the_one_before_does_not(made: tuple[bytes, Root, bytes]) -> None:
    document, root, old = made

    code = new_code()
    reissued = reissue(document, root, code)

    assert recover(reissued, code).unwrap(root.wrap(KEY), 1) == KEY
    with pytest.raises(EnvironmentFault):
        recover(reissued, old)


def test_another_passphrase_takes_over_and_the_recovery_code_stays(made: tuple[bytes, Root, bytes]) -> None:
    document, root, code = made
    other = new_passphrase("quite another passphrase")

    handed = hand_over(document, root, other, other.cost)

    assert opened(handed, "quite another passphrase").unwrap(root.wrap(KEY), 1) == KEY
    assert recover(handed, code).unwrap(root.wrap(KEY), 1) == KEY
    with pytest.raises(EnvironmentFault):
        opened(handed)


def test_a_rotation_that_is_cut_opens_by_passphrase_and_by_the_old_code(
    made: tuple[bytes, Root, bytes], holder: Passphrase
) -> None:
    document, root, code = made
    before = root.wrap(KEY)

    halfway = begin_rotation(document, root, holder)
    after = root.wrap(KEY)

    for again in (opened(halfway), recover(halfway, code)):
        assert again.epochs == [1, 2]
        assert again.unwrap(before, 1) == again.unwrap(after, 2) == KEY
    assert begin_rotation(halfway, root, holder) == halfway


def test_after_a_rotation_nothing_of_the_old_epoch_opens(
    made: tuple[bytes, Root, bytes], holder: Passphrase
) -> None:
    document, root, old_code = made
    before = root.wrap(KEY)
    halfway = begin_rotation(document, root, holder)

    code = new_code()
    final = finish_rotation(halfway, root, code)

    for again in (opened(final), recover(final, code)):
        assert again.epochs == [2]
        with pytest.raises(SealBroken):
            again.unwrap(before, 1)
        with pytest.raises(SealBroken):
            again.unwrap(before, 2)
    with pytest.raises(EnvironmentFault):
        recover(final, old_code)


def test_what_a_backup_carries_opens_with_the_code_alone(made: tuple[bytes, Root, bytes]) -> None:
    document, root, code = made

    assert open_by_recovery(by_recovery(document), code) == root.key(1)


def test_a_home_that_came_back_keeps_root_and_code(made: tuple[bytes, Root, bytes]) -> None:
    _, root, code = made
    other = new_passphrase("quite another passphrase")

    document = adopt(root, code, other, other.cost)

    assert opened(document, "quite another passphrase").unwrap(root.wrap(KEY), 1) == KEY
    assert recover(document, code).unwrap(root.wrap(KEY), 1) == KEY


def test_a_forgotten_root_opens_nothing(made: tuple[bytes, Root, bytes]) -> None:
    root = made[1]
    wrapped = root.wrap(KEY)

    root.forget()

    assert root.epochs == []
    with pytest.raises(SealBroken):
        root.unwrap(wrapped, 1)


@pytest.mark.parametrize(
    "cost", [{"memory_kib": 2**31}, {"memory_kib": 1}, {"time": 1000}, {"lanes": 0}, {"salt": 5}]
)
def test_a_forged_cost_is_refused_before_anything_is_computed(
    made: tuple[bytes, Root, bytes], cost: Any
) -> None:
    argon = {**json.loads(made[0])["holder"], **cost}
    started = time.process_time()

    with pytest.raises(EnvironmentFault, match="damaged"):
        opened(changed(made[0], holder=argon))

    assert time.process_time() - started < 0.1


@pytest.mark.parametrize("document", [b"", b"{}", b"[]", b"\xff", b'{"format": "pleura-root-3"}'])
def test_a_damaged_root_file_is_said_to_be_damaged(document: bytes) -> None:
    with pytest.raises(EnvironmentFault, match="from a backup"):
        holder_of(document)


@pytest.mark.parametrize("slot", ["by_holder", "by_recovery"])
def test_a_changed_slot_opens_nothing(made: tuple[bytes, Root, bytes], slot: str) -> None:
    document, _, code = made
    epoch = json.loads(document)["epochs"][0]
    wrapped = bytearray(base64.b64decode(epoch[slot]))
    wrapped[5] ^= 1
    damaged = changed(document, epochs=[{**epoch, slot: base64.b64encode(wrapped).decode()}])

    with pytest.raises(EnvironmentFault):
        opened(damaged) if slot == "by_holder" else recover(damaged, code)


@pytest.mark.parametrize("passphrase", ["", "eleven char", "x" * 1025])
def test_a_passphrase_of_a_bad_length_is_refused(passphrase: str) -> None:
    with pytest.raises(BadInput, match="12 and 1024"):
        new_passphrase(passphrase)


def test_a_root_does_not_print_its_key(made: tuple[bytes, Root, bytes]) -> None:
    assert repr(made[1]) == "Root(epochs=[1])"
    assert PASSPHRASE.encode() not in made[0]
