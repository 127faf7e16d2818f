"""A hardware token as the holder of the root keys: one key in the token for each epoch."""

from __future__ import annotations

from pleura.adapters.token.hsm import HsmToken
from pleura.domain.errors import EnvironmentFault


class TokenHolder:
    """The port `RootHolder` by a PKCS#11 token."""

    def __init__(self, token: HsmToken, label: str) -> None:
        self._token = token
        self._label = label

    def refuse_taken(self) -> None:
        """Return when the token holds no key of this label; raises EnvironmentFault.

        Two homes with one label would share keys, and the rotation of one would destroy those of the other.
        """
        if any(name.startswith(f"{self._label}-") for name in self._token.labels()):
            raise EnvironmentFault(
                "token-label-taken",
                "the token holds keys called {label} already, maybe those of another home",
                "choose another label, or leave it out: then it is a new one",
                label=self._label,
            )

    def wrap(self, epoch: int, key: bytes) -> bytes:
        """The root key of *epoch* wrapped by the token's key for it, which is made when it is not there."""
        if not self._token.has_key(self._name(epoch)):
            self._token.make_key(self._name(epoch))
        return self._token.wrap(self._name(epoch), key)

    def unwrap(self, epoch: int, wrapped: bytes) -> bytes:
        """What `wrap` wrapped; raises EnvironmentFault, SealBroken."""
        return self._token.unwrap(self._name(epoch), wrapped)

    def destroy_before(self, epoch: int) -> None:
        """Destroy the token's keys for epochs before *epoch*: nothing brings them back."""
        for old in range(1, epoch):
            if self._token.has_key(self._name(old)):
                self._token.destroy_key(self._name(old))

    def _name(self, epoch: int) -> str:
        return f"{self._label}-{epoch}"
