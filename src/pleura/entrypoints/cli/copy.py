"""``pleura copy`` and ``pleura compare``: one copy for one recipient, and what it does to the image."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from pleura.domain.copies import CopyForm
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.output import actor, new_file, print_json, write_durably
from pleura.entrypoints.views.comparison import comparison_facts, comparison_lines, comparison_picture
from pleura.prevent.copies import CopyRequest


def command(
    image: Annotated[str, typer.Argument(help="Name of the image, such as img-3f9k2m7p1x8q.")],
    *,
    to: Annotated[str, typer.Option(help="Who receives the copy.")],
    purpose: Annotated[str, typer.Option(help="What the copy is for.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write; must not exist.")],
    form: Annotated[CopyForm, typer.Option(help="png, jpeg or dicom.")] = "png",
    no_mark: Annotated[
        str | None,
        typer.Option(
            "--no-mark",
            metavar="REASON",
            help="Why the copy carries no mark: for primary diagnosis, DICOM only, where the rule allows it.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write one marked copy of an image; its record is in the ledger first."""
    with opened() as (house, say), new_file(output) as stream:
        request = CopyRequest(image=image, recipient=to, purpose=purpose, form=form, no_mark_reason=no_mark)
        issued = house.copies.issue(request, actor=actor())
        write_durably(stream, issued.content)
    record = issued.record
    if as_json:
        print_json(
            {
                "copy": record.copy,
                "image": record.image,
                "recipient": record.recipient,
                "issued_at": record.issued_at.isoformat(),
                "patient_id": record.patient_id,
                "device_serial": record.device_serial,
                "marked": record.is_marked,
            }
        )
        return
    print(
        say(
            "{copy} for {recipient} written to {file}",
            copy=record.copy,
            recipient=record.recipient,
            file=str(output),
        )
    )
    if not record.is_marked:
        print(say("It carries NO mark: no trace will ever name it."))


def compare(
    image: Annotated[str, typer.Argument(help="Name of the image, such as img-3f9k2m7p1x8q.")],
    copy: Annotated[str, typer.Argument(help="Name of a copy of it, such as cpy-8w2n4k6t0r3v.")],
    *,
    file: Annotated[
        Path | None, typer.Option(help="The copy as it is now; else it is made again from its record.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the picture to this new PNG.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show how much a copy differs from its original; an access, and recorded as one."""
    with opened() as (house, say), contextlib.ExitStack() as files:
        stream = files.enter_context(new_file(output)) if output else None
        found = house.comparisons.compare(image, copy, file, actor=actor())
        if stream:
            write_durably(stream, comparison_picture(found, say, house.font))
    if as_json:
        print_json(comparison_facts(found))
    else:
        print("\n".join(comparison_lines(found, say)))
