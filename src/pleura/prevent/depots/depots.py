"""Backups and replicas: one mechanism, two kinds of place.

A depot holds boxes (every sealed object sealed once more) and snapshots (the whole database, sealed). What
is missing is added, nothing is replaced. A snapshot opens with the root of its epoch or with the recovery
code of that epoch, and with nothing else: not with the passphrase, so that a destroyed epoch takes every
snapshot made under it along.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from pleura.crypto.container import commitment_of
from pleura.crypto.fields import open_field, seal_field
from pleura.crypto.roots.root import by_recovery
from pleura.domain.custody.places import BucketFacts, BucketPlace, CloudChecklist, FolderPlace, Place
from pleura.domain.errors import BadInput, NotFound, PleuraError, Refused, SealBroken
from pleura.domain.ids import new_id
from pleura.domain.images import SealedImage
from pleura.domain.installation import Depot, DepotKind
from pleura.domain.ports import Clock, ObjectStore, Records, RootFile
from pleura.ledger.ledger import Ledger
from pleura.prevent.depots.boxes import Boxes
from pleura.prevent.depots.deletions import delete_noted
from pleura.prevent.depots.snapshot import (
    HEADS,
    SNAPSHOTS,
    Head,
    heads_of,
    new_head,
    newest_head,
    publish,
    read_snapshot,
    write_snapshot,
)
from pleura.prevent.keyring import Keyring
from pleura.prevent.vault import objects_of

_NAME: Final = re.compile(r"[a-z0-9-]{1,40}")
SNAPSHOTS_KEPT: Final = 14
TESTED_OBJECTS: Final = 200
"""Boxes that a restore test reads whole; `verify` reads all of them."""


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What one backup did."""

    snapshot: str
    objects: int
    added: int
    bytes_added: int


@dataclass(frozen=True, kw_only=True)
class DepotReport:
    """What a depot holds of what it should."""

    objects: int
    missing: Sequence[str]
    damaged: Sequence[str]

    @property
    def whole(self) -> bool:
        """Whether everything is there and opens."""
        return not self.missing and not self.damaged


@dataclass(frozen=True, kw_only=True)
class Depots:
    """The depots of one installation."""

    records: Records
    objects: ObjectStore
    ledger: Ledger
    keyring: Keyring
    root_file: RootFile
    clock: Clock
    connect: Callable[[Place], ObjectStore]
    inspect: Callable[[BucketPlace], BucketFacts]
    rehearse: Callable[[Iterable[memoryview]], AbstractContextManager[Records]]
    """A throw-away database filled from a snapshot."""

    def add(
        self, name: str, kind: DepotKind, place: Place, checklist: CloudChecklist | None, *, actor: str
    ) -> None:
        """Remember a place as a depot, once it has answered; raises BadInput, EnvironmentFault."""
        if not _NAME.fullmatch(name):
            raise BadInput(
                "bad-depot-name",
                "the name of a backup or replica is 1 to 40 of a-z, 0-9 and -",
                "choose a name such as nas or cloud-2",
            )
        heads_of(self.connect(place))
        depot = Depot(
            name=name,
            kind=kind,
            sealed_place=seal_field(self.keyring.depot_key, msgspec.json.encode(place), _context(name)),
            checklist=msgspec.json.encode(checklist).decode() if checklist else "",
        )
        with self.records.begin() as unit:
            if unit.catalogue.depot(name) is not None:
                raise BadInput(
                    "depot-exists",
                    "there is a backup or replica called {depot} already",
                    "choose another name",
                    depot=name,
                )
            unit.catalogue.put_depot(depot)
            form = "folder" if isinstance(place, FolderPlace) else "bucket"
            self.ledger.append(unit.ledger, "depot", actor, depot=name, form=form)

    def answer(self, name: str, checklist: CloudChecklist, *, actor: str) -> None:
        """Keep other answers about a cloud store."""
        depot = self._find(name)
        with self.records.begin() as unit:
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

    def sync(self, name: str, *, actor: str, advance: Callable[[int], None] = lambda _: None) -> Synced:
        """What was added: every object that the depot lacks, and a snapshot; raises what the place says.

        1. What the depot lacks is sent.
        2. The database as it is then is written, under no name yet.
        3. What came in during 1 and 2 is sent: the snapshot may name it, and may name nothing else.
        4. The head makes the snapshot count.
        A run that is cut is completed by the next one: what is there already is not sent again.
        """
        self._refuse_halfway()
        store = self.connect(self.place(name))
        self._refuse_emptied(name, store)
        boxes = Boxes(store, self.keyring.depot_key)
        present, sizes = boxes.present(), list[int]()
        head, key = self._new_head(self._send(boxes, present, sizes, advance))
        write_snapshot(store, head, key, self.records.dump())
        objects = self._send(boxes, present, sizes, advance)
        publish(store, head)
        self._prune(store, head)
        with self.records.begin() as unit:
            depot = unit.catalogue.depot(name)
            if depot is not None:
                unit.catalogue.put_depot(replace(depot, synced_at=self.clock.now()))
            self.ledger.append(
                unit.ledger,
                "backup",
                actor,
                depot=name,
                snapshot=head.snapshot,
                objects=objects,
                added=len(sizes),
            )
        self._erase(name, actor)
        return Synced(snapshot=head.snapshot, objects=objects, added=len(sizes), bytes_added=sum(sizes))

    def _send(self, boxes: Boxes, present: set[str], sizes: list[int], advance: Callable[[int], None]) -> int:
        """The number of objects there are; those whose box is not among *present* are sent and added."""
        names = list(_objects(self._images()))
        for name in names:
            box = boxes.box(name)
            if box not in present:
                sizes.append(boxes.put(name, self.objects))
                present.add(box)
                advance(sizes[-1])
        return len(names)

    def status(self, name: str) -> DepotReport:
        """What the depot lacks, by the names it lists; nothing is read."""
        boxes = Boxes(self.connect(self.place(name)), self.keyring.depot_key)
        present, expected = boxes.present(), list(_objects(self._images()))
        missing = [each for each in expected if boxes.box(each) not in present]
        return DepotReport(objects=len(expected), missing=missing, damaged=[])

    def verify(self, name: str) -> DepotReport:
        """Which boxes of all images are there and open to the object of the catalogue; all bytes are read."""
        boxes = Boxes(self.connect(self.place(name)), self.keyring.depot_key)
        return self._verify(boxes, self._images())

    def test(self, name: str, *, actor: str) -> DepotReport:
        """What was found when the newest snapshot was restored into a throw-away database; it is recorded.

        Raises what was found to be wrong with the snapshot, after recording that too.
        """
        store = self.connect(self.place(name))
        try:
            head = newest_head(store)
            report = self._rehearsed(store, head)
        except PleuraError as fault:
            self._record_test(name, fault.code, actor)
            raise
        self._record_test(name, "" if report.whole else "objects-missing", actor, head.snapshot)
        return report

    def fetch(self, name: str, subject: str = "", *, actor: str) -> int:
        """The number of objects of *subject* (empty for everything) that were missing here and came back."""
        boxes = Boxes(self.connect(self.place(name)), self.keyring.depot_key)
        wanted = [
            sealed
            for sealed in self._images()
            if subject in {"", sealed.image.id, sealed.image.study, sealed.image.patient}
        ]
        present = set(self.objects.names())
        missing = [each for each in _objects(wanted) if each not in present]
        for each in missing:
            boxes.fetch(each, self.objects)
        with self.records.begin() as unit:
            self.ledger.append(unit.ledger, "fetch", actor, depot=name, objects=len(missing))
        return len(missing)

    def erase(self, *, actor: str) -> dict[str, str]:
        """For every depot that should not have what was erased here: ``erased`` now, or why not yet."""
        with self.records.begin() as unit:
            waiting = [
                depot.name for depot in unit.catalogue.depots() if unit.catalogue.deletions(depot.name)
            ]
        return {name: self._erase(name, actor) for name in waiting}

    def _erase(self, name: str, actor: str) -> str:
        return delete_noted(
            name,
            lambda: self.connect(self.place(name)),
            self.keyring.depot_key,
            self.records,
            self.ledger,
            actor=actor,
        )

    def bucket_facts(self, name: str) -> BucketFacts:
        """What the store behind a depot says about its bucket; all None where it cannot be asked."""
        place = self.place(name)
        if isinstance(place, FolderPlace):
            return BucketFacts()
        try:
            return self.inspect(place)
        except PleuraError:
            return BucketFacts()

    def snapshots(self, name: str) -> list[Head]:
        """The heads of all snapshots in a depot, oldest first."""
        return heads_of(self.connect(self.place(name)))

    def _find(self, name: str) -> Depot:
        with self.records.read() as unit:
            depot = unit.catalogue.depot(name)
        if depot is None:
            raise NotFound(
                "depot-unknown",
                "there is no backup or replica called {depot}",
                "list them with pleura backup list and pleura replica status",
                depot=name,
            )
        return depot

    def _refuse_halfway(self) -> None:
        """Between two epochs, some rows hang on either, and no one recovery code opens both."""
        if len(self.keyring.root.epochs) > 1:
            raise Refused(
                "rotation-unfinished",
                "a rotation of the root key was cut, and a backup made now would not open",
                "complete it first: pleura key rotate",
            )

    def _refuse_emptied(self, name: str, store: ObjectStore) -> None:
        """A mount point without its disk is an empty folder, and would be filled again."""
        if self._find(name).synced_at is not None and not heads_of(store):
            raise Refused(
                "depot-emptied",
                "the place of {depot} is empty, though it was filled before",
                "mount the disk or check the bucket; if it is lost for good, back up to another place",
                depot=name,
            )

    def _images(self) -> list[SealedImage]:
        with self.records.read() as unit:
            return list(unit.catalogue.images())

    def _new_head(self, objects: int) -> tuple[Head, bytes]:
        root = self.keyring.root
        return new_head(
            snapshot=new_id("snapshot"),
            made_at=self.clock.now().isoformat(),
            epoch=root.epoch,
            objects=objects,
            by_recovery=by_recovery(self.root_file.read()),
            root_key=root.key(root.epoch),
        )

    def _prune(self, store: ObjectStore, newest: Head) -> None:
        """Remove snapshots that no root opens any more, those beyond the number kept, and unfinished ones."""
        heads = heads_of(store)
        kept = {head.snapshot for head in heads if head.epoch >= newest.epoch}
        kept -= {head.snapshot for head in heads[:-SNAPSHOTS_KEPT]}
        for name in list(store.names()):
            if name.startswith((HEADS, SNAPSHOTS)) and name.partition("/")[2] not in kept:
                store.delete(name)

    def _verify(self, boxes: Boxes, images: Sequence[SealedImage]) -> DepotReport:
        count, missing, damaged = 0, [], []
        for sealed in images:
            for name, commitment in objects_of(sealed):
                count += 1
                try:
                    header = boxes.verify(name)
                except NotFound:
                    missing.append(name)
                except SealBroken:
                    damaged.append(name)
                else:
                    if commitment and commitment_of(header) != commitment:
                        damaged.append(name)
        return DepotReport(objects=count, missing=missing, damaged=damaged)

    def _rehearsed(self, store: ObjectStore, head: Head) -> DepotReport:
        pieces = read_snapshot(store, head, self._root_key(head))
        with self.rehearse(pieces) as records, records.read() as unit:
            self.ledger.verify(unit.ledger, self.keyring.signer.public)
            images = list(unit.catalogue.images())
        # Spread over the whole, so that a depot that rots at one end is noticed.
        step = max(1, len(images) // TESTED_OBJECTS)
        return self._verify(Boxes(store, self.keyring.depot_key), images[::step])

    def _root_key(self, head: Head) -> bytes:
        if head.epoch not in self.keyring.root.epochs:
            raise SealBroken
        return self.keyring.root.key(head.epoch)

    def _record_test(self, name: str, result: str, actor: str, snapshot: str = "") -> None:
        facts = {"snapshot": snapshot} if snapshot else {}
        with self.records.begin() as unit:
            depot = unit.catalogue.depot(name)
            if depot is not None:
                unit.catalogue.put_depot(replace(depot, tested_at=self.clock.now(), test_result=result))
            self.ledger.append(
                unit.ledger, "restore-test", actor, depot=name, result=result or "passed", **facts
            )


def _objects(images: Iterable[SealedImage]) -> Iterable[str]:
    return (name for sealed in images for name, _ in objects_of(sealed))


def _read(clear: bytes) -> Place:
    found = msgspec.json.decode(clear)
    return BucketPlace(**found) if "bucket" in found else FolderPlace(**found)


def _context(name: str) -> bytes:
    return f"depot/{name}".encode()
