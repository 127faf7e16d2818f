"""The depots that an installation knows: where they are, whose they are and what was answered about them."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from pleura.crypto.fields import open_field, seal_field
from pleura.domain.custody.places import BucketPlace, CloudChecklist, FolderPlace, Place
from pleura.domain.errors import BadInput, NotFound, Refused
from pleura.domain.installation import Depot, DepotKind
from pleura.domain.ports import ObjectStore, Records, Unit
from pleura.ledger.ledger import Ledger
from pleura.prevent.depots.owner import Owner
from pleura.prevent.depots.snapshot import HEADS
from pleura.prevent.keyring import Keyring

_NAME: Final = re.compile(r"[a-z0-9-]{1,40}")


@dataclass(frozen=True, kw_only=True)
class Register:
    """What is remembered of depots."""

    records: Records
    ledger: Ledger
    keyring: Keyring
    instance: str
    """A name that no copy of this home has."""
    lock: Callable[[str], AbstractContextManager[None]]
    """The right to fill one depot, which raises Refused at once when somebody else has it."""
    connect: Callable[[Place], ObjectStore]

    def add(
        self, name: str, kind: DepotKind, place: Place, checklist: CloudChecklist | None, *, actor: str
    ) -> None:
        """Remember a place as a depot, once it has answered and is marked by this home or a copy of it.

        What is not marked as ours under this name is filled once it is adopted. Raises BadInput,
        EnvironmentFault, and Refused where another home has its backups or the place has another name here.
        """
        self.refuse(name, place)
        store = self.connect(place)
        self._refuse_named(place, store)
        self._owner.claim(store, name)
        depot = Depot(
            name=name,
            kind=kind,
            sealed_place=self._sealed(name, place),
            checklist=msgspec.json.encode(checklist).decode() if checklist else "",
        )
        with self.records.begin() as unit:
            unit.catalogue.put_depot(depot)
            form = "folder" if isinstance(place, FolderPlace) else "bucket"
            self.ledger.append(unit.ledger, "depot", actor, depot=name, form=form)

    def refuse(self, name: str, place: Place) -> None:
        """Return when a depot can be called *name* and *place* answers; raises BadInput, EnvironmentFault."""
        if not _NAME.fullmatch(name):
            raise BadInput(
                "bad-depot-name",
                "the name of a backup or replica is 1 to 40 of a-z, 0-9 and -",
                "choose a name such as nas or cloud-2",
            )
        self._refuse_known(name)
        next(self.connect(place).names(HEADS), "")

    def answer(self, name: str, checklist: CloudChecklist, *, actor: str) -> None:
        """Keep other answers about a cloud store; raises NotFound."""
        with self.records.begin() as unit:
            depot = _row(name, unit)
            unit.catalogue.put_depot(replace(depot, checklist=msgspec.json.encode(checklist).decode()))
            self.ledger.append(unit.ledger, "depot", actor, depot=name, form="checklist")

    def all(self, kind: DepotKind | None = None) -> list[Depot]:
        """The depots by name."""
        with self.records.read() as unit:
            return [depot for depot in unit.catalogue.depots() if kind in {None, depot.kind}]

    def place(self, name: str) -> Place:
        """Where a depot is; raises NotFound."""
        depot = self._find(name)
        clear = open_field(self.keyring.depot_key, depot.sealed_place, _context(name))
        return _read(clear)

    def forget(self, name: str, *, actor: str) -> None:
        """Remember a depot no longer, nor what was to be deleted in it; nothing in the place is touched.

        Raises NotFound, and Refused while it is being filled.
        """
        self._find(name)
        with self.lock(name), self.records.begin() as unit:
            unit.catalogue.drop_depot(name)
            self.ledger.append(unit.ledger, "depot", actor, depot=name, form="forgotten")

    def change(self, name: str, place: BucketPlace, *, actor: str) -> None:
        """Reach a bucket with other keys from now on; raises BadInput for another one, and as `sync` does."""
        before = self.place(name)
        is_same = isinstance(before, BucketPlace) and (before.bucket, before.prefix) == (
            place.bucket,
            place.prefix,
        )
        if not is_same:
            raise BadInput(
                "another-bucket",
                "{depot} is another bucket, or has another prefix",
                "give the file of the same bucket with its new keys; another one is added under its own name",
                depot=name,
            )
        with self.lock(name):
            self._owner.prove(self.connect(place), name)
            with self.records.begin() as unit:
                depot = _row(name, unit)
                unit.catalogue.put_depot(replace(depot, sealed_place=self._sealed(name, place)))
                self.ledger.append(unit.ledger, "depot", actor, depot=name, form="changed")

    def _sealed(self, name: str, place: Place) -> bytes:
        return seal_field(self.keyring.depot_key, msgspec.json.encode(place), _context(name))

    def adopt(self, name: str, *, actor: str) -> None:
        """Take a depot over from a copy of this home that it belonged to; raises Refused."""
        with self.lock(name):
            store = self.connect(self.place(name))
            self._refuse_emptied(name, store)
            self._owner.take(store, name)
            with self.records.begin() as unit:
                self.ledger.append(unit.ledger, "depot", actor, depot=name, form="adopted")

    @property
    def _owner(self) -> Owner:
        return Owner(keyring=self.keyring, instance=self.instance)

    def _owned(
        self, name: str, connect: Callable[[Place], ObjectStore] | None = None
    ) -> tuple[ObjectStore, int]:
        """The store of a depot that is ours, and how many homes have filled it; raises Refused."""
        store = (connect or self.connect)(self.place(name))
        self._refuse_emptied(name, store)
        return store, self._owner.prove(store, name)

    def _refuse_known(self, name: str) -> None:
        with self.records.begin() as unit:
            known = unit.catalogue.depot(name)
        if known is not None:
            raise BadInput(
                "depot-exists",
                "there is a backup or replica called {depot} already",
                "choose another name",
                depot=name,
            )

    def _refuse_named(self, place: Place, store: ObjectStore) -> None:
        """One place has one name: two of them would take the depot from each other."""
        known = {depot.name: self.place(depot.name) for depot in self.all()}
        marked = self._owner.name_of(store, known)
        for name, other in known.items():
            if name == marked or other == place:
                raise Refused(
                    "depot-named",
                    "that place has another name here: {depot}",
                    "use it by that name, or forget that one first: pleura backup forget {depot}",
                    depot=name,
                )

    def _find(self, name: str) -> Depot:
        with self.records.read() as unit:
            return _row(name, unit)

    def _refuse_emptied(self, name: str, store: ObjectStore) -> None:
        """A mount point without its disk is an empty folder, and would be filled again."""
        if self._find(name).synced_at is not None and not next(store.names(HEADS), ""):
            raise Refused(
                "depot-emptied",
                "the place of {depot} is empty, though it was filled before",
                "mount the disk or check the bucket; if it is lost for good, back up to another place",
                depot=name,
            )


def _row(name: str, unit: Unit) -> Depot:
    depot = unit.catalogue.depot(name)
    if depot is None:
        raise NotFound(
            "depot-unknown",
            "there is no backup or replica called {depot}",
            "list them with pleura backup list and pleura replica status",
            depot=name,
        )
    return depot


def _read(clear: bytes) -> Place:
    found = msgspec.json.decode(clear)
    return BucketPlace(**found) if "bucket" in found else FolderPlace(**found)


def _context(name: str) -> bytes:
    return f"depot/{name}".encode()
