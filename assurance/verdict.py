"""What may not be wrong with a home after a crash, and the home opened just far enough to see it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from assurance.places import PASSPHRASE, Place
from pleura.adapters.clock import SystemClock
from pleura.adapters.database.migrate import current, head, upgrade
from pleura.adapters.database.records import Database
from pleura.adapters.storage.home import Home
from pleura.adapters.storage.objects import FolderObjects
from pleura.bootstrap import LEDGER_ORIGIN_PREFIX
from pleura.crypto.roots.root import Argon2id, Passphrase, Root, holder_of, unlock
from pleura.domain.errors import PleuraError
from pleura.ledger.ledger import Ledger
from pleura.prevent.keyring import Keyring, load_keyring
from pleura.prevent.vault import Vault, objects_of

Kind = Literal["lost", "damaged", "escaped", "stuck"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True)
class Violation:
    """One thing that is wrong."""

    kind: Kind
    """``lost``: acknowledged and gone. ``damaged``: listed and not readable, or the home or the ledger is
    broken. ``escaped``: the process ended by an unexpected error. ``stuck``: a rerun does not complete."""
    what: str


@dataclass(frozen=True, kw_only=True)
class OpenHome:
    """The rooms that a verdict needs; built by hand because `open_house` does more than a verdict needs."""

    place: Place
    records: Database
    objects: FolderObjects
    keyring: Keyring
    vault: Vault
    ledger: Ledger

    @functools.cached_property
    def listed(self) -> dict[str, bytes]:
        """Every listed image and its original; raises PleuraError when one of its objects does not open."""
        with self.records.begin() as unit:
            images = list(unit.catalogue.images())
        for sealed in images:
            self.vault.check(sealed, whole=True)
        return {sealed.image.id: self.vault.original(sealed.image.id) for sealed in images}

    @property
    def named_objects(self) -> list[str]:
        """Every object that a listed image needs."""
        with self.records.begin() as unit:
            return [name for sealed in unit.catalogue.images() for name, _ in objects_of(sealed)]


Check = Callable[[OpenHome, Sequence[str], bool], Iterator[Violation]]
"""What one operation promises: home, acknowledged lines, and whether the operation said that it finished."""


@contextlib.contextmanager
def opened_home(place: Place) -> Iterator[OpenHome]:
    """The home at *place*, at this program's schema; raises PleuraError."""
    home = Home(place.home)
    root = _root(home.read())
    if current(home.database_url) != _head():
        upgrade(home.database_url)
    with contextlib.closing(Database(home.database_url)) as records:
        with records.begin() as unit:
            keyring = load_keyring(root, unit.catalogue)
        objects = FolderObjects(home.objects)
        origin = LEDGER_ORIGIN_PREFIX + keyring.signer.public.hex()[:16]
        yield OpenHome(
            place=place,
            records=records,
            objects=objects,
            keyring=keyring,
            vault=Vault(records, objects, keyring),
            ledger=Ledger(keyring.signer, origin, SystemClock()),
        )


def violations(place: Place, check: Check, answers: Sequence[str], *, finished: bool) -> list[Violation]:
    """Everything that is wrong with the home at *place* after *answers* were given."""
    try:
        with opened_home(place) as home:
            return [*_always(home), *check(home, [*place.answered, *answers], finished)]
    except PleuraError as error:
        return [Violation("damaged", error.code)]
    except Exception as error:  # noqa: BLE001 - a verdict counts whatever a broken home makes of the program
        return [Violation("damaged", f"{type(error).__name__}: {error}")]


def answered_images_are_kept(
    home: OpenHome, answers: Sequence[str], _finished: bool = False
) -> Iterator[Violation]:
    """Every image that was answered as stored is listed and is, byte for byte, its film."""
    for line in answers:
        verb, *names = line.split()
        if verb not in {"stored", "duplicate"}:
            continue
        image, film = names
        if image not in home.listed:
            yield Violation("lost", f"{image} was answered as {verb} and is not listed")
        elif home.listed[image] != (home.place.films / film).read_bytes():
            yield Violation("damaged", f"{image} is not {film}")


def _always(home: OpenHome) -> Iterator[Violation]:
    with home.records.begin() as unit:
        home.ledger.verify(unit.ledger, home.keyring.signer.public)
    films = {film.read_bytes() for film in home.place.films.iterdir()}
    for image, original in home.listed.items():
        if original not in films:
            yield Violation("damaged", f"{image} opens to bytes that no film has")


@functools.cache
def _root(document: bytes) -> Root:
    kind = holder_of(document)
    if not isinstance(kind, Argon2id):
        raise TypeError("the home of an assurance is held by a passphrase")
    return unlock(document, Passphrase(PASSPHRASE, kind))


@functools.cache
def _head() -> str:
    return head()
