"""``pleura trace``: which copy did this picture come from?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pleura.domain.tracing import Verdict
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.output import actor, new_file, print_json, write_durably
from pleura.entrypoints.views.trace import trace_facts, trace_lines, trace_picture


def command(
    file: Annotated[Path, typer.Argument(help="The picture found outside, or a DICOM file.")],
    *,
    picture: Annotated[
        Path | None, typer.Option(help="Write the side-by-side picture to this new PNG.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Trace a picture to the copy it came from; exit code 1 when no copy can be named."""
    with opened() as (house, say):
        trace = house.tracer.trace(file, actor=actor())
        if picture is not None:
            with new_file(picture) as stream:
                write_durably(stream, trace_picture(trace, say, house.font))
    if as_json:
        print_json(trace_facts(trace.report))
    else:
        print("\n".join(trace_lines(trace.report, say)))
    if trace.report.verdict is not Verdict.TRACED:
        raise typer.Exit(1)
