"""Whose a depot is: one home fills it, and every other leaves it alone (docs/formats/depot.md, section 2)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec

from pleura.crypto.keys import derive, keyed_digest
from pleura.domain.errors import BadInput, EnvironmentFault, NotFound, Refused
from pleura.domain.ports import ObjectStore
from pleura.prevent.depots.boxes import BOXES
from pleura.prevent.depots.snapshot import HEADS, SNAPSHOTS, Head, heads_of, opens
from pleura.prevent.keyring import Keyring
from pleura.prevent.vault import UNREADABLE

OWNER: Final = "owner"
_MOST_MARK: Final = 4096


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a depot says about its owner: keyed digests, so that nobody else can read or imitate them."""

    format: Literal["pleura-owner-1"]
    home: str
    """Of the ledger's key: the same in a home and in every copy that was restored from it."""
    owner: str
    """Of the one copy of the home that fills this depot, under the name it has there."""
    taken: Annotated[int, msgspec.Meta(ge=1)]
    """How many homes have filled it, one after the other."""


_DAMAGED: Final = Mark(format="pleura-owner-1", home="", owner="", taken=1)
"""What is read where the mark itself is damaged: it is nobody's."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """This home, as the owner of depots."""

    keyring: Keyring
    instance: str
    """A name that no copy of this home has."""

    def claim(self, store: ObjectStore, depot: str) -> None:
        """Mark *store* as the depot of this home, or return where it or a copy of it did; raises Refused."""
        found = _read(store)
        if found == _DAMAGED:
            raise _occupied()
        if found is None:
            if any(next(store.names(part), "") for part in (BOXES, HEADS, SNAPSHOTS)):
                raise _occupied()
            with contextlib.suppress(BadInput):  # another home was faster: the mark itself says so
                self._write(store, depot, 1)
        self._mark(store, depot)

    def name_of(self, store: ObjectStore, names: Iterable[str]) -> str:
        """The one of *names* that this home marked the depot with, else nothing."""
        found = _read(store)
        return next((name for name in names if found and found.owner == self._owner(name)), "")

    def prove(self, store: ObjectStore, depot: str) -> int:
        """How many homes have filled the depot, of which this one is the last; raises Refused."""
        found = self._mark(store, depot)
        if found.owner != self._owner(depot):
            raise Refused(
                "depot-of-a-copy",
                "{depot} belongs to another copy of this home, or has another name here",
                "leave it to that home; if this one takes its place: pleura backup adopt {depot}",
                depot=depot,
            )
        return found.taken

    def take(self, store: ObjectStore, depot: str) -> None:
        """Make the depot of a copy of this home that of this one; raises Refused for any other home's."""
        found, heads = _read_at_all(store), heads_of(store)
        if found is None or found == _DAMAGED:
            # Nothing but the heads proves whose it is; a place without a mark and without heads is free.
            if (heads or found) and not any(map(self._opens, heads)):
                raise _occupied()
        elif found.home != self._home:
            raise _foreign(depot)
        times = [head.taken for head in heads] + ([found.taken] if found else [])
        store.delete(OWNER)
        self._write(store, depot, max(times, default=0) + 1)

    def _mark(self, store: ObjectStore, depot: str) -> Mark:
        """The mark of this home or of a copy of it; raises Refused."""
        found = _read(store)
        if found is None or found == _DAMAGED:
            raise Refused(
                "depot-unmarked",
                "the mark that says whose {depot} is has gone or is damaged",
                "check that it is the right disk or bucket, then: pleura backup adopt {depot}",
                depot=depot,
            )
        if found.home != self._home:
            raise _foreign(depot)
        return found

    def _write(self, store: ObjectStore, depot: str, taken: int) -> None:
        mark = Mark(format="pleura-owner-1", home=self._home, owner=self._owner(depot), taken=taken)
        store.put(OWNER, [msgspec.json.encode(mark)])

    def _opens(self, head: Head) -> bool:
        return opens(head, self.keyring.root)

    @property
    def _home(self) -> str:
        return keyed_digest(self._key, self.keyring.signer.public).hex()

    def _owner(self, depot: str) -> str:
        return keyed_digest(self._key, f"{self.instance}/{depot}".encode()).hex()

    @property
    def _key(self) -> bytes:
        return derive(self.keyring.depot_key, "owner")


def _read(store: ObjectStore) -> Mark | None:
    try:
        with store.open(OWNER) as stream:
            content = stream.read(_MOST_MARK)
    except NotFound:
        return None
    try:
        return msgspec.json.decode(content, type=Mark)
    except msgspec.MsgspecError:
        return _DAMAGED


def _read_at_all(store: ObjectStore) -> Mark | None:
    """As `_read`, where a mark that its disk cannot read is a damaged one."""
    try:
        return _read(store)
    except EnvironmentFault as fault:
        if fault.code not in UNREADABLE:
            raise
        return _DAMAGED


def _occupied() -> Refused:
    return Refused(
        "depot-occupied",
        "there are backups in that place, and nothing says whose they are",
        "choose an empty folder, or another prefix in the bucket",
    )


def _foreign(depot: str) -> Refused:
    return Refused(
        "depot-of-another-home",
        "the place of {depot} holds the backups of another home",
        "choose a folder, or a prefix in the bucket, of its own for every home",
        depot=depot,
    )
