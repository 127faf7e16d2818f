"""``pleura trace``: which copy did this picture come from?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pleura.domain.tracing import TraceReport, Verdict
from pleura.entrypoints.cli.output import actor, new_file, print_json
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.trace_view import trace_lines, trace_picture


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
                stream.write(trace_picture(trace, say, house.font))
    if as_json:
        print_json(trace_facts(trace.report))
    else:
        print("\n".join(trace_lines(trace.report, say)))
    if trace.report.verdict is not Verdict.TRACED:
        raise typer.Exit(1)


def trace_facts(report: TraceReport) -> dict[str, Any]:
    """The report under the names that other programs may rely on."""
    record = report.record
    return {
        "verdict": report.verdict.value,
        "image": report.image,
        "copy": record.copy if record else None,
        "recipient": record.recipient if record else None,
        "issued_at": record.issued_at.isoformat() if record else None,
        "patient_id": record.patient_id if record else None,
        "device_serial": record.device_serial if record else None,
        "false_match_probability": report.false_match_probability if record else None,
        "seconds": round(report.seconds, 2),
    }
