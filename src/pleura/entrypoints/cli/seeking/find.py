"""``pleura find``: which of our films are in these pictures?"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from pleura.bootstrap import House
from pleura.domain.errors import BadInput
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.intake import files_below
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import actor, new_file, print_error, print_json, steps, write_durably
from pleura.entrypoints.views.find import find_facts, find_lines, find_picture
from pleura.monitor.find import Finding


def command(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.")],
    *,
    picture: Annotated[
        Path | None,
        typer.Option(
            help="Write the picture with what was found outlined to this new PNG (one picture only)."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per picture.")] = False,
) -> None:
    """Find the originals that pictures show, several in one too; exit code 1 when there are none."""
    with opened() as (house, say):
        files = files_below(paths)
        if picture is not None and len(files) != 1:
            raise BadInput(
                "one-picture-only",
                "--picture shows one search, and {count} pictures were given",
                "give one picture, or leave --picture out",
                count=len(files),
            )
        found = 0
        for file, finding in _findings(house, files, say, as_json=as_json):
            found += len(finding.report.found)
            _report(file, finding, say, as_json=as_json)
            if picture is not None:
                with new_file(picture) as stream:
                    write_durably(stream, find_picture(finding))
    if not found:
        raise typer.Exit(1)


def _findings(
    house: House, files: Sequence[Path], say: Texts, *, as_json: bool
) -> Iterator[tuple[Path, Finding]]:
    """What was found in each file; of many, one that is no picture is named and passed over."""
    with steps(say("looking for originals"), len(files)) as advance:
        for file in files:
            try:
                yield file, house.finder.find(file, actor=actor())
            except BadInput as refusal:
                if len(files) == 1:
                    raise
                _refuse(file, refusal, say, as_json=as_json)
            advance(1)


def _refuse(file: Path, refusal: BadInput, say: Texts, *, as_json: bool) -> None:
    if as_json:
        print_json({"path": str(file), "reason": refusal.code})
        return
    print(f"{file}:", file=sys.stderr)
    print_error(refusal, say)


def _report(file: Path, finding: Finding, say: Texts, *, as_json: bool) -> None:
    if as_json:
        print_json({"path": str(file), **find_facts(finding)})
        return
    print(f"{file}:", flush=True)
    for line in find_lines(finding, say):
        print(f"  {line}", flush=True)
