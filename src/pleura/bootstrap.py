"""The one socket: settings in, a wired house out. Nothing opens before these functions are called."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pleura.adapters.clock import SystemClock
from pleura.adapters.database.migrate import upgrade
from pleura.adapters.database.records import Database
from pleura.adapters.fonts import find_font
from pleura.adapters.home import Home, founding, refuse_occupied
from pleura.adapters.objects import FolderObjects
from pleura.adapters.worker import DisposableWorker
from pleura.crypto.root import create, unlock
from pleura.domain.ports import Clock, PictureWorker, Records
from pleura.ledger.ledger import Ledger
from pleura.monitor.trace import EveryOriginal, Tracer
from pleura.prevent.accounts import Accounts, found_administrator
from pleura.prevent.archive import VaultArchive
from pleura.prevent.arrivals import Arrivals
from pleura.prevent.copies import Copies
from pleura.prevent.keyring import Keyring, found_keyring, load_keyring
from pleura.prevent.vault import Vault
from pleura.settings import Settings

LEDGER_ORIGIN_PREFIX = "pleura.ledger/"

__all__ = ["Founding", "House", "found_house", "is_founded", "open_house", "refuse_occupied"]


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


@dataclass(frozen=True, kw_only=True)
class Founding:
    """What a person needs to make a home."""

    passphrase: str
    administrator: str
    password: str


def is_founded(settings: Settings) -> bool:
    """Whether there is a home at ``settings.home``."""
    return Home(settings.home).is_founded()


def found_house(settings: Settings, founding_facts: Founding) -> str:
    """The recovery code of the new home at ``settings.home``; it is not kept anywhere.

    Raises EnvironmentFault where something is already there, BadInput for a weak passphrase or
    password; nothing is left behind then.
    """
    clock = SystemClock()
    with founding(settings.home) as home:
        document, root, recovery_code = create(founding_facts.passphrase)
        upgrade(home.database_url)
        with contextlib.closing(Database(home.database_url)) as records, records.begin() as unit:
            keyring = found_keyring(root, unit.catalogue)
            found_administrator(founding_facts.administrator, founding_facts.password, unit.catalogue, clock)
            _ledger(keyring, clock).append(unit.ledger, "init", "cli", root_epoch=root.epoch)
        home.root_file.write_bytes(document)
        home.root_file.chmod(0o600)
    return recovery_code


@contextlib.contextmanager
def open_house(settings: Settings, passphrase: Callable[[], str]) -> Iterator[House]:
    """The house at ``settings.home``, closed when the block ends; raises EnvironmentFault.

    *passphrase* is asked for only once the home has been found.
    """
    home = Home(settings.home)
    document = home.root_document()
    root = unlock(document, passphrase())
    upgrade(home.database_url)
    with (
        contextlib.closing(Database(home.database_url)) as records,
        contextlib.closing(DisposableWorker()) as worker,
    ):
        with records.begin() as unit:
            keyring = load_keyring(root, unit.catalogue)
        yield _wire(keyring, records, FolderObjects(home.objects), worker, SystemClock())


def _wire(
    keyring: Keyring, records: Records, objects: FolderObjects, worker: PictureWorker, clock: Clock
) -> House:
    ledger = _ledger(keyring, clock)
    vault = Vault(records, objects, keyring)
    copies = Copies(records=records, vault=vault, worker=worker, ledger=ledger, keyring=keyring, clock=clock)
    arrivals = Arrivals(
        records=records, vault=vault, worker=worker, ledger=ledger, keyring=keyring, clock=clock
    )
    archive = VaultArchive(vault, copies, keyring)
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
        accounts=Accounts(records, ledger),
    )


def _ledger(keyring: Keyring, clock: Clock) -> Ledger:
    public = keyring.signer.public.hex()
    return Ledger(keyring.signer, LEDGER_ORIGIN_PREFIX + public[:16], clock)
