"""``pleura watch ask``: ask an image search where a film is, when the house allows it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pleura.bootstrap import search_engine
from pleura.domain.errors import BadInput
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.intake import words_in
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import actor, new_file, print_json, write_durably


def command(
    image: Annotated[str, typer.Argument(help="Name of the image, as pleura images lists it.")],
    *,
    engine: Annotated[str, typer.Option(help="google, tineye or yandex")] = "tineye",
    key_file: Annotated[
        Path | None, typer.Option(help="JSON file with the key of the service; it is not kept.")
    ] = None,
    consent_file: Annotated[
        Path | None,
        typer.Option(help="File that says who agrees and on what ground; else it is asked for."),
    ] = None,
    preview: Annotated[
        Path | None, typer.Option(help="Write what would leave to this new JPEG, and send nothing.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")] = False,
) -> None:
    """Send a coarse part of a film to an image search, and watch the pages that it names."""
    with opened() as (house, say):
        if preview is not None:
            with new_file(preview) as stream:
                write_durably(stream, house.asking.part_of(image))
            print(say("{file} is what would leave; nothing was sent", file=str(preview)))
            return
        chosen = search_engine(engine, _given(key_file))
        answered = house.asking.ask(image, chosen, _consent(consent_file, say), actor=actor())
    if as_json:
        print_json(
            {
                "search": answered.search,
                "image": image,
                "engine": chosen.name,
                "candidates": [
                    {"page": each.page, "picture": each.picture, "title": each.title}
                    for each in answered.candidates
                ],
                "sources": list(answered.sources),
            }
        )
        return
    print(
        say(
            "{count} candidates; {sources} new pages are on the watch list: pleura watch run",
            count=len(answered.candidates),
            sources=len(answered.sources),
        )
    )


def _given(key_file: Path | None) -> Path:
    if key_file is None:
        raise BadInput(
            "no-key-file", "no key of the image search was given", "give --key-file, see docs/commands.md"
        )
    return key_file


def _consent(file: Path | None, say: Texts) -> str:
    """Who agrees and on what ground: it names people, and a command line is seen by everybody."""
    if file is None:
        return str(typer.prompt(say("who agrees that a part of this film leaves, and on what ground")))
    return words_in(file)
