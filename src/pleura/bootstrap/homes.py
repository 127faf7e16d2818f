"""Homes made, recovered, brought back and moved."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pleura.adapters.clock import SystemClock
from pleura.adapters.database.engine import database_file
from pleura.adapters.database.migrate import current, head, upgrade
from pleura.adapters.database.records import Database, fill, filling, is_filled, occupied
from pleura.adapters.database.transfer import census
from pleura.adapters.machine import guard_memory
from pleura.adapters.storage.home import Home, begin_again_unless, founding, restoring
from pleura.adapters.storage.objects import FolderObjects
from pleura.bootstrap.house import House, connect, ledger_of, locked_house, new_holder, wired_house
from pleura.crypto.keys import derive
from pleura.crypto.roots.root import (
    FIRST_EPOCH,
    Argon2id,
    adopt,
    create,
    hand_over,
    new_passphrase,
    open_by_recovery,
    recover,
)
from pleura.domain.custody.places import Place
from pleura.domain.errors import BadInput, EnvironmentFault
from pleura.domain.installation import TokenKey
from pleura.domain.ports import RootHolder
from pleura.ledger.entries import decode
from pleura.prevent.depots.boxes import Boxes
from pleura.prevent.depots.restore import fetch_objects, open_newest
from pleura.prevent.depots.snapshot import Head, Heads, heads_of, newest_head, survey
from pleura.prevent.keyring import found_keyring, load_keyring
from pleura.prevent.people.accounts import found_administrator
from pleura.prevent.vault import every_image
from pleura.settings import Settings


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
    """Whether there is a home at ``settings.home``; raises EnvironmentFault where its root file is lost."""
    home = Home(settings.home)
    home.refuse_rootless()
    return home.is_founded()


def found_house(settings: Settings, founding_facts: Founding) -> bytes:
    """The recovery code of the new home at ``settings.home``; it is not kept anywhere.

    Raises EnvironmentFault where something is already there, BadInput for a weak passphrase or
    password; nothing is left behind then.
    """
    guard_memory()
    clock = SystemClock()
    with (
        _new_holder(founding_facts) as (holder, kind),
        _unkept(settings, holder),
        founding(settings.home) as home,
        contextlib.ExitStack() as opened,
    ):
        document, root, recovery_code = create(holder, kind)
        opened.callback(root.forget)
        if founding_facts.database:
            home.note_database(founding_facts.database)
        upgrade(home.database_url)
        with contextlib.closing(Database(home.database_url)) as records, records.begin() as unit:
            if unit.ledger.last() is not None:
                raise _database_occupied()
            keyring = found_keyring(root, unit.catalogue)
            opened.callback(keyring.forget)
            found_administrator(founding_facts.administrator, founding_facts.password, unit.catalogue, clock)
            ledger_of(keyring, clock).append(unit.ledger, "init", "cli", root_epoch=root.epoch)
        home.found(document)
    return recovery_code


def recover_house(settings: Settings, code: bytes, passphrase: str, *, actor: str) -> None:
    """Give the home a new passphrase by its recovery code; raises EnvironmentFault, BadInput, Refused.

    A home whose root was held by a hardware token is held by the passphrase afterwards.
    """
    guard_memory()
    home = Home(settings.home)
    with (
        home.lock(alone=True),
        contextlib.closing(new_passphrase(passphrase)) as holder,
        contextlib.ExitStack() as opened,
    ):
        document = home.read()
        root = recover(document, code)
        opened.callback(root.forget)
        with wired_house(home, root, holder) as house, house.records.begin() as unit:
            house.ledger.append(unit.ledger, "recovered", actor, root_epoch=root.epoch)
        home.replace(hand_over(document, root, holder, holder.cost))


def openable_snapshots(settings: Settings, place: Place, code: bytes) -> list[Head]:
    """The snapshots that the recovery code opens, newest first; raises NotFound, EnvironmentFault."""
    store = connect(place, settings.home)
    newest = newest_head(store)
    found = [head for head in reversed(heads_of(store)) if _opens(head, code)]
    if not found:
        open_by_recovery(newest.by_recovery, code)  # It says why not.
    return found


def restore_house(
    settings: Settings,
    source: Source,
    passphrase: str,
    *,
    actor: str,
    advance: Callable[[int], None] = lambda _: None,
) -> Restored:
    """A home at the empty ``settings.home``, as it was when a snapshot was made.

    Nothing is visible there before all of it is; a restore that was cut goes on with the objects it has.
    The home that comes back is another one to its backups: it fills them once it has adopted them. Raises
    EnvironmentFault, BadInput, NotFound, SealBroken.
    """
    guard_memory()
    store = connect(source.place, settings.home)
    with contextlib.ExitStack() as opened:
        holder = opened.enter_context(contextlib.closing(new_passphrase(passphrase)))
        head, root, pieces = open_newest(store, source.code, source.snapshot)
        opened.callback(root.forget)
        home = opened.enter_context(restoring(settings.home))
        fill(home.database_url, pieces)
        with contextlib.closing(Database(home.database_url)) as records:
            with records.read() as unit:
                keyring = load_keyring(root, unit.catalogue)
                opened.callback(keyring.forget)
                ledger = ledger_of(keyring, SystemClock())
                ledger.verify(unit.ledger, keyring.signer.public)
                count = unit.catalogue.image_count()
            begin_again_unless(home, derive(keyring.depot_key, "restoring").hex())
            boxes, images = Boxes(store, keyring.depot_key), every_image(records)
            lacking = fetch_objects(boxes, images, FolderObjects(home.objects), advance)
            with records.begin() as unit:
                ledger.append(unit.ledger, "restore", actor, snapshot=head.snapshot, root_epoch=root.epoch)
        home.found(adopt(root, source.code, holder, holder.cost))
    return Restored(snapshot=head.snapshot, made_at=head.made_at, images=count, lacking=lacking)


def snapshots_at(settings: Settings, place: Place) -> Heads:
    """The snapshots at *place*, which needs no home; raises EnvironmentFault, Refused."""
    return survey(connect(place, settings.home, glance=True))


def move_house(settings: Settings, passphrase: Callable[[], str], url: str, *, actor: str) -> dict[str, int]:
    """The number of rows of every table, now in the database at *url*, shown to be the same; raises BadInput.

    An empty *url* means the file in the home. The file that was left is removed; a server's database stays
    and should be dropped by hand. A run that is cut is completed by the next one:

    1. The new database is filled, compared and gets the ledger entry, in one transaction.
    2. The home is told to use it.
    3. The file that was left is removed.
    Nobody else comes into the home before all of it is done.
    """
    guard_memory()
    home = Home(settings.home)
    with home.lock(alone=True):
        before, after = home.database_url, url or home.database_file_url
        with locked_house(home, passphrase) as house:
            counted = _settled(home, house) if before == after else _moved(house, after, actor)
        home.note_database(url)
        if url:
            home.leave_database_file()
    return {table: count for table, (count, _) in counted.items()}


def _moved(house: House, url: str, actor: str) -> dict[str, tuple[int, int]]:
    """The census of the house, which is in the database at *url* too, followed by the entry of the move."""
    wanted = census(house.records.dump())
    if is_filled(url):
        return _filled_before(house, url, wanted)
    with filling(url, house.records.dump()) as there:
        if census(there.dump()) != wanted:
            raise EnvironmentFault(
                "move-differs",
                "the two databases do not hold the same",
                "move again; nothing was changed here or there",
            )
        form = "file" if database_file(url) else "server"
        house.ledger.append(there.ledger, "move", actor, form=form)
    return wanted


def _filled_before(house: House, url: str, wanted: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """*wanted*, when a move that was cut filled the database at *url* with it; raises BadInput."""
    entries, _ = wanted.get("ledger", (0, 0))
    if current(url) != head():
        raise occupied()
    with contextlib.closing(Database(url)) as there:
        with there.read() as unit:
            last = unit.ledger.last()
        is_move = last is not None and last.index == entries and decode(last.entry).kind == "move"
        if not is_move or census(there.dump(), entries=entries) != wanted:
            raise occupied()
        with there.read() as unit:
            house.ledger.verify(unit.ledger, house.ledger_key)
    return wanted


def _settled(home: Home, house: House) -> dict[str, tuple[int, int]]:
    """The census of a house that has moved; raises BadInput where nothing is left to be done."""
    if not home.database_left_behind():
        raise BadInput("database-in-use", "the home uses that database already", "there is nothing to move")
    return census(house.records.dump())


def _opens(head: Head, code: bytes) -> bool:
    try:
        open_by_recovery(head.by_recovery, code)
    except EnvironmentFault:
        return False
    return True


def _new_holder(facts: Founding) -> AbstractContextManager[tuple[RootHolder, Argon2id | TokenKey]]:
    return new_holder(facts.passphrase, facts.token)


@contextlib.contextmanager
def _unkept(settings: Settings, holder: RootHolder) -> Iterator[None]:
    """What *holder* made for a new home is destroyed again where there is none when the block ends."""
    try:
        yield
    except BaseException:
        if not Home(settings.home).is_founded():
            holder.destroy_before(FIRST_EPOCH + 1)
        raise


def _database_occupied() -> BadInput:
    return BadInput("database-occupied", "the database is not empty", "give the URL of an empty database")
