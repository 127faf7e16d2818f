"""Erasure, rotation and backup on a failing disk: what each does, and what must hold whenever it is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from assurance.places import Place
from assurance.verdict import OpenHome, Violation, answered_images_are_kept
from pleura.adapters.storage.objects import FolderObjects
from pleura.crypto.roots.root import recover
from pleura.domain.custody.places import FolderPlace
from pleura.domain.errors import EnvironmentFault, NotFound
from pleura.prevent.depots.boxes import Boxes
from pleura.prevent.depots.snapshot import heads_of, read_snapshot

ACTOR: Final = "assurance"
_DEPOT: Final = "nas"


def erase(place: Place, answer: Callable[[str], None]) -> None:
    """Erase the first image that was stored; after a crash again, and then ask the doctor."""
    subject = place.answered[0].split()[1]
    with place.opened(alone=True) as house:
        try:
            house.erasure.erase(subject, actor=ACTOR, keep=place.keep_sheet)
        except NotFound:
            # It was complete before the crash, or the doctor below says that it is not.
            house.doctor.repair(actor=ACTOR)
        (check,) = [check for check in house.doctor.examine() if check.name == "erasures"]
        if check.ok:
            answer(f"erased {subject}")


def check_erase(home: OpenHome, answers: Sequence[str], finished: bool) -> Iterator[Violation]:
    """All other images are kept; an erasure that was answered left no row, no object and no older epoch."""
    subject = home.place.answered[0].split()[1]
    others = [line for line in answers if line.split()[1] != subject]
    yield from answered_images_are_kept(home, others)
    yield from _a_sheet_opens(home)
    if f"erased {subject}" not in answers:
        return
    if subject in home.listed or any(name.startswith(subject) for name in home.objects.names()):
        yield Violation("damaged", "an image was answered as erased and is there")
    if home.keyring.root.epochs in ([1], [1, 2]):
        yield Violation("damaged", "an erasure was answered and the old epoch still opens")
    with home.records.begin() as unit:
        if unit.catalogue.begun_erasures() or unit.catalogue.waiting_deletions():
            yield Violation("stuck", "an erasure was answered and is still under way")


def rotate(place: Place, answer: Callable[[str], None]) -> None:
    """Rotate the root."""
    with place.opened(alone=True) as house:
        house.keys.rotate(actor=ACTOR, keep=place.keep_sheet)
        answer(f"rotated {house.keys.keyring.root.epoch}")


def check_rotate(home: OpenHome, answers: Sequence[str], finished: bool) -> Iterator[Violation]:
    """Every image is kept; after the answer nothing but the new epoch is there, and a sheet opens it."""
    yield from answered_images_are_kept(home, answers)
    yield from _a_sheet_opens(home)
    rotated = [int(line.split()[1]) for line in answers if line.startswith("rotated")]
    if rotated and home.keyring.root.epochs != [rotated[-1]]:
        yield Violation("lost", f"epoch {rotated[-1]} was answered, {home.keyring.root.epochs} open the home")


def back_up(place: Place, answer: Callable[[str], None]) -> None:
    """Back the home up into the folder beside it."""
    with place.opened() as house:
        if not house.depots.all():
            house.depots.add(_DEPOT, "backup", FolderPlace(folder=str(place.depot)), None, actor=ACTOR)
        answer(f"backed-up {house.depots.sync(_DEPOT, actor=ACTOR).snapshot}")


def check_backup(home: OpenHome, answers: Sequence[str], finished: bool) -> Iterator[Violation]:
    """Every image is kept; every answered snapshot opens, and every object is in its box."""
    yield from answered_images_are_kept(home, answers)
    store, root = FolderObjects(home.place.depot), home.keyring.root
    heads = {head.snapshot: head for head in heads_of(store)}
    answered = [line.split()[1] for line in answers if line.startswith("backed-up")]
    if not set(answered) <= heads.keys():
        yield Violation("lost", "a snapshot was answered and is not there")
    for head in heads.values():
        if not b"".join(map(bytes, read_snapshot(store, head, root.key(head.epoch)))):
            yield Violation("damaged", f"{head.snapshot} is empty")
        boxes = Boxes(store, home.keyring.depot_key)
        for name in home.named_objects:
            with boxes.opened(name) as stream:
                while stream.read(1 << 20):
                    pass


def _a_sheet_opens(home: OpenHome) -> Iterator[Violation]:
    """Of all sheets that anybody ever got, one opens the home as it is."""
    document = (home.place.home / "root.json").read_bytes()
    for code in home.place.sheets():
        try:
            recover(document, code)
        except EnvironmentFault:
            continue
        return
    yield Violation("lost", "no recovery sheet opens the home")
