"""``pleura images`` and ``pleura show``: what is in the vault."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from pleura.domain.images import Image
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.output import print_json

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]

_WIDE: Final = 1000
"""Columns that no table needs."""

HEADINGS: Final = ("image", "study", "patient", "modality", "device serial", "received")

FACTS: Final = (
    "image",
    "study",
    "patient",
    "modality",
    "device_serial",
    "rows",
    "columns",
    "origin",
    "received_at",
)


def list_command(*, as_json: AsJson = False) -> None:
    """List the images in the vault, without names."""
    with opened() as (house, say):
        images = house.vault.images()
    if as_json:
        for image in images:
            print_json(_facts(image))
        return
    table = Table(box=None)
    for heading in HEADINGS:
        table.add_column(say(heading), no_wrap=True)
    for image in images:
        table.add_row(
            image.id,
            image.study,
            image.patient,
            image.modality,
            image.device_serial,
            f"{image.received_at:%Y-%m-%d %H:%M}",
        )
    # A name is there to be copied into the next command, so a narrow terminal wraps it and does not cut it.
    Console(width=_WIDE).print(table)


def show_command(
    image: Annotated[str, typer.Argument(help="Name of the image, such as img-3f9k2m7p1x8q.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one image and the copies made of it."""
    with opened() as (house, say):
        facts = _facts(house.vault.image(image))
        copies = house.copies.records_of(image)
    if as_json:
        print_json(
            {
                **facts,
                "copies": [
                    {
                        "copy": c.copy,
                        "recipient": c.recipient,
                        "purpose": c.purpose,
                        "form": c.form,
                        "issued_at": c.issued_at.isoformat(),
                        "no_mark_reason": c.no_mark_reason,
                    }
                    for c in copies
                ],
            }
        )
        return
    for name, value in facts.items():
        print(f"{say(name.replace('_', ' '))}: {value}")
    for record in copies:
        issued = f"{record.issued_at:%Y-%m-%d %H:%M}"
        unmarked = (
            "" if record.is_marked else "  " + say("NO mark: {reason}", reason=record.no_mark_reason or "")
        )
        print(f"  {record.copy}  {issued}  {record.form}  {record.recipient}  {record.purpose}{unmarked}")


def _facts(image: Image) -> dict[str, Any]:
    facts = {name: getattr(image, "id" if name == "image" else name) for name in FACTS}
    return {**facts, "received_at": image.received_at.isoformat()}
