"""What is tried on a failing disk: for each operation how a place is prepared, what is done, what must hold.

An operation opens the house and calls the same rooms as the command line. One line goes to stdout for
every answer that a person would take as a promise. To add one: prepare, perform and check functions, and
a row in `OPERATIONS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from assurance import custody
from assurance.places import Place
from assurance.verdict import Check, OpenHome, Violation, answered_images_are_kept
from pleura.adapters.database.migrate import current, downgrade, head, upgrade
from pleura.adapters.storage.home import Home
from pleura.domain.errors import EnvironmentFault
from pleura.prevent.copies import CopyRequest

Answer = Callable[[str], None]
"""Tells the person at the machine that something is done; from then on it must survive."""

ACTOR: Final = "assurance"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Something that pleura does and that a crash may cut."""

    prepare: Callable[[Place, int], None]
    """Make the place, with that many films to work on; outside of any fault."""
    perform: Callable[[Place, Answer], None]
    """Do it; a rerun after a crash completes it."""
    check: Check
    """What must hold whenever it is cut, beside what must always hold (`verdict.violations`)."""


def prepare_import(place: Place, films: int) -> None:
    """A home with one image, and *films* more to import."""
    place.found(_films(films + 1))
    answers: list[str] = []
    import_films(place, answers.append, place.film_names()[:1])
    place.note_answers(answers)


def import_films(place: Place, answer: Answer, names: Sequence[str] | None = None) -> None:
    """Import every film but the first in a house of its own, as somebody does who imports them one by one."""
    for name in place.film_names()[1:] if names is None else names:
        with place.opened() as house:
            arrival = house.arrivals.receive(place.films / name, actor=ACTOR)
            if arrival.refusal is not None:
                raise arrival.refusal
            answer(f"{arrival.status} {arrival.image} {name}")


def check_import(home: OpenHome, answers: Sequence[str], finished: bool) -> Iterator[Violation]:
    """What was answered is kept, once, and a run that finished answered for every film."""
    yield from answered_images_are_kept(home, answers)
    if len(set(home.listed.values())) != len(home.listed):
        yield Violation("damaged", "one film is listed twice")
    answered = {line.split()[2] for line in answers}
    if finished and answered != set(home.place.film_names()):
        yield Violation("stuck", "the import finished without an answer for every film")


def prepare_migrate(place: Place, films: int) -> None:
    """A home with *films* images, sketched, and a copy of each, whose database is at the first schema."""
    place.found(_films(films))
    answers: list[str] = []
    import_films(place, answers.append, place.film_names())
    place.note_answers(answers)
    with place.opened() as house:
        # The first schema knows no image without a sketch.
        house.sketcher.catch_up()
        for image in house.vault.images():
            request = CopyRequest(image=image.id, recipient="Dr Li", purpose="second opinion", form="png")
            house.copies.issue(request, actor=ACTOR)
    downgrade(Home(place.home).database_url, "0001")


def migrate(place: Place, answer: Answer) -> None:
    """Bring the database to this program's schema."""
    upgrade(Home(place.home).database_url)
    answer(f"migrated {head()}")


def check_migrate(home: OpenHome, answers: Sequence[str], finished: bool) -> Iterator[Violation]:
    """Nothing that was stored under the old schema is lost under the new one."""
    yield from answered_images_are_kept(home, answers)
    with home.records.read() as unit:
        bare = [image for image in home.listed if len(unit.catalogue.copies_of(image)) != 1]
    if bare:
        yield Violation("lost", f"{len(bare)} images have lost their copies")
    if finished and answers[-1] != f"migrated {current(Home(home.place.home).database_url)}":
        yield Violation("lost", "the migration was answered and is undone")


def prepare_sketch(place: Place, films: int) -> None:
    """A home with *films* images and one more that have no sketch, and an empty folder for backups."""
    place.found(_films(films + 1))
    place.depot.mkdir()
    answers: list[str] = []
    import_films(place, answers.append, place.film_names())
    place.note_answers(answers)


def prepare_kept(place: Place, films: int) -> None:
    """The same, sketched."""
    prepare_sketch(place, films)
    with place.opened() as house:
        house.sketcher.catch_up()


def sketch(place: Place, answer: Answer) -> None:
    """Make the missing sketches, one by one: faults are numbered in the order of one thread.

    An original that cannot be read stays pending; here that is said, so that a run that finished is whole.
    """
    with place.opened() as house:
        for image in house.sketcher.pending():
            house.sketcher.make(image)
        left = len(house.sketcher.pending())
        if left:
            raise EnvironmentFault("sketches-pending", "{count} sketches are missing", "again", count=left)
        answer("sketched 0")


def check_sketch(home: OpenHome, answers: Sequence[str], finished: bool) -> Iterator[Violation]:
    """Every image is kept, and a run that finished left none without a sketch that opens."""
    yield from answered_images_are_kept(home, answers)
    with home.records.begin() as unit:
        pending = unit.catalogue.unsketched()
    if finished and (pending or "sketched 0" not in answers):
        yield Violation("stuck", f"{len(pending)} images were left without a sketch")


OPERATIONS: Final = {
    "import": Operation(prepare=prepare_import, perform=import_films, check=check_import),
    "sketch": Operation(prepare=prepare_sketch, perform=sketch, check=check_sketch),
    "migrate": Operation(prepare=prepare_migrate, perform=migrate, check=check_migrate),
    "erase": Operation(prepare=prepare_kept, perform=custody.erase, check=custody.check_erase),
    "rotate": Operation(prepare=prepare_kept, perform=custody.rotate, check=custody.check_rotate),
    "backup": Operation(prepare=prepare_kept, perform=custody.back_up, check=custody.check_backup),
}


def _films(count: int) -> Iterator[bytes]:
    """Small DICOM files of one patient that differ in everything else."""
    from tests.fakes.dicom_files import image, part10, ramp  # noqa: PLC0415 - slow, and only to prepare

    for number in range(count):
        yield part10(image(ramp(24 + number, 32), 12, SOPInstanceUID=f"1.2.3.4.{number + 1}"))


def prepare(name: str, place: Place, films: int) -> None:
    """Make the place of the operation *name*."""
    OPERATIONS[name].prepare(place, films)


def perform(name: str, place: Place) -> None:
    """Do the operation *name*; raises PleuraError."""
    OPERATIONS[name].perform(place, _say)


def _say(line: str) -> None:
    # One write(2) for one line: it is in the trace where it was given.
    os.write(1, f"{line}\n".encode())
