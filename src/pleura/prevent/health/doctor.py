"""The doctor: every promise of the vault checked, and for each that is broken the exact repair."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pleura.crypto.engines import LIBGCRYPT_SM4, Algorithm, engine
from pleura.domain.custody.places import BucketFacts
from pleura.domain.errors import EnvironmentFault, NotFound, PleuraError, SealBroken
from pleura.domain.images import SealedImage
from pleura.domain.ports import Catalogue, Clock, Machine, ObjectStore, Records
from pleura.ledger.ledger import Ledger
from pleura.ledger.verification import LedgerReport
from pleura.prevent.depots.proving import DepotView
from pleura.prevent.finding.originals import Originals
from pleura.prevent.health.check import Check
from pleura.prevent.health.check import failed as _failed
from pleura.prevent.health.check import found as _found
from pleura.prevent.health.check import ill as _ill
from pleura.prevent.health.check import well as _well
from pleura.prevent.health.depots import DepotChecks
from pleura.prevent.health.inventory import Inventory
from pleura.prevent.keyring import Keyring
from pleura.prevent.sketcher import Sketcher
from pleura.prevent.vault import Vault, every_image, objects_of

LEAST_FREE: Final = 1 << 30
_CLOCK_SLACK: Final = timedelta(minutes=1)
_SHOWN: Final = 3
_PAGE: Final = 500


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """Checks of one open home."""

    records: Records
    objects: ObjectStore
    vault: Vault
    originals: Originals
    sketcher: Sketcher
    inventory: Inventory
    ledger: Ledger
    keyring: Keyring
    clock: Clock
    machine: Machine
    bucket_facts: Callable[[str], BucketFacts]
    """What the store behind a depot says about its bucket; all None where it cannot be asked."""
    depot_view: Callable[[str], DepotView]
    """What can be seen of a depot; raises what the place says, and Refused where it is not ours."""

    def examine(self, *, deep: bool = False) -> Iterator[Check]:
        """One check after another; *deep* reads every byte of every object.

        A disk or a database that fails in the middle of a check makes that one fail, and no other.
        """
        report = functools.cache(self._report)
        checks: dict[str, Callable[[], Check]] = {
            "home": self._home,
            "space": self._space,
            "engine": self._engine,
            "keys": self._rotation,
            "erasures": self._erasures,
            "database": self._database,
            "ledger": lambda: _ledger(report()),
            "clock": lambda: self._clock(report()),
            "rows": self._rows,
            "objects": functools.partial(self._objects, deep=deep),
            "orphans": self._orphans,
            "sketches": functools.partial(self._sketches, deep=deep),
            "search": self._search,
            "leftovers": self._leftovers,
            "font": self._font,
            "browser": self._browser,
        }
        for name, check in checks.items():
            yield _found(name, check)
        try:
            yield from self._depots.examine()
        except PleuraError as fault:
            yield _failed("backup", fault)

    @property
    def _depots(self) -> DepotChecks:
        return DepotChecks(
            records=self.records, clock=self.clock, view=self.depot_view, bucket_facts=self.bucket_facts
        )

    def repair(self, *, actor: str) -> tuple[int, int]:
        """Numbers of the objects that nothing explains and of the leftovers, all removed; it is recorded.

        An object whose image the ledger has and no erasure took is no orphan: its row was lost, and it may
        be all that is left of the image. Missing sketches are made, and damaged ones are made again. The
        caller is alone in the home: an import under way has objects that no row names yet.
        """
        lost = set(self.inventory.lost())
        orphans = [name for name in self.orphans() if name.partition("/")[0] not in lost]
        leftovers = len(self.machine.leftovers())
        self.machine.sweep()
        for name in orphans:
            self.objects.delete(name)
        with self.records.begin() as unit:
            self.ledger.append(unit.ledger, "repair", actor, orphans=len(orphans), leftovers=leftovers)
        for image in self._damaged_sketches(whole=True):
            self.sketcher.renew(image)
        self.originals.sweep()
        self.sketcher.catch_up()
        return len(orphans), leftovers

    def orphans(self) -> list[str]:
        """Names of stored objects that no row of the catalogue names."""
        found, names = list[str](), self.objects.names()
        while some := list(itertools.islice(names, _PAGE)):
            with self.records.read() as unit:
                found += [name for name in some if not _is_listed(name, unit.catalogue)]
        return sorted(found)

    def _home(self) -> Check:
        if self.machine.is_private():
            return _well("home", "only its owner can read the home")
        return _ill(
            "home",
            "other users of this machine can read the home",
            "chmod 700 {home}",
            home=str(self.machine.home()),
        )

    def _space(self) -> Check:
        free = self.machine.free_bytes()
        found = f"{free / 1e9:.1f}"
        if free >= LEAST_FREE:
            return _well("space", "{gigabytes} GB are free", gigabytes=found)
        return _ill(
            "space",
            "only {gigabytes} GB are free",
            "free some space on the disk of the home",
            gigabytes=found,
        )

    def _engine(self) -> Check:
        chosen = engine(Algorithm.SM4_GCM)
        if chosen is LIBGCRYPT_SM4:
            return _well("engine", "{engine}", engine=chosen.name)
        return _ill(
            "engine", "{engine} seals rightly but slowly", "apt-get install libgcrypt20", engine=chosen.name
        )

    def _rotation(self) -> Check:
        epochs = self.keyring.root.epochs
        if len(epochs) == 1:
            return _well("keys", "root epoch {epoch}", epoch=epochs[0])
        return _ill("keys", "a rotation of the root key was cut", "pleura key rotate -o recovery.pdf")

    def _erasures(self) -> Check:
        with self.records.begin() as unit:
            begun, waiting = unit.catalogue.begun_erasures(), _erased_and_there(unit.catalogue)
        if begun:
            return _ill(
                "erasures",
                "an erasure was cut, and a copy from before it may still open: {some}",
                "pleura doctor --repair",
                some=" ".join(each.subject for each in begun[:_SHOWN]),
            )
        if waiting:
            return _ill(
                "erasures",
                "{count} erased objects, under destroyed keys, are still in {some}",
                "make the place reachable (mount the disk), then: pleura doctor --repair",
                count=sum(waiting.values()),
                some=" ".join(waiting),
            )
        return _well("erasures", "nothing that was erased is left where pleura put it")

    def _database(self) -> Check:
        if not self.records.fault():
            return _well("database", "the database is sound")
        return _ill(
            "database",
            "the database is damaged",
            "keep this home as it is; set PLEURA_HOME to an empty folder, then: pleura backup restore",
        )

    def _clock(self, report: LedgerReport) -> Check:
        if report.latest > self.clock.now() + _CLOCK_SLACK:
            return _ill(
                "clock",
                "the clock is behind the ledger, which has been at {at}",
                "set the clock of this machine, for example: timedatectl set-ntp true",
                at=report.latest.isoformat(timespec="seconds"),
            )
        if report.backwards:
            return _well(
                "clock",
                "the clock is not behind the ledger; it was set back {count} times before",
                count=report.backwards,
            )
        return _well("clock", "the clock is not behind the ledger")

    def _report(self) -> LedgerReport:
        with self.records.read() as unit:
            return self.ledger.verify(unit.ledger, self.keyring.signer.public)

    def _rows(self) -> Check:
        findings = self.inventory.findings()
        if not findings:
            return _well("rows", "catalogue, sealed fields and ledger agree")
        return _ill(
            "rows",
            "{count} rows of the catalogue are lost, changed or in no entry of the ledger: {some}",
            "keep this home as it is; set PLEURA_HOME to an empty folder, then: pleura backup restore",
            count=len(findings),
            some=" ".join(finding.subject for finding in findings[:_SHOWN]),
        )

    def _objects(self, *, deep: bool) -> Check:
        count, broken, some = 0, 0, list[str]()
        for sealed in every_image(self.records):
            count += 1
            try:
                self.vault.check_object(sealed, sealed.object_name, whole=deep)
            except (NotFound, SealBroken, EnvironmentFault):
                broken += 1
                some = [*some, sealed.image.id][:_SHOWN]
        if broken:
            return _ill(
                "objects",
                "{count} of {all} images do not open: {some}",
                self._fetch(),
                count=broken,
                all=count,
                some=" ".join(some),
            )
        if deep:
            return _well("objects", "all {all} images open, every byte read", all=count)
        return _well("objects", "all {all} images open; --deep reads every byte", all=count)

    def _fetch(self) -> str:
        """The command that brings objects back."""
        with self.records.read() as unit:
            depots = unit.catalogue.depots()
        if not depots:
            return "there is no backup that they could come back from; keep this home as it is"
        return f"pleura {depots[0].kind} fetch {depots[0].name}"

    def _orphans(self) -> Check:
        orphans = self.orphans()
        if not orphans:
            return _well("orphans", "every stored object belongs to an image")
        return _ill(
            "orphans",
            "{count} stored objects belong to no image",
            "pleura doctor --repair",
            count=len(orphans),
        )

    def _damaged_sketches(self, *, whole: bool) -> list[str]:
        """The images with a sketch that is lost or does not open."""
        return [
            sealed.image.id
            for sealed in every_image(self.records)
            if sealed.sketch_name and not self.vault.opens(sealed, sealed.sketch_name, whole=whole)
        ]

    def _sketches(self, *, deep: bool) -> Check:
        pending = [*self.sketcher.pending(), *self._damaged_sketches(whole=deep)]
        if not pending:
            return _well("sketches", "every image can be found again")
        return _ill(
            "sketches",
            "{count} images are not prepared for being found again: {some}",
            "pleura doctor --repair",
            count=len(pending),
            some=" ".join(pending[:_SHOWN]),
        )

    def _search(self) -> Check:
        strays = self.originals.strays()
        if not strays:
            return _well("search", "the search keeps nothing of images that are not here")
        return _ill(
            "search",
            "the search keeps something of {count} images that are not here; nothing opens it",
            "pleura doctor --repair",
            count=len(strays),
        )

    def _leftovers(self) -> Check:
        count = len(self.machine.leftovers())
        if not count:
            return _well("leftovers", "no command left files behind")
        return _ill(
            "leftovers",
            "{count} files of commands that are at work or were cut",
            "pleura doctor --repair",
            count=count,
        )

    def _font(self) -> Check:
        font = self.machine.font()
        if font:
            return _well("font", "{font}", font=font.name)
        return _ill("font", "there is no font with Chinese characters", "apt-get install fonts-noto-cjk")

    def _browser(self) -> Check:
        browser = self.machine.browser()
        if browser:
            return _well("browser", "{browser}", browser=browser)
        return _ill("browser", "there is no Chromium to capture pages with", "apt-get install chromium")


def _ledger(report: LedgerReport) -> Check:
    return _well("ledger", "{entries} entries verify", entries=report.entries)


def _erased_and_there(catalogue: Catalogue) -> dict[str, int]:
    """For each place the number of erased objects in it; a sketch that was replaced is not meant."""
    found = {}
    for place in catalogue.waiting_deletions():
        names = catalogue.deletions(place)
        found[place] = sum(_image_of(name, catalogue) is None for name in names)
    return {place: count for place, count in found.items() if count}


def _is_listed(name: str, catalogue: Catalogue) -> bool:
    """Whether a row names that object."""
    sealed = _image_of(name, catalogue)
    return sealed is not None and name in dict(objects_of(sealed))


def _image_of(name: str, catalogue: Catalogue) -> SealedImage | None:
    """The image of an object: the name of an object begins with that of its image."""
    try:
        return catalogue.image(name.partition("/")[0])
    except NotFound:
        return None
