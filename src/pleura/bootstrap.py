"""The one socket: settings in, a wired house out. Nothing opens before these functions are called."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from pleura.adapters.clock import SystemClock
from pleura.adapters.database.engine import database_file
from pleura.adapters.database.migrate import upgrade
from pleura.adapters.database.records import Database, fill
from pleura.adapters.database.transfer import census
from pleura.adapters.fonts import find_font
from pleura.adapters.machine import Machine, guard_memory
from pleura.adapters.storage.home import Home, founding, refuse_occupied
from pleura.adapters.storage.objects import FolderObjects
from pleura.adapters.storage.s3 import S3Objects
from pleura.adapters.token.holder import TokenHolder
from pleura.adapters.token.hsm import HsmToken
from pleura.adapters.worker import DisposableWorker
from pleura.crypto.roots.root import (
    Argon2id,
    Passphrase,
    Root,
    adopt,
    create,
    hand_over,
    holder_of,
    new_passphrase,
    recover,
    unlock,
)
from pleura.domain.custody.places import FolderPlace, Place
from pleura.domain.errors import BadInput, EnvironmentFault
from pleura.domain.installation import TokenKey
from pleura.domain.ports import Clock, ObjectStore, PictureWorker, Records, RootHolder
from pleura.ledger.ledger import Ledger
from pleura.monitor.trace import EveryOriginal, Tracer
from pleura.prevent.accounts import Accounts, found_administrator
from pleura.prevent.archive import VaultArchive
from pleura.prevent.arrivals import Arrivals
from pleura.prevent.copies import Copies
from pleura.prevent.custody.erasure import Erasure
from pleura.prevent.custody.keys import Keys
from pleura.prevent.custody.rules import Rules
from pleura.prevent.depots.boxes import Boxes
from pleura.prevent.depots.depots import Depots
from pleura.prevent.depots.restore import fetch_objects, open_newest
from pleura.prevent.doctor import Doctor
from pleura.prevent.keyring import Keyring, found_keyring, load_keyring
from pleura.prevent.vault import Vault
from pleura.settings import Settings

LEDGER_ORIGIN_PREFIX = "pleura.ledger/"

__all__ = [
    "Founding",
    "House",
    "Restored",
    "Source",
    "found_house",
    "is_founded",
    "move_house",
    "new_holder",
    "open_house",
    "recover_house",
    "refuse_occupied",
    "restore_house",
]


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
    copies: Copies
    tracer: Tracer
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


@dataclass(frozen=True, kw_only=True)
class Founding:
    """What a person needs to make a home."""

    passphrase: str
    """The passphrase, or the PIN of the hardware token."""
    administrator: str
    password: str
    token: TokenKey | None = None
    """The hardware token that holds the root; None for the passphrase alone."""
    database: str = ""
    """URL of an empty database on a server; empty for a file in the home."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a home comes back from, and what opens it there."""

    place: Place
    code: bytes
    """The recovery code."""
    snapshot: str = ""
    """A snapshot other than the newest."""


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What came back from a depot."""

    snapshot: str
    made_at: str
    images: int
    lacking: list[str]
    """Names of objects that the depot lacks or holds damaged."""


def is_founded(settings: Settings) -> bool:
    """Whether there is a home at ``settings.home``."""
    return Home(settings.home).is_founded()


def found_house(settings: Settings, founding_facts: Founding) -> bytes:
    """The recovery code of the new home at ``settings.home``; it is not kept anywhere.

    Raises EnvironmentFault where something is already there, BadInput for a weak passphrase or
    password; nothing is left behind then.
    """
    clock = SystemClock()
    with founding(settings.home) as home, _new_holder(founding_facts) as (holder, kind):
        document, root, recovery_code = create(holder, kind)
        if founding_facts.database:
            home.note_database(founding_facts.database)
        upgrade(home.database_url)
        with contextlib.closing(Database(home.database_url)) as records, records.begin() as unit:
            if unit.ledger.last() is not None:
                raise _database_occupied()
            keyring = found_keyring(root, unit.catalogue)
            found_administrator(founding_facts.administrator, founding_facts.password, unit.catalogue, clock)
            _ledger(keyring, clock).append(unit.ledger, "init", "cli", root_epoch=root.epoch)
        home.found(document)
    return recovery_code


@contextlib.contextmanager
def open_house(settings: Settings, passphrase: Callable[[], str], *, alone: bool = False) -> Iterator[House]:
    """The house at ``settings.home``, closed when the block ends; raises EnvironmentFault, Refused.

    *passphrase* is asked for only once the home has been found. *alone*: nobody else may be at work in
    the home, and nobody comes in.
    """
    guard_memory()
    home = Home(settings.home)
    document = home.read()
    with home.lock(alone=alone), _holder(document, passphrase()) as holder:
        root = unlock(document, holder)
        try:
            with _opened(home, root, holder) as house:
                yield house
        finally:
            root.forget()


def recover_house(settings: Settings, code: bytes, passphrase: str, *, actor: str) -> None:
    """Give the home a new passphrase by its recovery code; raises EnvironmentFault, BadInput, Refused.

    A home whose root was held by a hardware token is held by the passphrase afterwards.
    """
    guard_memory()
    home = Home(settings.home)
    document = home.read()
    with home.lock(alone=True):
        root, holder = recover(document, code), new_passphrase(passphrase)
        with _opened(home, root, holder) as house, house.records.begin() as unit:
            house.ledger.append(unit.ledger, "recovered", actor, root_epoch=root.epoch)
        home.replace(hand_over(document, root, holder, holder.cost))
        root.forget()


def restore_house(
    settings: Settings,
    source: Source,
    passphrase: str,
    *,
    actor: str,
    advance: Callable[[int], None] = lambda _: None,
) -> Restored:
    """A home at the empty ``settings.home``, as it was when a snapshot was made.

    Nothing is visible there before all of it is. Raises EnvironmentFault, BadInput, NotFound, SealBroken.
    """
    guard_memory()
    store, holder = _connect(source.place), new_passphrase(passphrase)
    head, root, pieces = open_newest(store, source.code, source.snapshot)
    with founding(settings.home) as home:
        fill(home.database_url, pieces)
        with contextlib.closing(Database(home.database_url)) as records:
            with records.begin() as unit:
                keyring = load_keyring(root, unit.catalogue)
                ledger = _ledger(keyring, SystemClock())
                ledger.verify(unit.ledger, keyring.signer.public)
                images = list(unit.catalogue.images())
            boxes = Boxes(store, keyring.depot_key)
            lacking = fetch_objects(boxes, images, FolderObjects(home.objects), advance)
            with records.begin() as unit:
                ledger.append(unit.ledger, "restore", actor, snapshot=head.snapshot, root_epoch=root.epoch)
        home.found(adopt(root, source.code, holder, holder.cost))
    root.forget()
    return Restored(snapshot=head.snapshot, made_at=head.made_at, images=len(images), lacking=lacking)


def move_house(settings: Settings, passphrase: Callable[[], str], url: str, *, actor: str) -> dict[str, int]:
    """The number of rows of every table, now in the database at *url*, shown to be the same; raises BadInput.

    An empty *url* means the file in the home. The file that was left is removed; a server's database stays
    and should be dropped by hand.
    """
    home = Home(settings.home)
    before = home.database_url
    after = url or home.database_file_url
    with open_house(settings, passphrase, alone=True) as house:
        fill(after, house.records.dump())
        with contextlib.closing(Database(after)) as records:
            counted = census(records.dump())
            if counted != census(house.records.dump()):
                raise EnvironmentFault(
                    "move-differs",
                    "the two databases do not hold the same",
                    "drop the new database and move again; nothing was changed here",
                )
            with records.begin() as unit:
                form = "file" if database_file(after) else "server"
                house.ledger.append(unit.ledger, "move", actor, form=form)
    home.note_database(url)
    if file := database_file(before):
        for part in (file, file.with_name(file.name + "-wal"), file.with_name(file.name + "-shm")):
            part.unlink(missing_ok=True)
    return {table: count for table, (count, _) in counted.items()}


@contextlib.contextmanager
def new_holder(passphrase: str, token: TokenKey | None) -> Iterator[tuple[RootHolder, Argon2id | TokenKey]]:
    """A holder for the root: a new passphrase, or a hardware token that *passphrase* is the PIN of."""
    if token is None:
        holder = new_passphrase(passphrase)
        yield holder, holder.cost
        return
    with contextlib.closing(HsmToken(Path(token.module), token.token, passphrase)) as hsm:
        yield TokenHolder(hsm, token.label), token


def _new_holder(facts: Founding) -> AbstractContextManager[tuple[RootHolder, Argon2id | TokenKey]]:
    return new_holder(facts.passphrase, facts.token)


@contextlib.contextmanager
def _holder(document: bytes, secret: str) -> Iterator[RootHolder]:
    kind = holder_of(document)
    if isinstance(kind, Argon2id):
        yield Passphrase(secret, kind)
        return
    with contextlib.closing(HsmToken(Path(kind.module), kind.token, secret)) as hsm:
        yield TokenHolder(hsm, kind.label)


@contextlib.contextmanager
def _opened(home: Home, root: Root, holder: RootHolder) -> Iterator[House]:
    upgrade(home.database_url)
    with (
        contextlib.closing(Database(home.database_url)) as records,
        contextlib.closing(DisposableWorker()) as worker,
    ):
        with records.begin() as unit:
            keyring = load_keyring(root, unit.catalogue)
        yield _wire(home, keyring, records, worker, holder)


def _wire(
    home: Home, keyring: Keyring, records: Database, worker: PictureWorker, holder: RootHolder
) -> House:
    clock, objects = SystemClock(), FolderObjects(home.objects)
    ledger = _ledger(keyring, clock)
    vault = Vault(records, objects, keyring)
    copies = Copies(records=records, vault=vault, worker=worker, ledger=ledger, keyring=keyring, clock=clock)
    arrivals = Arrivals(
        records=records, vault=vault, worker=worker, ledger=ledger, keyring=keyring, clock=clock
    )
    archive = VaultArchive(vault, copies, keyring)
    keys = Keys(records=records, ledger=ledger, keyring=keyring, root_file=home, holder=holder)
    depots = Depots(
        records=records,
        objects=objects,
        ledger=ledger,
        keyring=keyring,
        root_file=home,
        clock=clock,
        connect=_connect,
        inspect=lambda place: S3Objects(place).bucket_facts(),
        rehearse=lambda pieces: _rehearsal(home, pieces),
    )
    return House(
        clock=clock,
        records=records,
        worker=worker,
        ledger=ledger,
        ledger_key=keyring.signer.public,
        vault=vault,
        arrivals=arrivals,
        copies=copies,
        tracer=Tracer(
            archive=archive,
            search=EveryOriginal(archive),
            worker=worker,
            records=records,
            ledger=ledger,
            clock=clock,
        ),
        font=find_font(),
        accounts=Accounts(records, ledger, clock),
        keys=keys,
        rules=Rules(records=records, ledger=ledger, clock=clock),
        erasure=Erasure(
            records=records,
            objects=objects,
            vault=vault,
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
            ledger=ledger,
            keyring=keyring,
            clock=clock,
            machine=Machine(home),
            bucket_facts=depots.bucket_facts,
        ),
        workspace=home.workspace,
    )


def _connect(place: Place) -> ObjectStore:
    if isinstance(place, FolderPlace):
        return FolderObjects(Path(place.folder))
    return S3Objects(place)


@contextlib.contextmanager
def _rehearsal(home: Home, pieces: Iterable[memoryview]) -> Iterator[Records]:
    """A throw-away database in the home, filled from a snapshot."""
    with home.workspace() as folder:
        url = f"sqlite:///{folder / 'rehearsal.db'}"
        fill(url, pieces)
        with contextlib.closing(Database(url)) as records:
            yield records


def _ledger(keyring: Keyring, clock: Clock) -> Ledger:
    public = keyring.signer.public.hex()
    return Ledger(keyring.signer, LEDGER_ORIGIN_PREFIX + public[:16], clock)


def _database_occupied() -> BadInput:
    return BadInput("database-occupied", "the database is not empty", "give the URL of an empty database")
