"""The root key of an installation, sealed under a passphrase and under a recovery code."""

from __future__ import annotations

import secrets
import unicodedata
from typing import Annotated, Final, Literal

import msgspec
from argon2.low_level import Type, hash_secret_raw

from pleura.crypto.keys import derive, digest, new_key, unwrap, wrap
from pleura.domain.errors import BadInput, EnvironmentFault, SealBroken

MIN_PASSPHRASE: Final = 12
MAX_PASSPHRASE: Final = 1024
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_CODE_BYTES: Final = 32
_CHECK_BYTES: Final = 3
_GROUP: Final = 7


class _Argon2id(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cost of Argon2id: RFC 9106, section 4, second recommended option; bounds keep a forged file cheap."""

    salt: bytes
    time: Annotated[int, msgspec.Meta(ge=1, le=16)] = 3
    memory_kib: Annotated[int, msgspec.Meta(ge=8192, le=4 * 1024 * 1024)] = 64 * 1024
    lanes: Annotated[int, msgspec.Meta(ge=1, le=16)] = 4


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The root file: JSON, bytes as base64."""

    format: Literal["pleura-root-1"]
    epoch: Annotated[int, msgspec.Meta(ge=1)]
    argon2id: _Argon2id
    by_passphrase: bytes
    by_recovery: bytes


class Root:
    """The root key of one epoch; never printed."""

    def __init__(self, key: bytes, epoch: int) -> None:
        self._key = key
        self.epoch = epoch

    def __repr__(self) -> str:
        return f"Root(epoch={self.epoch})"

    def wrap(self, key: bytes) -> bytes:
        """*key* wrapped by this root (AES key wrap, RFC 3394)."""
        return wrap(self._key, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key that this root wrapped; raises SealBroken."""
        return unwrap(self._key, wrapped)


def create(passphrase: str) -> tuple[bytes, Root, str]:
    """The root file, the root key of epoch 1, the recovery code; raises BadInput for a short passphrase."""
    if not MIN_PASSPHRASE <= len(passphrase) <= MAX_PASSPHRASE:
        raise BadInput(
            "passphrase-length",
            "a passphrase has between {least} and {most} characters",
            "choose a longer one; five unrelated words are good",
            least=MIN_PASSPHRASE,
            most=MAX_PASSPHRASE,
        )
    root, code = new_key(), secrets.token_bytes(_CODE_BYTES)
    cost = _Argon2id(salt=secrets.token_bytes(16))
    document = _Document(
        format="pleura-root-1",
        epoch=1,
        argon2id=cost,
        by_passphrase=wrap(_stretched(passphrase, cost), root),
        by_recovery=wrap(derive(code, "recovery"), root),
    )
    return msgspec.json.encode(document), Root(root, document.epoch), _spelled(code)


def unlock(document: bytes, passphrase: str) -> Root:
    """The root key that *passphrase* opens; raises EnvironmentFault."""
    parsed = _parsed(document)
    try:
        key = unwrap(_stretched(passphrase, parsed.argon2id), parsed.by_passphrase)
    except SealBroken:
        raise EnvironmentFault(
            "wrong-passphrase",
            "the passphrase does not open this home",
            "check it, or use the recovery sheet",
        ) from None
    return Root(key, parsed.epoch)


def recover(document: bytes, recovery_code: str) -> Root:
    """The root key that *recovery_code* opens; raises BadInput for a typing error, else EnvironmentFault."""
    parsed = _parsed(document)
    try:
        key = unwrap(derive(_read(recovery_code), "recovery"), parsed.by_recovery)
    except SealBroken:
        raise EnvironmentFault(
            "wrong-recovery-code",
            "the recovery code is not the one of this home",
            "look for the recovery sheet of this home",
        ) from None
    return Root(key, parsed.epoch)


def _parsed(document: bytes) -> _Document:
    try:
        return msgspec.json.decode(document, type=_Document)
    except msgspec.MsgspecError:
        raise EnvironmentFault(
            "root-file-damaged",
            "the root file of this home is damaged",
            "restore root.json from a backup",
        ) from None


def _stretched(passphrase: str, cost: _Argon2id) -> bytes:
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


def _spelled(code: bytes) -> str:
    """The code with three check bytes, 56 letters in groups of seven."""
    number = int.from_bytes(code + digest(code)[:_CHECK_BYTES])
    letters = "".join(_ALPHABET[number >> shift & 31] for shift in range(275, -1, -5))
    return "-".join(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP))


def _read(spelled: str) -> bytes:
    """The code of what a person typed; raises BadInput when its check bytes do not fit."""
    typed = spelled.upper().translate(str.maketrans("ILO", "110", " -\t\n"))
    number = 0
    for letter in typed:
        number = number << 5 | max(_ALPHABET.find(letter), 0)
    data = (number & (1 << 280) - 1).to_bytes(_CODE_BYTES + _CHECK_BYTES)
    code, check = data[:_CODE_BYTES], data[_CODE_BYTES:]
    if digest(code)[:_CHECK_BYTES] != check or _spelled(code).replace("-", "") != typed:
        raise BadInput(
            "recovery-code-typo",
            "the recovery code has a typing error",
            "compare it letter by letter with the recovery sheet",
        )
    return code
