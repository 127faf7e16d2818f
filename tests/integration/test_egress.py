"""The egress broker over real sockets: what a hostile name, server or client can make it do."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

import pytest
from tests.fakes.hostile_hosts import HOSTILE_HOSTS, HOSTILE_TARGETS

from pleura.adapters.egress.addresses import Reach
from pleura.adapters.egress.broker import CODE_HEADER, Broker, Exchange, Limits
from pleura.adapters.egress.door import egress

SECRET = "a secret of this test"
AUTHORISED = f"Proxy-Authorization: Basic {base64.b64encode(f'pleura:{SECRET}'.encode()).decode()}\r\n"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def a_server(handle: Handler) -> AsyncIterator[int]:
    """A server on loopback that does to a client what *handle* says."""
    writers: list[asyncio.StreamWriter] = []

    async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await handle(reader, writer)

    server = await asyncio.start_server(kept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def a_broker(
    reach: Reach | None = None, limits: Limits | None = None, answers: Sequence[Sequence[str]] = ()
) -> AsyncIterator[tuple[int, list[Exchange]]]:
    """A broker whose resolver gives *answers* one after the other."""
    notes: list[Exchange] = []
    left = [list(each) for each in answers]

    async def resolver(_: str) -> Sequence[str]:
        return left.pop(0) if left else ()

    broker = Broker(SECRET, reach=reach, limits=limits, resolver=resolver, note=notes.append)
    port = await broker.start()
    try:
        yield port, notes
    finally:
        await broker.close()


async def ask(port: int, head: str, *, more: bytes = b"", seconds: float = 20) -> bytes:
    """Everything that the broker answers to *head*."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head.encode("utf-8") + more)
        async with asyncio.timeout(seconds):
            return await reader.read()
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


def get(target: str) -> str:
    return f"GET {target} HTTP/1.1\r\nHost: x\r\n{AUTHORISED}\r\n"


def code(answer: bytes) -> str:
    """The code that the broker refused with; empty where the answer is not a refusal."""
    lines = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    named = [line.removeprefix(f"{CODE_HEADER}: ") for line in lines if line.startswith(f"{CODE_HEADER}: ")]
    return named[0] if named else ""


async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with the head that it was sent."""
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + head)
    await writer.drain()
    writer.close()


def test_no_hostile_form_makes_the_broker_open_a_connection() -> None:
    """Plain requests and tunnels, over real sockets: nothing is connected to, nothing is looked up."""

    async def tried() -> None:
        async with a_broker(answers=[["1.1.1.1"]] * 1000) as (port, notes):
            for host in HOSTILE_HOSTS:
                for head in (get(f"http://{host}/"), f"CONNECT {host}:443 HTTP/1.1\r\n{AUTHORISED}\r\n"):
                    answer = await ask(port, head)
                    assert answer.startswith((b"HTTP/1.1 403", b"HTTP/1.1 400")), (host, answer)
                    assert code(answer), host
            for target in HOSTILE_TARGETS:
                answer = await ask(port, get(target))
                assert answer.startswith((b"HTTP/1.1 403", b"HTTP/1.1 400")), (target, answer)
            assert [note.address for note in notes if note.address] == []

    asyncio.run(tried())


def test_a_name_that_is_bound_again_after_the_check_leads_nowhere_else() -> None:
    """The second answer points inside; it is never asked for, and the server inside hears nothing."""

    async def tried() -> None:
        heard: list[str] = []

        async def inside(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append("something")

        async with a_server(inside) as door:
            asked: list[str] = []

            async def resolver(name: str) -> Sequence[str]:
                asked.append(name)
                return ["1.1.1.1"] if len(asked) % 2 else ["127.0.0.1"]

            notes: list[Exchange] = []
            limits = Limits(connect_seconds=0.3)
            broker = Broker(
                SECRET, reach=Reach(ports=(door,)), limits=limits, resolver=resolver, note=notes.append
            )
            port = await broker.start()
            for _ in range(4):
                await ask(port, get(f"http://rebinding.example.org:{door}/"))
            await broker.close()
            assert len(asked) == 4  # one lookup serves check and connection
            assert {note.address for note in notes} <= {"", "1.1.1.1"}
            assert [note.outcome for note in notes[1::2]] == ["address-not-public"] * 2
            assert heard == []

    asyncio.run(tried())


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], ["1.1.1.1", "::1"], ["::ffff:10.0.0.1"], ["fe80::1%eth0"], []]
)
def test_a_name_with_an_address_inside_is_refused(answers: list[str]) -> None:
    async def tried() -> None:
        async with a_broker(answers=[answers]) as (port, notes):
            assert code(await ask(port, get("http://example.org/"))) in {"address-not-public", "name-unknown"}
            assert notes[0].address == ""

    asyncio.run(tried())


def test_a_redirect_inside_is_a_request_of_its_own_and_refused() -> None:
    async def redirecting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/\r\n\r\n")
        await writer.drain()
        writer.close()

    async def tried() -> None:
        async with a_server(redirecting) as outside:
            reach = Reach(endpoints={f"example.org:{outside}": "127.0.0.1"})
            async with a_broker(reach) as (port, notes):
                first = await ask(port, get(f"http://example.org:{outside}/"))
                assert b"Location: http://169.254.169.254" in first
                assert code(await ask(port, get("http://169.254.169.254/latest/"))) == "address-not-public"
                assert [note.outcome for note in notes] == ["", "address-not-public"]

    asyncio.run(tried())


def test_an_allowed_endpoint_allows_no_other_port_and_no_other_name() -> None:
    async def tried() -> None:
        async with a_server(hello) as allowed, a_server(hello) as other:
            reach = Reach(endpoints={f"example.org:{allowed}": "127.0.0.1"})
            async with a_broker(reach) as (port, _):
                assert (await ask(port, get(f"http://example.org:{allowed}/"))).startswith(b"HTTP/1.1 200")
                assert code(await ask(port, get(f"http://example.org:{other}/"))) == "port-closed"
                assert code(await ask(port, get(f"http://127.0.0.1:{allowed}/"))) == "port-closed"

    asyncio.run(tried())


def test_the_credentials_of_the_broker_do_not_leave_it() -> None:
    async def tried() -> None:
        async with a_server(hello) as outside:
            reach = Reach(endpoints={f"example.org:{outside}": "127.0.0.1"})
            async with a_broker(reach) as (port, _):
                answer = await ask(port, get(f"http://example.org:{outside}/path"))
                assert b"GET /path HTTP/1.1" in answer
                assert b"roxy-" not in answer

    asyncio.run(tried())


@pytest.mark.parametrize("given", ["", "Proxy-Authorization: Basic cGxldXJhOndyb25n\r\n"])
def test_whoever_does_not_know_the_secret_is_turned_away(given: str) -> None:
    async def tried() -> None:
        async with a_broker(answers=[["1.1.1.1"]]) as (port, notes):
            answer = await ask(port, f"GET http://example.org/ HTTP/1.1\r\n{given}\r\n")
            assert answer.startswith(b"HTTP/1.1 407")
            assert b"Proxy-Authenticate: Basic" in answer
            assert notes == []

    asyncio.run(tried())


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(bytes(1 << 16))
        await writer.drain()


def test_an_endless_body_is_cut_so_that_it_is_not_taken_for_a_whole_one() -> None:
    async def tried() -> None:
        async with a_server(endless) as outside:
            reach = Reach(endpoints={f"example.org:{outside}": "127.0.0.1"})
            async with a_broker(reach, Limits(connection_bytes=1 << 20)) as (port, notes):
                with pytest.raises(ConnectionResetError):
                    await ask(port, get(f"http://example.org:{outside}/"))
                await asyncio.sleep(0.1)
                assert notes[0].outcome == "too-large"
                assert notes[0].received <= 1 << 20

    asyncio.run(tried())


def test_a_server_that_drips_is_cut_at_the_time_limit() -> None:
    async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def tried() -> None:
        async with a_server(dripping) as outside:
            reach = Reach(endpoints={f"example.org:{outside}": "127.0.0.1"})
            async with a_broker(reach, Limits(connection_seconds=1)) as (port, notes):
                with pytest.raises(ConnectionResetError):
                    await ask(port, get(f"http://example.org:{outside}/"), seconds=5)
                await asyncio.sleep(0.1)
                assert notes[0].outcome == "too-slow"

    asyncio.run(tried())


def test_a_server_that_says_nothing_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def tried() -> None:
        async with a_server(silent) as outside:
            reach = Reach(endpoints={f"example.org:{outside}": "127.0.0.1"})
            async with a_broker(reach, Limits(idle_seconds=0.5)) as (port, _):
                assert code(await ask(port, get(f"http://example.org:{outside}/"), seconds=5)) == "too-slow"

    asyncio.run(tried())


def test_a_client_that_sends_its_head_slowly_or_endlessly_is_turned_away() -> None:
    async def tried() -> None:
        async with a_broker(limits=Limits(head_seconds=0.5, head_bytes=4096)) as (port, _):
            assert code(await ask(port, "GET http://exa", seconds=5)) == "too-slow"
            answer = await ask(port, "GET http://example.org/ HTTP/1.1\r\n", more=b"X: " + b"x" * 9000)
            assert code(answer) == "request-malformed"

    asyncio.run(tried())


def test_more_connections_than_the_limit_are_turned_away_and_the_next_ones_served() -> None:
    async def tried() -> None:
        async with a_server(hello) as outside:
            reach = Reach(endpoints={f"example.org:{outside}": "127.0.0.1"})
            async with a_broker(reach, Limits(connections=2)) as (port, _):
                waiting = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
                await asyncio.sleep(0.1)
                assert code(await ask(port, get(f"http://example.org:{outside}/"))) == "too-busy"
                for _, writer in waiting:
                    writer.close()
                await asyncio.sleep(0.1)
                assert code(await ask(port, get(f"http://example.org:{outside}/"))) == ""

    asyncio.run(tried())


def test_all_exchanges_together_have_a_limit() -> None:
    async def tried() -> None:
        async with a_server(endless) as outside:
            reach = Reach(endpoints={f"example.org:{outside}": "127.0.0.1"})
            limits = Limits(connection_bytes=1 << 20, total_bytes=(1 << 20) + (1 << 19))
            async with a_broker(reach, limits) as (port, notes):
                for _ in range(3):
                    with contextlib.suppress(ConnectionResetError):
                        await ask(port, get(f"http://example.org:{outside}/"))
                await asyncio.sleep(0.1)
                assert [note.outcome for note in notes] == ["too-large"] * 3
                assert sum(note.received for note in notes) <= limits.total_bytes

    asyncio.run(tried())


def test_a_tunnel_carries_both_ways_and_half_closes() -> None:
    async def shouting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        await writer.drain()
        writer.close()

    async def tried() -> None:
        async with a_server(shouting) as outside:
            reach = Reach(endpoints={f"example.org:{outside}": "127.0.0.1"})
            async with a_broker(reach) as (port, notes):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(f"CONNECT example.org:{outside} HTTP/1.1\r\n{AUTHORISED}\r\n".encode())
                assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 Connection established\r\n\r\n"
                writer.write(b"quiet " * 1000)
                writer.write_eof()
                assert await reader.read() == b"QUIET " * 1000
                writer.close()
                await asyncio.sleep(0.1)
                assert (notes[0].sent, notes[0].received, notes[0].outcome) == (6000, 6000, "")

    asyncio.run(tried())


def test_a_second_request_on_the_same_connection_is_not_sent_to_the_first_host() -> None:
    async def tried() -> None:
        async with a_server(hello) as outside:
            reach = Reach(endpoints={f"example.org:{outside}": "127.0.0.1"})
            async with a_broker(reach) as (port, _):
                second = get("http://other.example.org/stolen").encode()
                answer = await ask(port, get(f"http://example.org:{outside}/"), more=second)
                assert b"stolen" not in answer

    asyncio.run(tried())


@pytest.fixture
def plain_server() -> Iterator[int]:
    """A server in a thread, for the broker that runs as a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]


def test_the_broker_runs_as_a_process_of_its_own_and_tells_what_it_did(plain_server: int) -> None:
    with egress(Reach(endpoints={f"example.org:{plain_server}": "127.0.0.1"})) as way_out:
        credentials = base64.b64encode(f"{way_out.user}:{way_out.secret}".encode()).decode()
        headers = {"Proxy-Authorization": f"Basic {credentials}"}
        for target, status in ((f"http://example.org:{plain_server}/", 200), ("http://[::1]/", 403)):
            connection = http.client.HTTPConnection("127.0.0.1", way_out.port, timeout=10)
            connection.request("GET", target, headers=headers)
            assert connection.getresponse().status == status
            connection.close()
    assert [(each.host, each.outcome) for each in way_out.exchanges] == [
        ("example.org", ""),
        ("::1", "address-not-public"),
    ]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", way_out.port))


def test_the_secret_is_not_shown() -> None:
    with egress() as way_out:
        assert way_out.secret not in repr(way_out)
