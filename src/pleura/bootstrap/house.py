"""The house: every room wired over its adapters, opened for as long as a block runs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pleura.adapters.clock import SystemClock
from pleura.adapters.database.migrate import upgrade
from pleura.adapters.database.records import Database, fill
from pleura.adapters.fonts import find_font
from pleura.adapters.machine import Machine, guard_memory
from pleura.adapters.storage.home import Home, refuse_entangled
from pleura.adapters.storage.objects import FolderObjects
from pleura.adapters.token.holder import TokenHolder
from pleura.adapters.token.hsm import HsmToken
from pleura.adapters.worker import DisposableWorker
from pleura.crypto.roots.root import (
    Argon2id,
    Passphrase,
    Root,
    holder_of,
    new_passphrase,
    unlock,
)
from pleura.domain.custody.places import BucketPlace, FolderPlace, Place
from pleura.domain.ids import new_id
from pleura.domain.installation import TokenKey
from pleura.domain.ports import Clock, ObjectStore, PictureWorker, Records, RootHolder
from pleura.domain.watching.gathering import Gatherer
from pleura.imaging.match.index import Neighbours
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
from pleura.prevent.keyring import Keyring, load_keyring
from pleura.prevent.people.accounts import Accounts
from pleura.prevent.sketcher import Sketcher
from pleura.prevent.vault import Vault
from pleura.settings import Settings

if TYPE_CHECKING:
    from pleura.adapters.storage.s3 import S3Objects

LEDGER_ORIGIN_PREFIX = "pleura.ledger/"


@dataclass(frozen=True, kw_only=True)
class House:
    """Everything a door needs, wired together."""

    clock: Clock
    records: Records
    worker: PictureWorker
    ledger: Ledger
    ledger_key: bytes
    """The ledger's public key, 32 bytes of Ed25519."""
    vault: Vault
    arrivals: Arrivals
    originals: Originals
    sketcher: Sketcher
    copies: Copies
    comparisons: Comparisons
    tracer: Tracer
    finder: Finder
    watchlist: WatchList
    patrol: Patrol
    sightings: Sightings
    asking: Asking
    font: Path | None
    """A font with Chinese characters, where the machine has one."""
    accounts: Accounts
    keys: Keys
    rules: Rules
    erasure: Erasure
    depots: Depots
    doctor: Doctor
    workspace: Callable[[], AbstractContextManager[Path]]
    """A private folder in the home for as long as a block runs; what a crash leaves there, doctor sweeps."""


@contextlib.contextmanager
def open_house(settings: Settings, passphrase: Callable[[], str], *, alone: bool = False) -> Iterator[House]:
    """The house at ``settings.home``, closed when the block ends; raises EnvironmentFault, Refused.

    *passphrase* is asked for only once the home has been found. *alone*: nobody else may be at work in
    the home, and nobody comes in.
    """
    guard_memory()
    home = Home(settings.home)
    with home.lock(alone=alone), locked_house(home, passphrase) as house:
        yield house


@contextlib.contextmanager
def locked_house(home: Home, passphrase: Callable[[], str]) -> Iterator[House]:
    """The house in *home*, whose lock the caller holds; raises EnvironmentFault."""
    document = home.read()
    with _holder(document, passphrase()) as holder:
        root = unlock(document, holder)
        try:
            with wired_house(home, root, holder) as house:
                yield house
        finally:
            root.forget()


@contextlib.contextmanager
def wired_house(home: Home, root: Root, holder: RootHolder) -> Iterator[House]:
    """The house in *home* once its root is open, closed when the block ends."""
    upgrade(home.database_url)
    with contextlib.ExitStack() as closing:
        records = closing.enter_context(contextlib.closing(Database(home.database_url)))
        with records.read() as unit:
            keyring = load_keyring(root, unit.catalogue)
        closing.callback(keyring.forget)
        worker = closing.enter_context(contextlib.closing(DisposableWorker()))
        yield _wire(home, keyring, records, worker, holder)


@contextlib.contextmanager
def new_holder(passphrase: str, token: TokenKey | None) -> Iterator[tuple[RootHolder, Argon2id | TokenKey]]:
    """A holder for the root: a new passphrase, or a hardware token that *passphrase* is the PIN of.

    Raises EnvironmentFault where the token holds keys of that label already: they are another home's.
    """
    if token is None:
        with contextlib.closing(new_passphrase(passphrase)) as holder:
            yield holder, holder.cost
        return
    with contextlib.closing(HsmToken(Path(token.module), token.token, passphrase)) as hsm:
        token_holder = TokenHolder(hsm, token.label)
        token_holder.refuse_taken()
        yield token_holder, token


def token_key(module: str, token: str, label: str = "") -> TokenKey:
    """The token called *token* behind the library *module*; its keys get a label that no other home has."""
    return TokenKey(module=module, token=token, label=label or f"pleura-{new_id('home')}")


@contextlib.contextmanager
def _holder(document: bytes, secret: str) -> Iterator[RootHolder]:
    kind = holder_of(document)
    if isinstance(kind, Argon2id):
        with contextlib.closing(Passphrase(secret, kind)) as holder:
            yield holder
        return
    with contextlib.closing(HsmToken(Path(kind.module), kind.token, secret)) as hsm:
        yield TokenHolder(hsm, kind.label)


def connect(place: Place, home: Path, *, glance: bool = False) -> ObjectStore:
    """The store at *place* for the home at *home*; nothing is opened before its first use.

    *glance*: a store that is silent is given up after a few seconds.

    Raises Refused where one of the two lies in the other.
    """
    if isinstance(place, FolderPlace):
        refuse_entangled(Path(place.folder), home)
        return FolderObjects(Path(place.folder))
    return _bucket(place, glance=glance)


def _bucket(place: BucketPlace, *, glance: bool = False) -> S3Objects:
    # The clients of S3 take half a second to load, which a home without a replica should not pay for.
    from pleura.adapters.storage.s3 import S3Objects  # noqa: PLC0415

    return S3Objects(place, glance=glance)


def ledger_of(keyring: Keyring, clock: Clock) -> Ledger:
    """The ledger that the keyring signs, under an origin of its own."""
    return Ledger(keyring.signer, origin_of(keyring), clock)


def origin_of(keyring: Keyring) -> str:
    """The name of an installation where others read it: it says nothing but the beginning of its key."""
    return LEDGER_ORIGIN_PREFIX + keyring.signer.public.hex()[:16]


def _wire(
    home: Home, keyring: Keyring, records: Database, worker: PictureWorker, holder: RootHolder
) -> House:
    clock, objects = SystemClock(), FolderObjects(home.objects)
    ledger = ledger_of(keyring, clock)
    vault = Vault(records, objects, keyring)
    copies = Copies(records=records, vault=vault, worker=worker, ledger=ledger, keyring=keyring, clock=clock)
    arrivals = Arrivals(
        records=records, vault=vault, worker=worker, ledger=ledger, keyring=keyring, clock=clock
    )
    sketcher = Sketcher(records=records, vault=vault, worker=worker)
    archive = VaultArchive(vault, sketcher, copies, keyring)
    packs = Packs(FolderObjects(home.packs))
    originals = Originals(vault, sketcher, archive, packs, _engine)
    keys = Keys(records=records, ledger=ledger, keyring=keyring, root_file=home, holder=holder)
    depots = Depots(
        records=records,
        objects=objects,
        vault=vault,
        ledger=ledger,
        keyring=keyring,
        root_file=home,
        clock=clock,
        instance=home.instance(),
        lock=home.lock_depot,
        connect=lambda place: connect(place, home.path),
        glance=lambda place: connect(place, home.path, glance=True),
        inspect=lambda place: _bucket(place).bucket_facts(),
        rehearse=lambda pieces: _rehearsal(home, pieces),
    )
    suspects = Suspects(
        archive=archive, search=originals, worker=worker, records=records, ledger=ledger, clock=clock
    )
    tracer = Tracer(suspects=suspects)
    patrol = _patrol(home, keyring, suspects, tracer)
    return House(
        clock=clock,
        records=records,
        worker=worker,
        ledger=ledger,
        ledger_key=keyring.signer.public,
        vault=vault,
        arrivals=arrivals,
        originals=originals,
        sketcher=sketcher,
        copies=copies,
        comparisons=Comparisons(records=records, vault=vault, worker=worker, copies=copies, ledger=ledger),
        tracer=tracer,
        finder=Finder(suspects=suspects),
        watchlist=patrol.watchlist,
        patrol=patrol,
        sightings=patrol.sightings,
        asking=Asking(
            records=records,
            ledger=ledger,
            keys=keyring,
            clock=clock,
            archive=archive,
            watchlist=patrol.watchlist,
        ),
        font=find_font(),
        accounts=Accounts(records, ledger, clock),
        keys=keys,
        rules=Rules(records=records, ledger=ledger, clock=clock),
        erasure=Erasure(
            records=records,
            objects=objects,
            vault=vault,
            packs=packs,
            ledger=ledger,
            keys=keys,
            depots=depots,
            clock=clock,
        ),
        depots=depots,
        doctor=Doctor(
            records=records,
            objects=objects,
            vault=vault,
            originals=originals,
            sketcher=sketcher,
            inventory=Inventory(records=records, vault=vault, copies=copies, keyring=keyring),
            ledger=ledger,
            keyring=keyring,
            clock=clock,
            machine=Machine(home),
            bucket_facts=depots.bucket_facts,
            depot_view=depots.view,
        ),
        workspace=home.workspace,
    )


def _engine() -> Neighbours:
    # It takes a moment to load, which a command that looks for nothing should not pay for.
    from pleura.adapters.neighbours import InvertedLists  # noqa: PLC0415

    return InvertedLists()


def _gatherer(home: Home) -> Gatherer:
    # The way out is loaded with it, which most commands never take.
    from pleura.adapters.watching.gatherer import ProcessGatherer  # noqa: PLC0415

    return ProcessGatherer(Machine(home).browser())


def _patrol(home: Home, keyring: Keyring, suspects: Suspects, tracer: Tracer) -> Patrol:
    """Whoever looks at the sources of the watch list."""
    records, ledger, clock = suspects.records, suspects.ledger, suspects.clock
    sightings = Sightings(records=records, ledger=ledger, keys=keyring, clock=clock)
    watchlist = WatchList(records=records, ledger=ledger, keys=keyring, clock=clock)
    return Patrol(
        records=records,
        ledger=ledger,
        clock=clock,
        worker=suspects.worker,
        archive=suspects.archive,
        tracer=tracer,
        gatherer=lambda: _gatherer(home),
        watchlist=watchlist,
        memory=Memory(records=records, keys=keyring, watchlist=watchlist, clock=clock),
        sightings=sightings,
        exchange=Exchange(
            records=records,
            ledger=ledger,
            keys=keyring,
            clock=clock,
            sightings=sightings,
            issuer=origin_of(keyring),
        ),
        workspace=home.workspace,
    )


@contextlib.contextmanager
def _rehearsal(home: Home, pieces: Iterable[memoryview]) -> Iterator[Records]:
    """A throw-away database in the home, filled from a snapshot."""
    with home.workspace() as folder:
        url = f"sqlite:///{folder / 'rehearsal.db'}"
        fill(url, pieces)
        with contextlib.closing(Database(url)) as records:
            yield records
