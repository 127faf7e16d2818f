"""The egress broker: an HTTP proxy on loopback that connects only to the address it has checked.

It resolves every name itself, so that no second answer of a DNS server can lead elsewhere, and every
redirect comes back to it as a request of its own. `CONNECT` carries TLS through; a request in absolute form
is sent in origin form with the authority that was checked as its Host (RFC 9110, 9112). One exchange, one
connection; nothing of it is kept.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final, TypeVar

from pleura.adapters.egress.addresses import Address, Denied, Reach, public_addresses, public_name
from pleura.adapters.egress.request import Request, parsed

_T = TypeVar("_T")

Resolver = Callable[[str], Awaitable[Sequence[str]]]

_PIECE: Final = 64 << 10
_AT_ONCE: Final = struct.pack("ii", 1, 0)
_STATUS: Final = {
    "not-ours": 407,
    "request-malformed": 400,
    "length-required": 411,
    "too-large": 413,
    "too-slow": 504,
    "name-unknown": 502,
    "unreachable": 502,
    "too-busy": 503,
}
"""Every other code is 403: a rule said no."""

CODE_HEADER: Final = "Pleura-Egress"
"""The header that tells our own client why the broker refused."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much and how long, so that no server and no client can hold the broker."""

    head_bytes: int = 32 << 10
    head_seconds: float = 10.0
    connect_seconds: float = 10.0
    idle_seconds: float = 30.0
    connection_seconds: float = 300.0
    connection_bytes: int = 64 << 20
    """Bytes of one exchange, both directions together."""
    total_bytes: int = 8 << 30
    """Bytes of all exchanges since the broker was started."""
    connections: int = 64


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What became of one request."""

    host: str
    port: int
    address: str
    """The address connected to; empty where none was."""
    sent: int
    received: int
    outcome: str
    """Empty when it went through, else the code of the refusal or of the limit."""


async def resolve(name: str) -> Sequence[str]:
    """The addresses that the machine's resolver gives for *name*."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Broker:
    """One broker on a port of 127.0.0.1 that the system chooses, for whoever knows its secret."""

    def __init__(
        self,
        secret: str,
        *,
        reach: Reach | None = None,
        limits: Limits | None = None,
        resolver: Resolver = resolve,
        note: Callable[[Exchange], None] = lambda _: None,
    ) -> None:
        self._expected = b"Basic " + base64.b64encode(f"pleura:{secret}".encode())
        self._reach = reach or Reach()
        self._limits = limits or Limits()
        self._resolver = resolver
        self._note = note
        self._moved = 0
        self._server: asyncio.Server | None = None
        self._tasks = set[asyncio.Task[None]]()

    async def start(self) -> int:
        """The port on 127.0.0.1 where it listens from now on."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, limit=self._limits.head_bytes, backlog=self._limits.connections
        )
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Listen no longer and end every exchange."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports close in the next turn of the loop

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(_Side(reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: _Side) -> None:
        """One request, answered and noted."""
        request, server, outcome = None, None, ""
        try:
            request = await self._within(self._limits.head_seconds, self._request(client))
            server = await self._connected(request)
            await self._within(self._limits.connection_seconds, self._carry(client, server, request))
        except Denied as denial:
            outcome = denial.code
            await client.refuse(outcome)
        finally:
            for side in (server, client):
                if side is not None:
                    side.close()
            if request is not None:
                self._note(_exchange(request, server, outcome))

    async def _within(self, seconds: float, work: Awaitable[_T]) -> _T:
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError:
            raise Denied("too-slow") from None
        except (OSError, asyncio.IncompleteReadError):
            raise Denied("unreachable") from None

    async def _request(self, client: _Side) -> Request:
        try:
            head = await client.reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise Denied("request-malformed") from None
        request = parsed(head)
        if not secrets.compare_digest(request.credentials, self._expected):
            raise Denied("not-ours")
        if len(self._tasks) > self._limits.connections:
            raise Denied("too-busy")
        return request

    async def _connected(self, request: Request) -> _Side:
        """A connection to a checked address of the host; raises Denied."""
        for address in await self._checked(request.host, request.port):
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(self._limits.connect_seconds):
                    # A literal address: nothing is resolved here any more.
                    streams = await asyncio.open_connection(str(address), request.port, limit=_PIECE)
                return _Side(*streams, address=str(address))
        raise Denied("unreachable")

    async def _checked(self, host: Address | str, port: int) -> Sequence[Address]:
        """Addresses of *host* that may be connected to; raises Denied."""
        permitted = self._reach.permitted(host, port)
        if permitted is not None:
            return [permitted]
        if port not in self._reach.ports:
            raise Denied("port-closed")
        found = [str(host)]
        if isinstance(host, str):
            found = list(await self._within(self._limits.connect_seconds, self._resolver(public_name(host))))
        addresses = public_addresses(found)
        if any(_is_own(address) for address in addresses):
            raise Denied("address-not-public")
        return addresses

    async def _carry(self, client: _Side, server: _Side, request: Request) -> None:
        """Everything between the two, within the limits; raises Denied."""
        flow = _Flow(self._limits)
        if request.tunnel:
            await client.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            directions = [self._relay(client, server, flow), self._relay(server, client, flow)]
        else:
            await server.send(request.head)
            # Whatever follows the body of this one request goes nowhere.
            directions = [
                self._relay(client, server, flow, request.length),
                self._relay(server, client, flow),
            ]
        tasks = [asyncio.create_task(each) for each in directions]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _relay(self, source: _Side, target: _Side, flow: _Flow, length: int | None = None) -> None:
        """All that *source* sends, at most *length* bytes of it, to *target*; raises Denied."""
        while length != 0:
            piece = await flow.unless_idle(source.reader, _PIECE if length is None else min(length, _PIECE))
            if not piece:
                break
            self._moved += len(piece)
            if self._moved > self._limits.total_bytes:
                raise Denied("too-large")
            source.taken += len(piece)
            length = None if length is None else length - len(piece)
            await target.send(piece)
        if length is None:
            target.end()


class _Side:
    """One end of an exchange."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, address: str = ""
    ) -> None:
        self.reader = reader
        self.address = address
        self.given = 0
        self.taken = 0
        self._writer = writer

    async def send(self, piece: bytes) -> None:
        self._writer.write(piece)
        self.given += len(piece)
        await self._writer.drain()

    def end(self) -> None:
        """Say that nothing follows."""
        with contextlib.suppress(OSError):
            self._writer.write_eof()

    async def refuse(self, code: str) -> None:
        """Answer with *code*; an answer that has begun is cut, so that it is not taken for a whole one."""
        if self.given:
            # Closed without waiting, the connection is reset (socket(7), SO_LINGER).
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self._writer.transport.abort()
            return
        challenge = 'Proxy-Authenticate: Basic realm="pleura"\r\n' if code == "not-ours" else ""
        # The code is the reason too: of the answer to CONNECT, clients tell no more than this line.
        head = f"HTTP/1.1 {_STATUS.get(code, 403)} {code}\r\n{CODE_HEADER}: {code}\r\n{challenge}"
        with contextlib.suppress(OSError):
            await self.send(f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())

    def close(self) -> None:
        """Close once everything is sent."""
        self._writer.close()


class _Flow:
    """The limits of one exchange, which both directions use up together."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._moved = 0
        self._moved_at = asyncio.get_running_loop().time()

    async def unless_idle(self, reader: asyncio.StreamReader, most: int) -> bytes:
        """The next piece, empty at the end; raises Denied when nothing moves, or too much."""
        clock = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout_at(self._moved_at + self._limits.idle_seconds):
                    piece = await reader.read(most)
            except TimeoutError:
                if clock.time() - self._moved_at < self._limits.idle_seconds:
                    continue  # the other direction moved meanwhile
                raise Denied("too-slow") from None
            self._moved += len(piece)
            self._moved_at = clock.time()
            if self._moved > self._limits.connection_bytes:
                raise Denied("too-large")
            return piece


def _exchange(request: Request, server: _Side | None, outcome: str) -> Exchange:
    return Exchange(
        host=str(request.host),
        port=request.port,
        address=server.address if server else "",
        sent=server.given if server else 0,
        received=server.taken if server else 0,
        outcome=outcome,
    )


def _is_own(address: Address) -> bool:
    """Whether a connection to *address* would come back to this machine: it has that address itself."""
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))  # sends nothing: it only chooses the way
        except OSError:
            return False
        own: str = probe.getsockname()[0]
    return own == str(address)
