"""``pleura import``: files, folders and zip archives into the vault."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from pleura.bootstrap import House
from pleura.domain.errors import BadInput
from pleura.domain.images import Description
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.intake import films_below
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import actor, bytes_moved, print_json, steps
from pleura.prevent.arrivals import Arrival

THREADS: Final = 2 * (os.cpu_count() or 1)
"""Two for each core: while one waits for the disk or for its worker, the other seals."""


def command(
    paths: Annotated[list[Path], typer.Argument(help="DICOM files, folders, zip archives or pictures.")],
    *,
    details: Annotated[
        Path | None, typer.Option(help="JSON file that says whose the pictures are; see docs/commands.md.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per file.")] = False,
) -> None:
    """Check, seal and record every film below the given paths; safe to interrupt and to run again."""
    counts = {"stored": 0, "duplicate": 0, "refused": 0}
    with opened() as (house, say), house.workspace() as scratch:
        films = films_below(paths, house, scratch)
        for path, arrival in _receive_all(house, films, read_details(details), say):
            counts[arrival.status] += 1
            _report(path, arrival, say, as_json=as_json)
        if not as_json:
            print(say("{stored} stored, {duplicate} duplicate, {refused} refused", **counts), flush=True)
        # What was answered is stored; an interruption from here on costs nothing that is not made later.
        with steps(say("preparing to find them again"), len(house.sketcher.pending())) as advance:
            house.sketcher.catch_up(advance)
    if counts["refused"]:
        raise typer.Exit(1)


def read_details(file: Path | None) -> Description:
    """The description in a JSON file such as ``{"identity": {"patient_id": "A1"}, "device": {}}``.

    It comes from a file because a command line can be read by every process. Raises BadInput.
    """
    if file is None:
        return Description()
    try:
        return msgspec.json.decode(file.read_bytes(), type=Description)
    except (OSError, msgspec.MsgspecError) as error:
        raise BadInput(
            "bad-details",
            "the details file {file} cannot be read as a description",
            "write JSON with the objects identity and device, see docs/commands.md",
            file=str(file),
        ) from error


def _receive_all(
    house: House, files: Sequence[Path], about: Description, say: Texts
) -> Iterator[tuple[Path, Arrival]]:
    who = actor()
    with bytes_moved(say("importing"), sum(map(_size, files))) as advance:

        def receive(file: Path) -> Arrival:
            arrival = house.arrivals.receive(file, actor=who, about=about)
            advance(_size(file))
            return arrival

        pool = ThreadPoolExecutor(THREADS)
        try:
            yield from zip(files, pool.map(receive, files), strict=True)
        finally:
            # On Ctrl-C the files under way are finished, the others are left for the next run.
            pool.shutdown(cancel_futures=True)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # it is refused, or was read to its end before it went
        return 0


def _report(path: Path, arrival: Arrival, say: Texts, *, as_json: bool) -> None:
    reason = say.error(arrival.refusal) if arrival.refusal else None
    if as_json:
        print_json(
            {
                "path": str(path),
                "status": arrival.status,
                "image": arrival.image,
                "study": arrival.study,
                "reason": arrival.refusal.code if arrival.refusal else None,
            }
        )
        return
    print(f"{say(arrival.status)}  {path}  {arrival.image or ''}".rstrip())
    if reason is not None:
        print(f"    {reason[0]}\n    {say('next step')}: {reason[1]}")
