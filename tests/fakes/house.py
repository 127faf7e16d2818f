"""A house of fakes: real rooms over ports that live in memory."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.clock import FakeClock
from tests.fakes.objects import FakeObjects
from tests.fakes.records import FakeRecords
from tests.fakes.worker import InProcessWorker

from pleura.crypto.root import Root, create
from pleura.ledger.ledger import Ledger
from pleura.monitor.trace import EveryOriginal, Tracer
from pleura.prevent.accounts import Accounts
from pleura.prevent.archive import VaultArchive
from pleura.prevent.arrivals import Arrivals
from pleura.prevent.copies import Copies
from pleura.prevent.keyring import Keyring, found_keyring
from pleura.prevent.vault import Vault


@functools.cache
def _root() -> Root:
    return create("a long walk by the river")[1]


@dataclass
class FakeHouse:
    """What `bootstrap` wires, over fakes."""

    records: FakeRecords = field(default_factory=FakeRecords)
    objects: FakeObjects = field(default_factory=FakeObjects)
    worker: InProcessWorker = field(default_factory=InProcessWorker)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        with self.records.begin() as unit:
            self.keyring: Keyring = found_keyring(_root(), unit.catalogue)
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
        archive = VaultArchive(self.vault, self.copies, self.keyring)
        self.tracer = Tracer(
            archive=archive,
            search=EveryOriginal(archive),
            worker=self.worker,
            records=self.records,
            ledger=self.ledger,
            clock=self.clock,
        )
        self.accounts = Accounts(self.records, self.ledger)

    def kinds(self) -> list[str]:
        """The kinds of all ledger entries, oldest first."""
        with self.records.begin() as unit:
            return [self.ledger.entry(unit.ledger, row.index).kind for row in unit.ledger.rows()]

    def receive(self, path: Path) -> str:
        """The name of the image that the file became."""
        arrival = self.arrivals.receive(path, actor="test")
        assert arrival.image is not None, arrival
        return arrival.image
