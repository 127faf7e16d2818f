"""The root keys of an installation and the file that keeps them wrapped (docs/formats/root.md).

Each epoch has a root key of its own. It is wrapped by a holder (a passphrase or a hardware token) and by
the recovery code. There is one epoch, or two while a rotation is under way: then the newer root is also
wrapped by the older one, so that whatever opens the older opens both.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, Final, Literal

import msgspec
from argon2.low_level import Type, hash_secret_raw

from pleura.crypto.keys import derive, new_key, unwrap, wrap
from pleura.crypto.roots.recovery import new_code
from pleura.domain.errors import BadInput, EnvironmentFault, SealBroken
from pleura.domain.installation import TokenKey
from pleura.domain.ports import RootHolder

MIN_PASSPHRASE: Final = 12
MAX_PASSPHRASE: Final = 1024
FIRST_EPOCH: Final = 1
_SALT_BYTES: Final = 16


class Argon2id(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="passphrase"):
    """Cost of Argon2id: RFC 9106, section 4, second recommended option; bounds keep a forged file cheap."""

    salt: bytes
    time: Annotated[int, msgspec.Meta(ge=1, le=16)] = 3
    memory_kib: Annotated[int, msgspec.Meta(ge=8192, le=4 * 1024 * 1024)] = 64 * 1024
    lanes: Annotated[int, msgspec.Meta(ge=1, le=16)] = 4


class _Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="token"):
    """Where the hardware token is and what its keys are called."""

    module: str
    token: str
    label: str


class _Epoch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One root key, wrapped in every way that opens it."""

    epoch: Annotated[int, msgspec.Meta(ge=1)]
    by_holder: bytes
    by_recovery: bytes | None = None
    by_previous: bytes | None = None


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The root file: JSON, bytes as base64."""

    format: Literal["pleura-root-2"]
    holder: Argon2id | _Token
    epochs: Annotated[list[_Epoch], msgspec.Meta(min_length=1, max_length=2)]


class Root:
    """The root keys that are open, newest last; never printed, zeroed when forgotten."""

    def __init__(self, keys: dict[int, bytes]) -> None:
        self._keys = {epoch: bytearray(key) for epoch, key in sorted(keys.items())}

    def __repr__(self) -> str:
        return f"Root(epochs={list(self._keys)})"

    @property
    def epoch(self) -> int:
        """The newest epoch: everything is wrapped under it from now on."""
        return max(self._keys)

    @property
    def epochs(self) -> list[int]:
        """All epochs that are open, oldest first."""
        return list(self._keys)

    def wrap(self, key: bytes) -> bytes:
        """*key* wrapped under the newest epoch (AES key wrap, RFC 3394)."""
        return wrap(bytes(self._keys[self.epoch]), key)

    def unwrap(self, wrapped: bytes, epoch: int) -> bytes:
        """The key that the root of *epoch* wrapped; raises SealBroken, also for an epoch that is gone."""
        if epoch not in self._keys:
            raise SealBroken
        return unwrap(bytes(self._keys[epoch]), wrapped)

    def key(self, epoch: int) -> bytes:
        """The root key of *epoch*, to be wrapped by its holder."""
        return bytes(self._keys[epoch])

    def add(self, epoch: int, key: bytes) -> None:
        """Open one more epoch."""
        self._keys[epoch] = bytearray(key)

    def forget(self, before: int | None = None) -> None:
        """Zero the keys of epochs *before* one, or all. Copies that a library made are beyond reach."""
        for epoch in [each for each in self._keys if before is None or each < before]:
            key = self._keys.pop(epoch)
            key[:] = bytes(len(key))


class Passphrase:
    """The port `RootHolder` by a passphrase: Argon2id once, then AES key wrap; zeroed when closed."""

    def __init__(self, passphrase: str, cost: Argon2id) -> None:
        self.cost = cost
        self._key = bytearray(_stretched(passphrase, cost))

    def wrap(self, epoch: int, key: bytes) -> bytes:  # noqa: ARG002 - one passphrase holds every epoch
        """*key* wrapped by the stretched passphrase."""
        return wrap(bytes(self._key), key)

    def unwrap(self, epoch: int, wrapped: bytes) -> bytes:  # noqa: ARG002
        """The key that was wrapped; raises EnvironmentFault for a wrong passphrase."""
        try:
            return unwrap(bytes(self._key), wrapped)
        except SealBroken:
            raise EnvironmentFault(
                "wrong-passphrase",
                "the passphrase does not open this home",
                "check it, or use the recovery sheet: pleura key recover",
            ) from None

    def close(self) -> None:
        """Zero the wrapping key; nothing is wrapped or opened afterwards."""
        self._key[:] = bytes(len(self._key))

    def destroy_before(self, epoch: int) -> None:
        """Nothing to do: what a passphrase wraps is destroyed with the file it stood in."""


def new_passphrase(passphrase: str) -> Passphrase:
    """A holder with a fresh salt; raises BadInput for a passphrase that is too short or too long."""
    if not MIN_PASSPHRASE <= len(passphrase) <= MAX_PASSPHRASE:
        raise BadInput(
            "passphrase-length",
            "a passphrase has between {least} and {most} characters",
            "choose a longer one; five unrelated words are good",
            least=MIN_PASSPHRASE,
            most=MAX_PASSPHRASE,
        )
    return Passphrase(passphrase, Argon2id(salt=new_key()[:_SALT_BYTES]))


def holder_of(document: bytes) -> Argon2id | TokenKey:
    """Who holds the root: the cost of the passphrase, or the key of a hardware token."""
    holder = _parsed(document).holder
    if isinstance(holder, Argon2id):
        return holder
    return TokenKey(module=holder.module, token=holder.token, label=holder.label)


def create(
    holder: RootHolder, kind: Argon2id | TokenKey, epoch: int = FIRST_EPOCH
) -> tuple[bytes, Root, bytes]:
    """The root file, the root of *epoch* and the recovery code."""
    root = Root({epoch: new_key()})
    code = new_code()
    return reissue(_written(kind, [_held(root, epoch, holder)]), root, code), root, code


def adopt(root: Root, code: bytes, holder: RootHolder, kind: Argon2id | TokenKey) -> bytes:
    """The root file of a home that came back: the same root and recovery code, another holder."""
    held = msgspec.structs.replace(
        _held(root, root.epoch, holder), by_recovery=wrap(derive(code, "recovery"), root.key(root.epoch))
    )
    return _written(kind, [held])


def unlock(document: bytes, holder: RootHolder) -> Root:
    """The root that *holder* opens; raises EnvironmentFault."""
    epochs = _parsed(document).epochs
    return Root({each.epoch: holder.unwrap(each.epoch, each.by_holder) for each in epochs})


def recover(document: bytes, code: bytes) -> Root:
    """The root that the recovery code opens; raises EnvironmentFault."""
    keys: dict[int, bytes] = {}
    for each in _parsed(document).epochs:
        if each.by_recovery is not None:
            keys[each.epoch] = open_by_recovery(each.by_recovery, code)
        elif each.by_previous is not None:
            keys[each.epoch] = unwrap(keys[each.epoch - 1], each.by_previous)
    return Root(keys)


def open_by_recovery(wrapped: bytes, code: bytes) -> bytes:
    """The root key that the recovery code wrapped; raises EnvironmentFault."""
    try:
        return unwrap(derive(code, "recovery"), wrapped)
    except SealBroken:
        raise EnvironmentFault(
            "wrong-recovery-code",
            "the recovery code is not the one of this home or backup",
            "look for the recovery sheet of this epoch: a new one is made by every rotation",
        ) from None


def by_recovery(document: bytes) -> bytes:
    """The oldest open root as the recovery code wraps it: what a backup carries to be opened elsewhere."""
    wrapped = _parsed(document).epochs[0].by_recovery
    if wrapped is None:
        raise _damaged()
    return wrapped


def reissue(document: bytes, root: Root, code: bytes) -> bytes:
    """The file under the new recovery code *code*; the old code opens only old files."""
    parsed = _parsed(document)
    epochs = [
        msgspec.structs.replace(each, by_recovery=wrap(derive(code, "recovery"), root.key(each.epoch)))
        for each in parsed.epochs
    ]
    return _encoded(msgspec.structs.replace(parsed, epochs=epochs))


def hand_over(document: bytes, root: Root, holder: RootHolder, kind: Argon2id | TokenKey) -> bytes:
    """The file with every epoch wrapped by a new holder; the recovery code stays the same."""
    epochs = [
        msgspec.structs.replace(each, by_holder=holder.wrap(each.epoch, root.key(each.epoch)))
        for each in _parsed(document).epochs
    ]
    return _written(kind, epochs)


def begin_rotation(document: bytes, root: Root, holder: RootHolder) -> bytes:
    """The file with one more epoch, opened in *root* too; unchanged when a rotation is under way already."""
    parsed = _parsed(document)
    if len(parsed.epochs) == 2:
        return document
    old = root.epoch
    root.add(old + 1, new_key())
    newer = msgspec.structs.replace(
        _held(root, old + 1, holder), by_previous=wrap(root.key(old), root.key(old + 1))
    )
    return _encoded(msgspec.structs.replace(parsed, epochs=[*parsed.epochs, newer]))


def finish_rotation(document: bytes, root: Root, code: bytes) -> bytes:
    """The file with the newest epoch only, under the new recovery code *code*."""
    parsed = _parsed(document)
    kept = msgspec.structs.replace(parsed.epochs[-1], by_previous=None)
    return reissue(_encoded(msgspec.structs.replace(parsed, epochs=[kept])), root, code)


def _held(root: Root, epoch: int, holder: RootHolder) -> _Epoch:
    return _Epoch(epoch=epoch, by_holder=holder.wrap(epoch, root.key(epoch)))


def _written(kind: Argon2id | TokenKey, epochs: list[_Epoch]) -> bytes:
    if isinstance(kind, TokenKey):
        kept: Argon2id | _Token = _Token(module=kind.module, token=kind.token, label=kind.label)
    else:
        kept = kind
    return _encoded(_Document(format="pleura-root-2", holder=kept, epochs=epochs))


def _encoded(document: _Document) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=1)


def _parsed(document: bytes) -> _Document:
    try:
        return msgspec.json.decode(document, type=_Document)
    except msgspec.MsgspecError:
        raise _damaged() from None


def _damaged() -> EnvironmentFault:
    return EnvironmentFault(
        "root-file-damaged",
        "the root file of this home is damaged",
        "restore the home from a backup: pleura backup restore",
    )


def _stretched(passphrase: str, cost: Argon2id) -> bytes:
    """The wrapping key of a passphrase, which is normalised so that every keyboard spells it alike."""
    return hash_secret_raw(
        unicodedata.normalize("NFC", passphrase).encode(),
        cost.salt,
        time_cost=cost.time,
        memory_cost=cost.memory_kib,
        parallelism=cost.lanes,
        hash_len=32,
        type=Type.ID,
    )
