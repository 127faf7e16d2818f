"""Backups and replicas: one mechanism, two kinds of place.

A depot holds boxes (every sealed object sealed once more) and snapshots (the whole database, sealed). What
is missing is added, nothing is replaced. A snapshot opens with the root of its epoch or with the recovery
code of that epoch, and with nothing else: not with the passphrase, so that a destroyed epoch takes every
snapshot made under it along.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

import msgspec

from pleura.crypto.fields import open_field, seal_field
from pleura.crypto.roots.root import by_recovery
from pleura.domain.custody.places import BucketFacts, BucketPlace, CloudChecklist, FolderPlace, Place
from pleura.domain.errors import BadInput, NotFound, PleuraError, Refused, SealBroken
from pleura.domain.ids import new_id
from pleura.domain.images import SealedImage
from pleura.domain.installation import Depot, DepotKind
from pleura.domain.ports import Clock, HomeObjects, ObjectStore, Records, RootFile
from pleura.ledger.ledger import Ledger
from pleura.prevent.depots.boxes import Boxes
from pleura.prevent.depots.deletions import delete_noted
from pleura.prevent.depots.filling import Sending, refuse_clock_behind, sweep, watched
from pleura.prevent.depots.owner import Owner
from pleura.prevent.depots.proving import DepotReport, DepotView, Fetched, Synced, prove
from pleura.prevent.depots.snapshot import (
    HEADS,
    Head,
    heads_of,
    newest_head,
    prune,
    publish,
    read_snapshot,
    survey,
    with_key,
    write_snapshot,
)
from pleura.prevent.keyring import Keyring
from pleura.prevent.vault import Vault, every_image, objects_of

_NAME: Final = re.compile(r"[a-z0-9-]{1,40}")
TESTED_OBJECTS: Final = 200
"""Boxes that a restore test reads whole; `verify` reads all of them."""


@dataclass(frozen=True, kw_only=True)
class Depots:
    """The depots of one installation."""

    records: Records
    objects: HomeObjects
    vault: Vault
    ledger: Ledger
    keyring: Keyring
    root_file: RootFile
    clock: Clock
    instance: str
    """A name that no copy of this home has."""
    lock: Callable[[str], AbstractContextManager[None]]
    """The right to fill one depot, which raises Refused at once when somebody else has it."""
    connect: Callable[[Place], ObjectStore]
    inspect: Callable[[BucketPlace], BucketFacts]
    rehearse: Callable[[Iterable[memoryview]], AbstractContextManager[Records]]
    """A throw-away database filled from a snapshot."""

    def add(
        self, name: str, kind: DepotKind, place: Place, checklist: CloudChecklist | None, *, actor: str
    ) -> None:
        """Remember a place as a depot, once it has answered and is marked as ours.

        Raises BadInput, EnvironmentFault, and Refused where another home has its backups.
        """
        if not _NAME.fullmatch(name):
            raise BadInput(
                "bad-depot-name",
                "the name of a backup or replica is 1 to 40 of a-z, 0-9 and -",
                "choose a name such as nas or cloud-2",
            )
        self._refuse_known(name)
        self._owner.claim(self.connect(place), name)
        depot = Depot(
            name=name,
            kind=kind,
            sealed_place=seal_field(self.keyring.depot_key, msgspec.json.encode(place), _context(name)),
            checklist=msgspec.json.encode(checklist).decode() if checklist else "",
        )
        with self.records.begin() as unit:
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

    def adopt(self, name: str, *, actor: str) -> None:
        """Take a depot over from a copy of this home that it belonged to; raises Refused."""
        with self.lock(name):
            store = self.connect(self.place(name))
            self._refuse_emptied(name, store)
            self._owner.take(store, name)
            with self.records.begin() as unit:
                self.ledger.append(unit.ledger, "depot", actor, depot=name, form="adopted")

    def sync(
        self,
        name: str,
        *,
        actor: str,
        advance: Callable[[int], None] = lambda _: None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> Synced:
        """What was added: every object that the depot lacks, and a snapshot; raises what the place says.

        1. What the depot lacks is sent.
        2. The database as it is then is written, under no name yet.
        3. What came in during 1 and 2 is sent: the snapshot may name it, and may name nothing else.
        4. The head makes the snapshot count.
        A run that is cut is completed by the next one: what is there already is not sent again. An object
        that is missing here stops nothing; the answer names its image.
        """
        self._refuse_halfway()
        refuse_clock_behind(self.records, self.clock)
        with self.lock(name):
            store, taken = self._owned(name)
            sweep(store, self.clock.now())
            boxes = Boxes(store, self.keyring.depot_key)
            sending = Sending(self.records, self.objects, boxes, advance, is_stopped)
            head, key = self._new_head(sending.run(), taken)
            write_snapshot(store, head, key, watched(self.records.dump(), is_stopped))
            done = Synced(
                snapshot=head.snapshot,
                objects=sending.run(),
                added=len(sending.sizes),
                bytes_added=sum(sending.sizes),
                lacking=sorted(sending.lacking),
            )
            publish(store, head)
            prune(store, head, self.clock.now())
            self._record_sync(name, done, actor)
        self._erase(name, actor)
        return done

    def status(self, name: str) -> DepotReport:
        """What the depot lacks, by the names it lists; nothing is read."""
        boxes = Boxes(self.connect(self.place(name)), self.keyring.depot_key)
        present, count, missing = boxes.present(), 0, []
        for sealed in every_image(self.records):
            for each, _ in objects_of(sealed):
                count += 1
                if boxes.box(each) not in present:
                    missing.append(each)
        return DepotReport(objects=count, missing=missing, damaged=[])

    def verify(self, name: str) -> DepotReport:
        """Which boxes of all images are there and open to the object of the catalogue; all bytes are read."""
        boxes = Boxes(self.connect(self.place(name)), self.keyring.depot_key)
        return prove(boxes, every_image(self.records))

    def test(self, name: str, *, actor: str, is_stopped: Callable[[], bool] = lambda: False) -> DepotReport:
        """What was found when the newest snapshot was restored into a throw-away database; it is recorded.

        Raises what was found to be wrong with the snapshot, after recording that too.
        """
        store, _ = self._owned(name)
        try:
            head = newest_head(store)
            report = self._rehearsed(store, head, is_stopped)
        except PleuraError as fault:
            if not is_stopped():
                self._record_test(name, fault.code, actor)
            raise
        self._record_test(name, "" if report.whole else "objects-missing", actor, head.snapshot)
        return report

    def fetch(self, name: str, subject: str = "", *, actor: str) -> Fetched:
        """What came back: each object of *subject* (empty for everything) that is missing or broken here.

        Every byte here is read. A sound object takes the place of a broken one, whose bytes are set aside.
        """
        boxes = Boxes(self.connect(self.place(name)), self.keyring.depot_key)
        count, lacking = 0, []
        for sealed in every_image(self.records):
            if subject not in {"", sealed.image.id, sealed.image.study, sealed.image.patient}:
                continue
            for each in self.vault.broken(sealed):
                if self._bring_back(boxes, sealed, each):
                    count += 1
                else:
                    lacking.append(sealed.image.id)
        with self.records.begin() as unit:
            self.ledger.append(unit.ledger, "fetch", actor, depot=name, objects=count)
        return Fetched(objects=count, lacking=list(dict.fromkeys(lacking)))

    def _bring_back(self, boxes: Boxes, sealed: SealedImage, name: str) -> bool:
        """Whether the depot had the object as the catalogue has it, so that it is here again."""
        unproven = f"{sealed.image.id}/{secrets.token_hex(8)}"
        try:
            boxes.fetch(name, self.objects, unproven)
            with self.objects.open(unproven) as stream:
                self.vault.prove(sealed, name, stream, whole=True)
        except (NotFound, SealBroken):
            self.objects.delete(unproven)
            return False
        self.objects.replace(name, unproven)
        return True

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
            lambda: self._owned(name)[0],
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

    def view(self, name: str) -> DepotView:
        """What can be seen of a depot that is ours; raises Refused, and what the place says."""
        store, _ = self._owned(name)
        found, root = survey(store), self.keyring.root
        newest = found.heads[-1] if found.heads else None
        sheet = (root.epoch, by_recovery(self.root_file.read()))
        opens = newest is not None and (newest.epoch, newest.by_recovery) == sheet
        return DepotView(heads=found.heads, unreadable=found.unreadable, opens=opens)

    def snapshots(self, name: str) -> list[Head]:
        """The readable heads of all snapshots in a depot, oldest first, whosever it is."""
        return heads_of(self.connect(self.place(name)))

    @property
    def _owner(self) -> Owner:
        return Owner(keyring=self.keyring, instance=self.instance)

    def _owned(self, name: str) -> tuple[ObjectStore, int]:
        """The store of a depot that is ours, and how many homes have filled it; raises Refused."""
        store = self.connect(self.place(name))
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
        if self._find(name).synced_at is not None and not next(store.names(HEADS), ""):
            raise Refused(
                "depot-emptied",
                "the place of {depot} is empty, though it was filled before",
                "mount the disk or check the bucket; if it is lost for good, back up to another place",
                depot=name,
            )

    def _new_head(self, objects: int, taken: int) -> tuple[Head, bytes]:
        root = self.keyring.root
        with self.records.begin() as unit:
            last = unit.ledger.last()
        head = Head(
            format="pleura-depot-2",
            snapshot=new_id("snapshot"),
            made_at=self.clock.now().isoformat(),
            epoch=root.epoch,
            objects=objects,
            entries=last.index + 1 if last else 1,
            taken=taken,
            by_recovery=by_recovery(self.root_file.read()),
            key=b"",
        )
        return with_key(head, root.key(root.epoch))

    def _rehearsed(self, store: ObjectStore, head: Head, is_stopped: Callable[[], bool]) -> DepotReport:
        pieces = watched(read_snapshot(store, head, self._root_key(head)), is_stopped)
        with self.rehearse(pieces) as records:
            with records.read() as unit:
                self.ledger.verify(unit.ledger, self.keyring.signer.public)
                count = unit.catalogue.image_count()
            # Spread over the whole, so that a depot that rots at one end is noticed.
            some = islice(every_image(records), 0, None, max(1, count // TESTED_OBJECTS))
            return prove(Boxes(store, self.keyring.depot_key), some, is_stopped)

    def _root_key(self, head: Head) -> bytes:
        if head.epoch not in self.keyring.root.epochs:
            raise SealBroken
        return self.keyring.root.key(head.epoch)

    def _record_sync(self, name: str, done: Synced, actor: str) -> None:
        facts = {"lacking": len(done.lacking)} if done.lacking else {}
        with self.records.begin() as unit:
            depot = unit.catalogue.depot(name)
            if depot is not None:
                unit.catalogue.put_depot(replace(depot, synced_at=self.clock.now()))
            self.ledger.append(
                unit.ledger,
                "backup",
                actor,
                depot=name,
                snapshot=done.snapshot,
                objects=done.objects,
                added=done.added,
                **facts,
            )

    def _record_test(self, name: str, result: str, actor: str, snapshot: str = "") -> None:
        facts = {"snapshot": snapshot} if snapshot else {}
        with self.records.begin() as unit:
            depot = unit.catalogue.depot(name)
            if depot is not None:
                unit.catalogue.put_depot(replace(depot, tested_at=self.clock.now(), test_result=result))
            self.ledger.append(
                unit.ledger, "restore-test", actor, depot=name, result=result or "passed", **facts
            )


def _read(clear: bytes) -> Place:
    found = msgspec.json.decode(clear)
    return BucketPlace(**found) if "bucket" in found else FolderPlace(**found)


def _context(name: str) -> bytes:
    return f"depot/{name}".encode()
