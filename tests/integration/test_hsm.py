"""A hardware token holds the root: SoftHSM 2 through its real PKCS#11 library."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers.softhsm import SoftToken, softhsm_module, softhsm_token

from pleura.adapters.token.holder import TokenHolder
from pleura.adapters.token.hsm import HsmToken
from pleura.domain.errors import EnvironmentFault, SealBroken

pytestmark = pytest.mark.skipif(softhsm_module() is None, reason="softhsm2 is not installed")

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def token() -> Iterator[SoftToken]:
    with softhsm_token() as made:
        os.environ.update(made.environment)
        yield made


@pytest.fixture
def hsm(token: SoftToken) -> Iterator[HsmToken]:
    with contextlib.closing(HsmToken(token.module, token.label, token.pin)) as opened:
        yield opened


def test_what_a_key_in_the_token_wraps_it_unwraps(hsm: HsmToken) -> None:
    hsm.make_key("one")

    wrapped = hsm.wrap("one", KEY)

    assert len(wrapped) == 40
    assert KEY not in wrapped
    assert hsm.unwrap("one", wrapped) == KEY


def test_another_key_and_damaged_bytes_unwrap_nothing(hsm: HsmToken) -> None:
    hsm.make_key("two")
    hsm.make_key("three")
    wrapped = hsm.wrap("two", KEY)

    with pytest.raises(SealBroken):
        hsm.unwrap("three", wrapped)
    with pytest.raises(SealBroken):
        hsm.unwrap("two", wrapped[:-1] + bytes([wrapped[-1] ^ 1]))
    with pytest.raises(SealBroken):
        hsm.unwrap("two", b"short")


def test_a_destroyed_key_is_gone_for_good(hsm: HsmToken) -> None:
    hsm.make_key("four")
    wrapped = hsm.wrap("four", KEY)

    hsm.destroy_key("four")

    assert not hsm.has_key("four")
    with pytest.raises(EnvironmentFault, match="does not hold"):
        hsm.unwrap("four", wrapped)
    hsm.make_key("four")
    with pytest.raises(SealBroken):
        hsm.unwrap("four", wrapped)


def test_a_key_in_the_token_cannot_be_read(hsm: HsmToken) -> None:
    import pkcs11  # noqa: PLC0415 - only this test looks inside

    hsm.make_key("five")
    (key,) = hsm._keys("five")

    with pytest.raises(pkcs11.exceptions.AttributeSensitive):
        key[pkcs11.Attribute.VALUE]


def test_a_holder_keeps_one_key_an_epoch_and_destroys_the_old_ones(hsm: HsmToken) -> None:
    holder = TokenHolder(hsm, "root")
    first, second = holder.wrap(1, KEY), holder.wrap(2, KEY)

    assert holder.unwrap(1, first) == holder.unwrap(2, second) == KEY
    holder.destroy_before(2)

    assert holder.unwrap(2, second) == KEY
    with pytest.raises(EnvironmentFault, match="does not hold"):
        holder.unwrap(1, first)


def test_a_wrong_pin_and_a_wrong_token_are_told_apart_and_the_pin_is_not_repeated(token: SoftToken) -> None:
    with pytest.raises(EnvironmentFault, match="refuses the PIN") as wrong:
        HsmToken(token.module, token.label, "0000-0000")
    assert "0000" not in str(wrong.value)
    with pytest.raises(EnvironmentFault, match="no token"):
        HsmToken(token.module, "elsewhere", token.pin)
    with pytest.raises(EnvironmentFault, match="no token"):
        HsmToken(Path("/nonexistent/library.so"), token.label, token.pin)
