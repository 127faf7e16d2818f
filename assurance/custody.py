"""Erasure, rotation and backup on a failing disk: what each does, and what must hold whenever it is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from assurance.places import Place
from assurance.verdict import OpenHome, Violation, answered_images_are_kept
from pleura.adapters.storage.objects import FolderObjects
from pleura.domain.custody.places import FolderPlace
from pleura.prevent.depots.boxes import Boxes
from pleura.prevent.depots.snapshot import heads_of, read_snapshot

ACTOR: Final = "assurance"
_DEPOT: Final = "nas"


def erase(place: Place, answer: Callable[[str], None]) -> None:
    """Erase the first image that was stored; after a crash, complete what was begun as the doctor says."""
    subject = place.answered[0].split()[1]
    with place.opened(alone=True) as house:
        if subject in {image.id for image in house.vault.images()}:
            house.erasure.erase(subject, actor=ACTOR)
        else:
            house.doctor.repair(actor=ACTOR)
            house.keys.rotate(actor=ACTOR)
        answer(f"erased {subject}")


def check_erase(home: OpenHome, answers: Sequence[str], finished: bool) -> Iterator[Violation]:
    """All other images are kept; an erasure that was answered left no row, no object and no older epoch."""
    subject = home.place.answered[0].split()[1]
    others = [line for line in answers if line.split()[1] != subject]
    yield from answered_images_are_kept(home, others)
    if f"erased {subject}" not in answers:
        return
    if subject in home.listed or any(name.startswith(subject) for name in home.objects.names()):
        yield Violation("damaged", "an image was answered as erased and is there")
    if home.keyring.root.epochs in ([1], [1, 2]):
        yield Violation("damaged", "an erasure was answered and the old epoch still opens")


def rotate(place: Place, answer: Callable[[str], None]) -> None:
    """Rotate the root."""
    with place.opened(alone=True) as house:
        house.keys.rotate(actor=ACTOR)
        answer(f"rotated {house.keys.keyring.root.epoch}")


def check_rotate(home: OpenHome, answers: Sequence[str], finished: bool) -> Iterator[Violation]:
    """Every image is kept; after the answer nothing but the new epoch is there."""
    yield from answered_images_are_kept(home, answers)
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
            boxes.verify(name)
