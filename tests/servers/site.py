"""A web server on loopback that plays the sites where films leak, and remembers every request."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    host: str
    path: str
    headers: Mapping[str, str]
    status: int
    at: float


@dataclass
class Site:
    """Paths with what they answer: bytes, text, or a function that writes to the connection itself."""

    port: int = 0
    pages: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    validators: bool = True

    def address(self, host: str = "forum.example.org", path: str = "/") -> str:
        return f"http://{host}:{self.port}{path}"

    def endpoints(self, *hosts: str) -> dict[str, str]:
        """What a test lets the broker reach."""
        return {f"{host}:{self.port}": "127.0.0.1" for host in hosts or ("forum.example.org",)}

    def counts(self, *, status: int | None = None) -> Counter[str]:
        """How often each address was asked for, robots.txt left out."""
        return Counter(
            f"{each.host}{each.path}"
            for each in self.asked
            if status in {None, each.status} and each.path != "/robots.txt"
        )


def page(*pictures: str, links: tuple[str, ...] = (), title: str = "a thread") -> str:
    shown = "".join(f'<img src="{each}" alt="胸片">' for each in pictures)
    led = "".join(f'<a href="{each}">more</a>' for each in links)
    return f"<html><head><title>{title}</title></head><body>{shown}{led}</body></html>"


def drip(seconds: float) -> Callable[[Any], None]:
    """A body that never comes to its end, a byte now and then."""

    def write(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        for _ in range(int(seconds * 20)):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    return write


def endless(handler: Any) -> None:
    """A body without an end, as fast as it is taken."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    while True:
        handler.wfile.write(b"<p>more</p>" * 4096)


@contextlib.contextmanager
def site_server() -> Iterator[Site]:
    """A running server."""
    site = Site()
    handler = type("Handler", (_Handler,), {"site": site})

    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with contextlib.suppress(OSError):
            self._answer()
        self.close_connection = True

    def _answer(self) -> None:
        host = self.headers.get("Host", "").partition(":")[0]
        found = self.site.pages.get(f"{host}{self.path}", self.site.pages.get(self.path))
        if callable(found):
            self._note(host, 200)
            found(self)
            return
        body = found.encode() if isinstance(found, str) else found
        headers = dict(self.site.headers.get(self.path, {}))
        status = 404 if body is None else int(headers.pop("status", 200))
        body = body or b""
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.site.validators and status == 200 and "ETag" not in headers:
            headers["ETag"] = tag
        if status == 200 and self.headers.get("If-None-Match") == tag:
            status, body = 304, b""
        self._note(host, status)
        self.send_response(status)
        headers.setdefault("Content-Type", "text/html; charset=utf-8")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _note(self, host: str, status: int) -> None:
        self.site.asked.append(Asked(host, self.path, dict(self.headers), status, time.monotonic()))

    def log_message(self, *_: Any) -> None:
        pass
