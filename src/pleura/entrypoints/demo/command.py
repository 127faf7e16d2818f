"""``pleura demo``: the main job from end to end, in a throw-away home, without questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Films or folders to use besides the phantoms.")
    ] = None,
    *,
    report: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("demo-report"),
    seed: Annotated[int, typer.Option(help="Chooses the copy that leaks and the alterations.")] = 1,
    serve: Annotated[bool, typer.Option("--serve", help="Go on as a web application afterwards.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per leak.")] = False,
) -> None:
    """Import films, make copies, leak one in five ways and trace each: exit code 1 if a trace is wrong."""
    # What the demo plays with takes a second to load, which no other command should pay for.
    from pleura.entrypoints.demo.play import play  # noqa: PLC0415

    if not play(paths or [], report, seed, serve=serve, as_json=as_json):
        raise typer.Exit(1)
