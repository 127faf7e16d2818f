"""A hardware token holds the root: SoftHSM 2 through its real PKCS#11 library."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pkcs11
import pytest
from tests.servers.softhsm import SoftToken, softhsm_module, softhsm_token

from pleura.adapters.token.holder import TokenHolder
from pleura.adapters.token.hsm import HsmToken
from pleura.bootstrap import Founding, found_house, new_holder, open_house, token_key
from pleura.domain.errors import BadInput, EnvironmentFault, SealBroken
from pleura.settings import Settings

pytestmark = pytest.mark.skipif(softhsm_module() is None, reason="softhsm2 is not installed")

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def token() -> Iterator[SoftToken]:
    with softhsm_token() as made, pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setenv(name, value)
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


def test_a_token_that_is_open_already_is_not_said_to_be_missing(hsm: HsmToken, token: SoftToken) -> None:
    with pytest.raises(EnvironmentFault) as told:
        HsmToken(token.module, token.label, token.pin)

    assert told.value.code == "token-in-use"


def test_a_token_that_locked_itself_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """SoftHSM never locks, whatever is typed, so that a stand-in answers here."""

    class Locked:
        def get_token(self, token_label: str) -> Locked:
            return self

        def open(self, *, rw: bool, user_pin: str) -> None:
            raise pkcs11.exceptions.PinLocked

    monkeypatch.setattr(pkcs11, "lib", lambda path: Locked())

    with pytest.raises(EnvironmentFault) as told:
        HsmToken(Path("module.so"), "ward", "9753-1")

    assert told.value.code == "token-locked"
    assert "9753" not in str(told.value)


def home_on(token: SoftToken, path: Path, label: str = "") -> Settings:
    key = token_key(str(token.module), token.label, label)
    made = Settings(home=path)
    found_house(
        made, Founding(passphrase=token.pin, administrator="anna", password="twelve quiet herons", token=key)
    )
    return made


def key_labels(token: SoftToken) -> set[str]:
    with contextlib.closing(HsmToken(token.module, token.label, token.pin)) as opened:
        return set(opened.labels())


def opens(token: SoftToken, settings: Settings) -> bool:
    with open_house(settings, lambda: token.pin) as house:
        return house.vault.images() == []


def test_two_homes_on_one_token_do_not_touch_each_other(token: SoftToken, tmp_path: Path) -> None:
    one, other = home_on(token, tmp_path / "one"), home_on(token, tmp_path / "other")

    with open_house(one, lambda: token.pin, alone=True) as house:
        house.keys.rotate(actor="test", keep=lambda _: None)

    assert opens(token, one)
    assert opens(token, other)


def test_the_keys_of_another_home_are_not_taken_over(token: SoftToken, tmp_path: Path) -> None:
    home_on(token, tmp_path / "one", "ward-seven")
    before = key_labels(token)

    with pytest.raises(EnvironmentFault) as caught:
        home_on(token, tmp_path / "other", "ward-seven")
    assert caught.value.code == "token-label-taken"

    assert not (tmp_path / "other").exists()
    assert key_labels(token) == before
    assert opens(token, Settings(home=tmp_path / "one"))


def test_a_home_that_could_not_be_made_leaves_no_key_in_the_token(token: SoftToken, tmp_path: Path) -> None:
    before = key_labels(token)
    key = token_key(str(token.module), token.label)

    with pytest.raises(BadInput, match="password"):
        found_house(
            Settings(home=tmp_path / "home"),
            Founding(passphrase=token.pin, administrator="anna", password="short", token=key),
        )

    assert key_labels(token) == before


def test_the_token_that_held_a_root_keeps_no_key_of_it(token: SoftToken, tmp_path: Path) -> None:
    before = key_labels(token)
    made = home_on(token, tmp_path / "home")
    old = (made.home / "root.json").read_bytes()
    with open_house(made, lambda: token.pin, alone=True) as house:
        house.keys.rotate(actor="test", keep=lambda _: None)
    assert len(key_labels(token) - before) == 1

    with (
        open_house(made, lambda: token.pin, alone=True) as house,
        new_holder("a long walk by the river", None) as (holder, kind),
    ):
        house.keys.hand_over(holder, kind, actor="test")

    assert key_labels(token) == before
    with open_house(made, lambda: "a long walk by the river") as house:
        assert house.vault.images() == []
    (made.home / "root.json").write_bytes(old)
    with pytest.raises(EnvironmentFault, match="does not hold"):
        opens(token, made)


def test_a_token_that_goes_away_says_so_and_closes(token: SoftToken) -> None:
    """The last test of this module: it takes the token's files away."""
    hsm = HsmToken(token.module, token.label, token.pin)
    hsm.make_key("six")
    wrapped = hsm.wrap("six", KEY)
    shutil.rmtree(Path(token.environment["SOFTHSM2_CONF"]).parent / "tokens")

    with pytest.raises(EnvironmentFault) as told:
        hsm.make_key("seven")
    assert told.value.code == "token-unavailable"
    with pytest.raises(EnvironmentFault):
        hsm.unwrap("six", wrapped)
    hsm.close()
    hsm.close()
