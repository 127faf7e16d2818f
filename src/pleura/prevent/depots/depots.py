"""Backups and replicas: one mechanism, two kinds of place.

A depot holds boxes (every sealed object sealed once more) and snapshots (the whole database, sealed). What
is missing is added, nothing is replaced. A snapshot opens with the root of its epoch or with the recovery
code of that epoch, and with nothing else: not with the passphrase, so that a destroyed epoch takes every
snapshot made under it along.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from pleura.crypto.roots.root import by_recovery
from pleura.domain.custody.places import BucketFacts, BucketPlace, FolderPlace, Place
from pleura.domain.errors import NotFound, PleuraError, Refused, SealBroken
from pleura.domain.ids import new_id
from pleura.domain.images import SealedImage
from pleura.domain.installation import Depot
from pleura.domain.ports import Clock, HomeObjects, ObjectStore, Records, RootFile
from pleura.prevent.depots.boxes import Boxes
from pleura.prevent.depots.filling import (
    ERASED,
    VERSIONS_STAY,
    Sending,
    delete_noted,
    refuse_clock_behind,
    sweep,
    watched,
)
from pleura.prevent.depots.proving import DAMAGED, HEALED, DepotReport, DepotView, Fetched, Synced, prove
from pleura.prevent.depots.register import Register
from pleura.prevent.depots.snapshot import (
    Head,
    heads_of,
    is_erased_in,
    newest_head,
    prune,
    publish,
    read_snapshot,
    survey,
    with_key,
    write_snapshot,
)
from pleura.prevent.vault import Vault, every_image, objects_of

TESTED_OBJECTS: Final = 200
"""Boxes that a restore test reads whole; `verify` reads all of them."""


@dataclass(frozen=True, kw_only=True)
class Depots(Register):
    """The depots of one installation, and what is done with them."""

    objects: HomeObjects
    vault: Vault
    root_file: RootFile
    clock: Clock
    glance: Callable[[Place], ObjectStore]
    """As `connect`, for a look that takes a few seconds at most, whatever the place does."""
    inspect: Callable[[BucketPlace], BucketFacts]
    rehearse: Callable[[Iterable[memoryview]], AbstractContextManager[Records]]
    """A throw-away database filled from a snapshot."""

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
        that is missing or damaged here stops nothing; the answer names its image. After a restore test that
        found damage every box is read, and a damaged one is sent anew, until a run leaves none.
        """
        self._refuse_halfway()
        refuse_clock_behind(self.records, self.clock)
        with self.lock(name):
            store, taken = self._owned(name)
            sweep(store, self.clock.now())
            boxes = Boxes(store, self.keyring.depot_key)
            sending = Sending(self.vault, self.objects, boxes, advance, is_stopped)
            before = self._find(name)
            sent = sending.run(every_image(self.records), heal=before.test_result == DAMAGED)
            head, key = self._new_head(sent, taken)
            write_snapshot(store, head, key, watched(self.records.dump(), is_stopped))
            done = Synced(
                snapshot=head.snapshot,
                objects=sending.run(every_image(self.records)),
                added=len(sending.sizes),
                bytes_added=sum(sending.sizes),
                lacking=sorted(sending.lacking),
            )
            publish(store, head)
            prune(store, head, self.clock.now(), self.keyring.root, lambda: self._is_erased_in(name))
            self._record_sync(name, done, actor, healed=None if sending.left_damaged else before)
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
        return prove(boxes, self.vault, every_image(self.records))

    def test(
        self,
        name: str,
        *,
        actor: str,
        whole: bool = False,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> DepotReport:
        """What was found when the newest snapshot was restored into a throw-away database; it is recorded.

        *whole*, or after a test that found something wrong: every object of the snapshot is read in its box,
        not some. Raises what was found to be wrong with the snapshot, after recording that too.
        """
        store, _ = self._owned(name)
        whole = whole or self._find(name).test_result != ""
        try:
            head = newest_head(store)
            report = self._rehearsed(store, head, is_stopped, whole=whole)
        except PleuraError as fault:
            if not is_stopped():
                self._record_test(name, fault.code, actor)
            raise
        self._record_test(name, report.result, actor, head.snapshot)
        return report

    def fetch(self, name: str, subject: str = "", *, actor: str) -> Fetched:
        """What came back: each object of *subject* (empty for everything) that is missing or broken here.

        Every byte here is read. A sound object takes the place of a broken one, whose bytes are set aside.
        Raises NotFound for an unknown subject.
        """
        boxes = Boxes(self.connect(self.place(name)), self.keyring.depot_key)
        count, lacking, known = 0, [], not subject
        for sealed in every_image(self.records):
            if subject not in {"", sealed.image.id, sealed.image.study, sealed.image.patient}:
                continue
            known = True
            for each in self.vault.broken(sealed):
                if self._bring_back(boxes, sealed, each):
                    count += 1
                else:
                    lacking.append(sealed.image.id)
        if not known:
            raise NotFound(
                "subject-unknown",
                "there is no image, study or patient {subject}",
                "list the images with pleura images",
                subject=ascii(subject)[1:-1][:80],
            )
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
        """For every depot that should not have what was erased here: ``erased`` now, or why not yet.

        ``erased-versions-stay`` where the bucket keeps what was deleted.
        """
        with self.records.begin() as unit:
            waiting = [
                depot.name for depot in unit.catalogue.depots() if unit.catalogue.deletions(depot.name)
            ]
        return {name: self._outcome(name, self._erase(name, actor)) for name in waiting}

    def _outcome(self, name: str, result: str) -> str:
        if result != ERASED:
            return result
        told = self.bucket_facts(name)
        return VERSIONS_STAY if told.versioning or told.object_lock else ERASED

    def _erase(self, name: str, actor: str) -> str:
        return delete_noted(
            name,
            lambda: self._owned(name)[0],
            self.keyring.depot_key,
            self.records,
            self.ledger,
            actor=actor,
        )

    def _is_erased_in(self, name: str) -> bool:
        with self.records.read() as unit:
            return is_erased_in(name, unit)

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
        store, _ = self._owned(name, self.glance)
        found, root = survey(store), self.keyring.root
        newest = found.heads[-1] if found.heads else None
        sheet = (root.epoch, by_recovery(self.root_file.read()))
        opens = newest is not None and (newest.epoch, newest.by_recovery) == sheet
        return DepotView(heads=found.heads, unreadable=found.unreadable, opens=opens)

    def snapshots(self, name: str) -> list[Head]:
        """The readable heads of all snapshots in a depot, oldest first, whosever it is."""
        return heads_of(self.glance(self.place(name)))

    def _refuse_halfway(self) -> None:
        """Between two epochs, some rows hang on either, and no one recovery code opens both."""
        if len(self.keyring.root.epochs) > 1:
            raise Refused(
                "rotation-unfinished",
                "a rotation of the root key was cut, and a backup made now would not open",
                "complete it first: pleura key rotate",
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

    def _rehearsed(
        self, store: ObjectStore, head: Head, is_stopped: Callable[[], bool], *, whole: bool
    ) -> DepotReport:
        pieces = watched(read_snapshot(store, head, self._root_key(head)), is_stopped)
        with self.rehearse(pieces) as records:
            with records.read() as unit:
                self.ledger.verify(unit.ledger, self.keyring.signer.public)
                count = unit.catalogue.image_count()
            # Spread over the whole, so that a depot that rots at one end is noticed.
            step = 1 if whole else max(1, count // TESTED_OBJECTS)
            boxes, vault = Boxes(store, self.keyring.depot_key), Vault(records, self.objects, self.keyring)
            return prove(boxes, vault, islice(every_image(records), 0, None, step), is_stopped)

    def _root_key(self, head: Head) -> bytes:
        if head.epoch not in self.keyring.root.epochs:
            raise SealBroken
        return self.keyring.root.key(head.epoch)

    def _record_sync(self, name: str, done: Synced, actor: str, healed: Depot | None) -> None:
        """*healed*: what the depot was when a run began that left no damaged box in it."""
        facts = {"lacking": len(done.lacking)} if done.lacking else {}
        with self.records.begin() as unit:
            depot = unit.catalogue.depot(name)
            if depot is not None:
                result = HEALED if healed and _is_healed(healed, depot) else depot.test_result
                unit.catalogue.put_depot(replace(depot, synced_at=self.clock.now(), test_result=result))
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


def _is_healed(before: Depot, now: Depot) -> bool:
    """Whether the damage that a test found before the run is the last that any test found."""
    return before.test_result == DAMAGED and (before.test_result, before.tested_at) == (
        now.test_result,
        now.tested_at,
    )
