"""The root key opens by passphrase and by recovery code, and a forged file costs nothing."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from pleura.crypto.root import Root, create, recover, unlock
from pleura.domain.errors import BadInput, EnvironmentFault

PASSPHRASE = "cafe\u0301 by the river"


@pytest.fixture(scope="module")
def made() -> tuple[bytes, Root, str]:
    return create(PASSPHRASE)


def changed(document: bytes, **changes: Any) -> bytes:
    return json.dumps({**json.loads(document), **changes}).encode()


def test_the_passphrase_opens_what_the_root_wrapped(made: tuple[bytes, Root, str]) -> None:
    document, root, _ = made

    assert unlock(document, PASSPHRASE).unwrap(root.wrap(bytes(32))) == bytes(32)


def test_a_keyboard_that_composes_letters_spells_the_same(made: tuple[bytes, Root, str]) -> None:
    assert unlock(made[0], "caf\u00e9 by the river").epoch == 1


def test_another_passphrase_is_refused_with_the_next_step(made: tuple[bytes, Root, str]) -> None:
    with pytest.raises(EnvironmentFault, match="recovery sheet") as refused:
        unlock(made[0], "cafe by the river")
    assert refused.value.code == "wrong-passphrase"


@pytest.mark.parametrize(
    "spell", [str, str.lower, lambda code: code.replace("-", " "), lambda code: code.replace("0", "O")]
)
def test_the_recovery_code_opens_however_it_is_typed(made: tuple[bytes, Root, str], spell: Any) -> None:
    document, root, code = made

    assert recover(document, spell(code)).unwrap(root.wrap(bytes(32))) == bytes(32)


def test_a_typing_error_is_told_from_a_wrong_code(made: tuple[bytes, Root, str]) -> None:
    document, _, code = made
    other = create(PASSPHRASE)[2]
    typo = ("1" if code[0] != "1" else "2") + code[1:]

    with pytest.raises(BadInput, match="typing error"):
        recover(document, typo)
    with pytest.raises(BadInput, match="typing error"):
        recover(document, code + "0")
    with pytest.raises(BadInput, match="typing error"):
        recover(document, "")
    with pytest.raises(EnvironmentFault, match="not the one of this home"):
        recover(document, other)


@pytest.mark.parametrize(
    "cost", [{"memory_kib": 2**31}, {"memory_kib": 1}, {"time": 1000}, {"lanes": 0}, {"salt": 5}]
)
def test_a_forged_cost_is_refused_before_anything_is_computed(
    made: tuple[bytes, Root, str], cost: Any
) -> None:
    argon = {**json.loads(made[0])["argon2id"], **cost}
    started = time.process_time()

    with pytest.raises(EnvironmentFault, match="damaged"):
        unlock(changed(made[0], argon2id=argon), PASSPHRASE)

    assert time.process_time() - started < 0.1


@pytest.mark.parametrize("document", [b"", b"{}", b"[]", b"\xff", b'{"format": "pleura-root-2"}'])
def test_a_damaged_root_file_is_said_to_be_damaged(document: bytes) -> None:
    with pytest.raises(EnvironmentFault, match=r"restore root\.json"):
        unlock(document, PASSPHRASE)


def test_a_changed_slot_opens_nothing(made: tuple[bytes, Root, str]) -> None:
    slot = bytearray(base64.b64decode(json.loads(made[0])["by_passphrase"]))
    slot[5] ^= 1

    with pytest.raises(EnvironmentFault, match="does not open"):
        unlock(changed(made[0], by_passphrase=base64.b64encode(slot).decode()), PASSPHRASE)


@pytest.mark.parametrize("passphrase", ["", "eleven char", "x" * 1025])
def test_a_passphrase_of_a_bad_length_is_refused(passphrase: str) -> None:
    with pytest.raises(BadInput, match="12 and 1024"):
        create(passphrase)


def test_a_root_does_not_print_its_key(made: tuple[bytes, Root, str]) -> None:
    assert repr(made[1]) == "Root(epoch=1)"
    assert PASSPHRASE.encode() not in made[0]
