"""The running server: granian on loopback, one process, because the keys are in its memory."""

from __future__ import annotations

import asyncio
import ipaddress
import signal

from granian.constants import Interfaces
from granian.server.embed import Server

from pleura.domain.errors import EnvironmentFault
from pleura.entrypoints.web.app import build_app
from pleura.entrypoints.web.desk import Desk


def run_server(desk: Desk, host: str, port: int) -> None:
    """Serve until interrupted; raises EnvironmentFault for an address that is not loopback."""
    if not _is_loopback(host):
        raise EnvironmentFault(
            "not-loopback",
            "pleura serve listens on this machine only, and {host} is not an address of it alone",
            "use --host 127.0.0.1, and reach it through an SSH tunnel",
            host=host,
        )
    asyncio.run(_serve(desk, host, port))


async def _serve(desk: Desk, host: str, port: int) -> None:
    app = build_app(desk, [f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")])
    server = Server(app, address=host, port=port, interface=Interfaces.ASGI, log_enabled=False)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    try:
        await server.serve()
    finally:
        desk.close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
