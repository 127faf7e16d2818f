"""A PKCS#11 token (OASIS PKCS #11 v2.40): wrapping keys that never leave it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pkcs11
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass, mechanisms
from pkcs11 import exceptions as faults

from pleura.domain.errors import EnvironmentFault, SealBroken

_KEY_BITS: Final = 256
_WRAP: Final = mechanisms.Mechanism.AES_KEY_WRAP
_GONE: Final = (
    faults.DeviceError,
    faults.DeviceMemory,
    faults.DeviceRemoved,
    faults.SessionClosed,
    faults.SessionHandleInvalid,
    faults.TokenNotPresent,
    faults.UserNotLoggedIn,
)
"""What a token says that is not there any more; everything else is about the key or the bytes."""


class HsmToken:
    """One open session with one token."""

    def __init__(self, module: Path, token: str, pin: str) -> None:
        """Open the token called *token* behind the library *module*; raises EnvironmentFault."""
        self._module, self._token = module, token
        try:
            found = pkcs11.lib(str(module)).get_token(token_label=token)
            self._session: Any = found.open(rw=True, user_pin=pin)
        except (faults.PinIncorrect, faults.PinLenRange, faults.PinInvalid):
            raise EnvironmentFault(
                "wrong-passphrase",
                "the token {token} refuses the PIN",
                "check it; a token locks itself after a few wrong ones",
                token=token,
            ) from None
        except faults.PinLocked:
            raise EnvironmentFault(
                "token-locked",
                "the token {token} has locked itself after too many wrong PINs",
                "unlock it with its security officer's PIN, or open the home with pleura key recover",
                token=token,
            ) from None
        except faults.UserAlreadyLoggedIn:
            raise EnvironmentFault(
                "token-in-use",
                "the token {token} is open already in this command",
                "let a passphrase hold the root first: pleura key passphrase",
                token=token,
            ) from None
        except (faults.PKCS11Error, RuntimeError, OSError):
            raise self._unavailable() from None

    def make_key(self, label: str) -> None:
        """Make the AES-256 key *label* in the token: it wraps and unwraps there and cannot be read."""
        with self._faults():
            self._session.generate_key(
                KeyType.AES,
                _KEY_BITS,
                label=label,
                store=True,
                capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
                template={
                    Attribute.SENSITIVE: True,
                    Attribute.EXTRACTABLE: False,
                    Attribute.PRIVATE: True,
                },
            )

    def labels(self) -> list[str]:
        """The labels of all keys that the token holds for this PIN."""
        with self._faults():
            found = self._session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})
            return [str(key[Attribute.LABEL]) for key in found]

    def has_key(self, label: str) -> bool:
        """Whether the token holds a key *label*."""
        return bool(self._keys(label))

    def wrap(self, label: str, key: bytes) -> bytes:
        """*key* (32 bytes) wrapped in the token by its key *label* (AES key wrap, RFC 3394)."""
        wrapping = self._key(label)
        with self._faults():
            secret = self._session.create_object(
                {
                    Attribute.CLASS: ObjectClass.SECRET_KEY,
                    Attribute.KEY_TYPE: KeyType.AES,
                    Attribute.TOKEN: False,
                    Attribute.SENSITIVE: False,
                    Attribute.EXTRACTABLE: True,
                    Attribute.VALUE: key,
                }
            )
            try:
                return bytes(wrapping.wrap_key(secret, mechanism=_WRAP))
            finally:
                secret.destroy()

    def unwrap(self, label: str, wrapped: bytes) -> bytes:
        """What `wrap` wrapped; raises SealBroken, EnvironmentFault where the token has no such key."""
        wrapping = self._key(label)
        try:
            secret = wrapping.unwrap_key(
                ObjectClass.SECRET_KEY,
                KeyType.AES,
                wrapped,
                mechanism=_WRAP,
                template={
                    Attribute.TOKEN: False,
                    Attribute.SENSITIVE: False,
                    Attribute.EXTRACTABLE: True,
                },
            )
        except _GONE:
            raise self._unavailable() from None
        except faults.PKCS11Error:
            raise SealBroken from None
        with self._faults():
            try:
                return bytes(secret[Attribute.VALUE])
            finally:
                secret.destroy()

    def destroy_key(self, label: str) -> None:
        """Destroy the key *label* in the token: nothing brings it back."""
        with self._faults():
            for key in self._keys(label):
                key.destroy()

    def close(self) -> None:
        """End the session; a token that was pulled out has ended it already."""
        with contextlib.suppress(faults.PKCS11Error):
            self._session.close()

    def _keys(self, label: str) -> list[Any]:
        wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: label}
        with self._faults():
            return list(self._session.get_objects(wanted))

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        """Turn what the library says into EnvironmentFault."""
        try:
            yield
        except faults.PKCS11Error:
            raise self._unavailable() from None

    def _unavailable(self) -> EnvironmentFault:
        return EnvironmentFault(
            "token-unavailable",
            "there is no token {token} behind {module}",
            "plug it in and check the library, or open the home with pleura key recover",
            token=self._token,
            module=str(self._module),
        )

    def _key(self, label: str) -> Any:
        for key in self._keys(label):
            return key
        raise EnvironmentFault(
            "token-key-missing",
            "the token does not hold the key {label}",
            "use the token that this home was made with, or open the home with pleura key recover",
            label=label,
        )
