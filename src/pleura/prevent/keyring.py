"""The keys of one installation, unwrapped for as long as a process works with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from pleura.crypto.keys import derive, keystream, new_key
from pleura.crypto.roots.root import Root
from pleura.crypto.signing import Signer
from pleura.domain.errors import EnvironmentFault
from pleura.domain.installation import InstallationKey, KeyPurpose
from pleura.domain.ports import Catalogue


@dataclass(frozen=True, kw_only=True)
class Keyring:
    """The root and the installation keys below it; never printed, zeroed when forgotten."""

    root: Root
    index_key: bytearray
    mark_key: bytearray
    signer: Signer

    def __repr__(self) -> str:
        return f"Keyring(epoch={self.root.epoch})"

    def forget(self) -> None:
        """Zero the keys. Copies that a library made are beyond reach, as are keys derived for one use."""
        for key in (self.index_key, self.mark_key):
            key[:] = bytes(len(key))

    @property
    def depot_key(self) -> bytes:
        """The key of everything that leaves for a backup or a replica."""
        return derive(self.index_key, "depot")

    @property
    def watch_key(self) -> bytes:
        """The key of what the watch list keeps: where it looks, and where it saw what."""
        return derive(self.index_key, "watch")

    def mark_stream(self, image: str, copy: str, length: int) -> bytes:
        """The *length* secret bytes that become the chips of one copy's mark (docs/formats/mark.md)."""
        return keystream(derive(self.mark_key, "mark", f"{image}/{copy}".encode()), length)

    def plan_stream(self, image: str, length: int) -> bytes:
        """The *length* secret bytes that say which cells of the marks of one image carry the payload."""
        return keystream(derive(self.mark_key, "plan", image.encode()), length)

    def payload_key(self, image: str) -> bytes:
        """The key of what the marks of one image say by themselves."""
        return derive(self.mark_key, "payload", image.encode())


def found_keyring(root: Root, catalogue: Catalogue) -> Keyring:
    """A keyring of fresh random keys, stored wrapped by *root*."""
    for purpose in get_args(KeyPurpose):
        wrapped = root.wrap(new_key())
        catalogue.add_key(InstallationKey(purpose=purpose, root_epoch=root.epoch, wrapped=wrapped))
    return load_keyring(root, catalogue)


def load_keyring(root: Root, catalogue: Catalogue) -> Keyring:
    """The keyring that *root* opens; raises EnvironmentFault for a missing key, SealBroken."""

    def unwrap(purpose: KeyPurpose) -> bytes:
        key = wrapped_key(purpose, catalogue)
        return root.unwrap(key.wrapped, key.root_epoch)

    return Keyring(
        root=root,
        index_key=bytearray(unwrap("index")),
        mark_key=bytearray(unwrap("mark")),
        signer=Signer.from_bytes(unwrap("ledger")),
    )


def wrapped_key(purpose: KeyPurpose, catalogue: Catalogue) -> InstallationKey:
    """The key of the installation for *purpose*, as the database has it; raises EnvironmentFault."""
    key = catalogue.key(purpose)
    if key is None:
        raise EnvironmentFault(
            "key-missing",
            "the database has no {purpose} key",
            "restore the database from a backup",
            purpose=purpose,
        )
    return key
