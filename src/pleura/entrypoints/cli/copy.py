"""``pleura copy``: one marked copy for one recipient."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pleura.domain.copies import CopyForm
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.output import actor, new_file, print_json, write_durably
from pleura.prevent.copies import CopyRequest


def command(
    image: Annotated[str, typer.Argument(help="Name of the image, such as img-3f9k2m7p1x8q.")],
    *,
    to: Annotated[str, typer.Option(help="Who receives the copy.")],
    purpose: Annotated[str, typer.Option(help="What the copy is for.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write; must not exist.")],
    form: Annotated[CopyForm, typer.Option(help="png, jpeg or dicom.")] = "png",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write one marked copy of an image; its record is in the ledger first."""
    with opened() as (house, say), new_file(output) as stream:
        request = CopyRequest(image=image, recipient=to, purpose=purpose, form=form)
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
