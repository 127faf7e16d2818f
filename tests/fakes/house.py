"""A house of fakes: real rooms over ports that live in memory."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.clock import FakeClock
from tests.fakes.machine import FakeMachine
from tests.fakes.neighbours import EveryDescriptor
from tests.fakes.objects import FakeObjects
from tests.fakes.records import FakeRecords
from tests.fakes.watching import FakeGatherer
from tests.fakes.worker import InProcessWorker

from pleura.crypto.roots.root import Passphrase, Root, create, new_passphrase
from pleura.domain.custody.places import BucketFacts, FolderPlace, Place
from pleura.domain.errors import EnvironmentFault, Refused
from pleura.ledger.ledger import Ledger
from pleura.monitor.find import Finder
from pleura.monitor.suspects import Suspects
from pleura.monitor.trace import Tracer
from pleura.monitor.watch.asking import Asking
from pleura.monitor.watch.exchange import Exchange
from pleura.monitor.watch.memory import Memory
from pleura.monitor.watch.patrol import Patrol
from pleura.monitor.watch.sightings import Sightings
from pleura.monitor.watch.watchlist import WatchList
from pleura.prevent.archive import VaultArchive
from pleura.prevent.arrivals import Arrivals
from pleura.prevent.compare import Comparisons
from pleura.prevent.copies import Copies
from pleura.prevent.custody.erasure import Erasure
from pleura.prevent.custody.keys import Keys
from pleura.prevent.custody.rules import Rules
from pleura.prevent.depots.depots import Depots
from pleura.prevent.finding.originals import Originals
from pleura.prevent.finding.packs import Packs
from pleura.prevent.health.doctor import Doctor
from pleura.prevent.health.inventory import Inventory
from pleura.prevent.keyring import Keyring, found_keyring, load_keyring
from pleura.prevent.people.accounts import Accounts
from pleura.prevent.sketcher import Sketcher
from pleura.prevent.vault import Vault

PASSPHRASE = "a long walk by the river"


@functools.cache
def _holder() -> Passphrase:
    return new_passphrase(PASSPHRASE)


@functools.cache
def _made() -> tuple[bytes, Root]:
    document, root, _ = create(_holder(), _holder().cost)
    return document, root


@contextlib.contextmanager
def _workspace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pleura-test-") as folder:
        yield Path(folder)


class FakeRootFile:
    """The port `RootFile`; ``refuses`` makes the next replacement fail, as a full disk does."""

    def __init__(self, document: bytes) -> None:
        self.document = document
        self.refuses = False

    def read(self) -> bytes:
        return self.document

    def replace(self, document: bytes) -> None:
        if self.refuses:
            raise EnvironmentFault("home-read-only", "the home cannot be written", "free some space")
        self.document = document


@dataclass
class FakeHouse:
    """What `bootstrap` wires, over fakes."""

    records: FakeRecords = field(default_factory=FakeRecords)
    objects: FakeObjects = field(default_factory=FakeObjects)
    worker: InProcessWorker = field(default_factory=InProcessWorker)
    pack_files: FakeObjects = field(default_factory=FakeObjects)
    clock: FakeClock = field(default_factory=FakeClock)
    machine: FakeMachine = field(default_factory=FakeMachine)
    bucket: BucketFacts = field(default_factory=BucketFacts)
    instance: str = "the first copy"

    def __post_init__(self) -> None:
        with self.records.begin() as unit:
            document, root = _made()
            made = load_keyring if unit.catalogue.key("index") else found_keyring
            self.keyring: Keyring = made(Root({1: root.key(1)}), unit.catalogue)
        self.root_file = FakeRootFile(document)
        self.codes: list[bytes] = []
        """Every recovery code that was kept, as sheets in a drawer."""
        self.keep = self.codes.append
        self.ledger = Ledger(self.keyring.signer, "pleura.ledger/test", self.clock)
        self.vault = Vault(self.records, self.objects, self.keyring)
        parts = {
            "records": self.records,
            "vault": self.vault,
            "worker": self.worker,
            "ledger": self.ledger,
            "keyring": self.keyring,
            "clock": self.clock,
        }
        self.arrivals = Arrivals(**parts)  # type: ignore[arg-type]
        self.copies = Copies(**parts)  # type: ignore[arg-type]
        self.comparisons = Comparisons(
            records=self.records,
            vault=self.vault,
            worker=self.worker,
            copies=self.copies,
            ledger=self.ledger,
        )
        self.sketcher = Sketcher(records=self.records, vault=self.vault, worker=self.worker)
        self.archive = VaultArchive(self.vault, self.sketcher, self.copies, self.keyring)
        self.packs = Packs(self.pack_files)
        self.originals = Originals(self.vault, self.sketcher, self.archive, self.packs, EveryDescriptor)
        self._seek()
        self._watch(self.archive)
        self.accounts = Accounts(self.records, self.ledger, self.clock)
        self.places: dict[Place, FakeObjects] = {}
        """Every place that was connected to; take one away and it cannot be reached."""
        self.locked: set[str] = set()
        """Depots that are being filled."""
        self.rules = Rules(records=self.records, ledger=self.ledger, clock=self.clock)
        self.keys = Keys(
            records=self.records,
            ledger=self.ledger,
            keyring=self.keyring,
            root_file=self.root_file,
            holder=_holder(),
        )
        self.depots = Depots(
            records=self.records,
            objects=self.objects,
            vault=self.vault,
            ledger=self.ledger,
            keyring=self.keyring,
            root_file=self.root_file,
            clock=self.clock,
            instance=self.instance,
            lock=self._lock_depot,
            connect=self._connect,
            glance=self._connect,
            inspect=lambda _: self.bucket,
            rehearse=FakeRecords.rehearsal,
        )
        self.erasure = Erasure(
            records=self.records,
            objects=self.objects,
            vault=self.vault,
            packs=self.packs,
            ledger=self.ledger,
            keys=self.keys,
            depots=self.depots,
            clock=self.clock,
        )
        self.doctor = Doctor(
            records=self.records,
            objects=self.objects,
            vault=self.vault,
            originals=self.originals,
            sketcher=self.sketcher,
            inventory=Inventory(
                records=self.records, vault=self.vault, copies=self.copies, keyring=self.keyring
            ),
            ledger=self.ledger,
            keyring=self.keyring,
            clock=self.clock,
            machine=self.machine,
            bucket_facts=self.depots.bucket_facts,
            depot_view=self.depots.view,
        )

    def _seek(self) -> None:
        suspects = Suspects(
            archive=self.archive,
            search=self.originals,
            worker=self.worker,
            records=self.records,
            ledger=self.ledger,
            clock=self.clock,
        )
        self.tracer = Tracer(suspects=suspects)
        self.finder = Finder(suspects=suspects)

    def _watch(self, archive: VaultArchive) -> None:
        self.gatherer = FakeGatherer()
        parts = {
            "records": self.records,
            "ledger": self.ledger,
            "keys": self.keyring,
            "clock": self.clock,
        }
        self.watchlist = WatchList(**parts)  # type: ignore[arg-type]
        self.sightings = Sightings(**parts)  # type: ignore[arg-type]
        self.asking = Asking(**parts, archive=archive, watchlist=self.watchlist)  # type: ignore[arg-type]
        self.patrol = Patrol(
            records=self.records,
            ledger=self.ledger,
            clock=self.clock,
            worker=self.worker,
            archive=archive,
            tracer=self.tracer,
            gatherer=lambda: self.gatherer,
            watchlist=self.watchlist,
            memory=Memory(
                records=self.records, keys=self.keyring, watchlist=self.watchlist, clock=self.clock
            ),
            sightings=self.sightings,
            exchange=Exchange(**parts, sightings=self.sightings, issuer="pleura.ledger/test"),  # type: ignore[arg-type]
            workspace=_workspace,
        )

    def _connect(self, place: Place) -> FakeObjects:
        if place not in self.places:
            raise EnvironmentFault("bucket-unreachable", "the store does not answer", "check the network")
        return self.places[place]

    @contextlib.contextmanager
    def _lock_depot(self, name: str) -> Iterator[None]:
        if name in self.locked:
            raise Refused("depot-busy", "{depot} is being filled already", "let that finish", depot=name)
        self.locked.add(name)
        try:
            yield
        finally:
            self.locked.remove(name)

    def folder(self, name: str) -> FakeObjects:
        """A folder that is a backup called *name* from now on."""
        place = FolderPlace(folder=f"/mnt/{name}")
        self.places[place] = FakeObjects()
        self.depots.add(name, "backup", place, None, actor="test")
        return self.places[place]

    def kinds(self) -> list[str]:
        """The kinds of all ledger entries, oldest first."""
        with self.records.begin() as unit:
            return [self.ledger.entry(unit.ledger, row.index).kind for row in unit.ledger.rows()]

    def facts(self) -> list[Mapping[str, str | int]]:
        """The facts of all ledger entries, oldest first."""
        with self.records.begin() as unit:
            return [self.ledger.entry(unit.ledger, row.index).facts for row in unit.ledger.rows()]

    def receive(self, path: Path) -> str:
        """The name of the image that the file became, sketched too."""
        arrival = self.arrivals.receive(path, actor="test")
        assert arrival.image is not None, arrival
        self.sketcher.catch_up()
        return arrival.image
