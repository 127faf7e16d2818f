"""``pleura serve``: the web application on this machine."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pleura.bootstrap import is_founded
from pleura.entrypoints.language import Texts
from pleura.entrypoints.passphrase import read_passphrase
from pleura.settings import PORT, Settings


def command(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on; loopback only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = PORT,
) -> None:
    """Serve the web application until interrupted; an empty home is set up in the browser."""
    # The web application takes half a second to load, which no other command should pay for.
    from pleura.entrypoints.web.desk import Desk  # noqa: PLC0415
    from pleura.entrypoints.web.server import run_server  # noqa: PLC0415

    settings = Settings.from_environment(os.environ)
    say = Texts(settings.language)
    desk = Desk(settings)
    address = f"http://{host}:{port}"
    if is_founded(settings):
        desk.open(read_passphrase(settings, say))
        print(say("pleura is at {address}", address=address), flush=True)
    else:
        print(say("there is no home yet: set it up at {address}", address=address))
        print(say("set-up code: {code}", code=desk.setup_code), flush=True)
    run_server(desk, host, port)
