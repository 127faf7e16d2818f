"""What the demo does: import, copy, leak, trace."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pleura.bootstrap import House
from pleura.domain.copies import CopyForm, CopyRecord
from pleura.domain.images import Description, Device, Identity
from pleura.domain.tracing import Verdict
from pleura.imaging.simulate.phantom import PATIENTS, make_film
from pleura.imaging.simulate.stage import FIVE_LEAKS, leak
from pleura.monitor.trace import Trace
from pleura.prevent.copies import CopyRequest, IssuedCopy

ACTOR: Final = "demo"
THREADS: Final = 2

RECIPIENTS: Final[tuple[tuple[str, str, CopyForm], ...]] = (
    ("李慧敏 · Dr Li Huimin", "second opinion", "jpeg"),
    ("王建国 · Wang Jianguo (family)", "family archive", "png"),
    ("North Clinic, Imaging", "treatment", "jpeg"),
)
"""Invented people: name, purpose, form."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """One leak and what the trace said of it."""

    attack: str
    """Key of ``FIVE_LEAKS``, or ``original`` and ``stranger`` for the two controls."""
    expected: Verdict
    recipient: str | None
    """To whom the leaked copy was given; None for a control."""
    trace: Trace
    suspect: Path

    @property
    def right(self) -> bool:
        """Whether verdict and recipient are the true ones."""
        report = self.trace.report
        named = report.record.recipient if report.record else None
        return (report.verdict, named) == (self.expected, self.recipient)


def write_films(folder: Path) -> list[Path]:
    """Synthetic films of all invented patients, as DICOM files in *folder*."""
    folder.mkdir(parents=True)
    paths = []
    for number, patient in enumerate(PATIENTS):
        path = folder / f"film-{number:02d}.dcm"
        path.write_bytes(make_film(number, patient))
        paths.append(path)
    return paths


def import_films(house: House, films: Sequence[Path], done: Callable[[], None]) -> list[str]:
    """Names of the images that *films* became; a refused film is left out.

    A picture says nothing of its patient and its device, so the demo invents both.
    """

    def receive(numbered: tuple[int, Path]) -> str | None:
        number, path = numbered
        about = Description(
            identity=Identity(patient_id=f"DEMO-{number:04d}", issuer="pleura demo"),
            device=Device(manufacturer="pleura demo", serial_number="DEMO-DX-1"),
        )
        arrival = house.arrivals.receive(path, actor=ACTOR, about=about)
        done()
        return arrival.image

    with ThreadPoolExecutor(THREADS) as pool:
        images = [image for image in pool.map(receive, enumerate(films, 1)) if image is not None]
    house.sketcher.catch_up()
    return images


def make_copies(house: House, images: Sequence[str], done: Callable[[], None]) -> list[IssuedCopy]:
    """Copies of every image for three recipients each."""

    def issue(request: CopyRequest) -> IssuedCopy:
        issued = house.copies.issue(request, actor=ACTOR)
        done()
        return issued

    requests = [
        CopyRequest(image=image, recipient=name, purpose=purpose, form=form)
        for image in images
        for name, purpose, form in RECIPIENTS
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(issue, requests))


def leaks(house: House, leaked: IssuedCopy, folder: Path, dice: random.Random) -> Iterator[Act]:
    """The leaked copy found again, altered in five ways, each traced."""
    for attack in FIVE_LEAKS:
        suspect = folder / f"{attack}.png"
        suspect.write_bytes(leak(attack, leaked.content, dice.getrandbits(32)))
        yield Act(
            attack=attack,
            expected=Verdict.TRACED,
            recipient=leaked.record.recipient,
            trace=house.tracer.trace(suspect, actor=ACTOR),
            suspect=suspect,
        )


def controls(house: House, record: CopyRecord, folder: Path) -> Iterator[Act]:
    """Two pictures that must name nobody: the unmarked original, and a film that is not ours."""
    own = folder / "original.dcm"
    own.write_bytes(house.vault.original(record.image))
    stranger = folder / "stranger.dcm"
    stranger.write_bytes(make_film(len(PATIENTS), PATIENTS[0]))
    for attack, suspect, expected in (
        ("original", own, Verdict.MATCHED),
        ("stranger", stranger, Verdict.UNKNOWN),
    ):
        yield Act(
            attack=attack,
            expected=expected,
            recipient=None,
            trace=house.tracer.trace(suspect, actor=ACTOR),
            suspect=suspect,
        )
