"""Backups made while films come in, restored to an empty place: every film that was answered comes back.

One thread imports while another backs up, again and again. The last backup of that time and one made
afterwards are restored from the recovery code alone. Films are small and decoded in this process: what is
shown here is what vault, backup and restore do, not what a decoder does.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from assurance.places import PASSPHRASE, Place, scratch
from pleura.bootstrap import House, Source, open_house, restore_house
from pleura.domain.custody.places import FolderPlace
from pleura.settings import Settings

ACTOR: Final = "assurance"
_DEPOT: Final = "nas"
IMAGES: Final = 5000
"""Each has an original and a sketch, so 10,000 objects."""


@dataclass
class Found:
    """What came back."""

    restores: list[tuple[str, int, int]] = field(default_factory=list)
    """Of each restore: when it was made, how many images had been answered, how many came back equal."""
    backups: int = 0
    """Backups made while films came in."""
    objects: int = 0
    violations: list[str] = field(default_factory=list)


def survey(folder: Path, images: int = IMAGES) -> Found:
    """What two restores of a home of *images* bring back."""
    place, found = Place(folder / "place"), Found()
    place.found(_films(images))
    place.depot.mkdir()
    names = place.film_names()
    with place.opened() as house:
        code = house.keys.reissue(actor=ACTOR, keep=lambda _: None)
        house.depots.add(_DEPOT, "backup", FolderPlace(folder=str(place.depot)), None, actor=ACTOR)
        before, under_load = _under_load(house, place, names, found)
        house.sketcher.catch_up()
        last = house.depots.sync(_DEPOT, actor=ACTOR)
        found.objects = last.objects
    _compare(folder / "busy", place, code, under_load, before, found)
    _compare(folder / "quiet", place, code, last.snapshot, set(names), found)
    return found


def _under_load(house: House, place: Place, names: Sequence[str], found: Found) -> tuple[set[str], str]:
    """The films that were answered before the last backup of that time began, and its snapshot."""
    from tests.fakes.worker import InProcessWorker  # noqa: PLC0415 - a decoder without processes, for speed

    arrivals = replace(house.arrivals, worker=InProcessWorker())
    answered: set[str] = set()
    done = threading.Event()

    def bring(name: str) -> None:
        if arrivals.receive(place.films / name, actor=ACTOR).status == "stored":
            answered.add(name)

    def bring_all() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(bring, names))
        done.set()

    importing = threading.Thread(target=bring_all)
    importing.start()
    before, snapshot = set(answered), ""
    while not done.is_set() or not snapshot:
        before = set(answered)
        snapshot = house.depots.sync(_DEPOT, actor=ACTOR).snapshot
        found.backups += 1
    importing.join()
    return before, snapshot


def _compare(home: Path, place: Place, code: bytes, snapshot: str, expected: set[str], found: Found) -> None:
    """Restore *snapshot* to the empty *home*, and compare every film that it should have."""
    settings = Settings(home=home)
    source = Source(place=FolderPlace(folder=str(place.depot)), code=code, snapshot=snapshot)
    restored = restore_house(settings, source, PASSPHRASE, actor=ACTOR)
    if restored.lacking:
        found.violations.append(f"{home.name}: {len(restored.lacking)} objects are lacking")
    with open_house(settings, lambda: PASSPHRASE) as house:
        back = {house.vault.original(image.id) for image in house.vault.images()}
    equal = sum((place.films / name).read_bytes() in back for name in expected)
    found.restores.append((home.name, len(expected), equal))
    if equal != len(expected):
        found.violations.append(f"{home.name}: {len(expected) - equal} answered films did not come back")


def _films(count: int) -> Iterator[bytes]:
    """Small DICOM files of some patients that differ in everything else."""
    from tests.fakes.dicom_files import image, part10, ramp  # noqa: PLC0415 - slow, and only to prepare

    pixels = ramp(24, 32)
    for number in range(count):
        uid, patient = f"1.2.3.4.{number + 1}", f"P{number % 97}"
        yield part10(image(pixels, 12, SOPInstanceUID=uid, PatientID=patient))


def main(arguments: list[str]) -> int:
    """Print the table and every violation; 1 when there is one."""
    parser = argparse.ArgumentParser(prog="python -m assurance restored", description=__doc__)
    parser.add_argument("--sample", type=int, default=IMAGES, help="images of the home")
    wanted, _ = parser.parse_known_args(arguments)
    with scratch() as folder:
        found = survey(folder, wanted.sample)
    print(f"{found.backups} backups while films came in; {found.objects} objects at the end\n")
    print("| restore | films answered before it | came back, byte for byte |")
    print("|---|---|---|")
    for name, answered, equal in found.restores:
        print(f"| {name} | {answered} | {equal} |")
    for violation in found.violations:
        print(violation)
    return 1 if found.violations else 0
