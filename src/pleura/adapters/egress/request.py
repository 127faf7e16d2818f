"""What a client asks of the broker, read strictly, and how it is sent on (RFC 9110, RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pleura.adapters.egress.addresses import Address, Denied, host_of

_REQUEST_LINE: Final = re.compile(rb"([A-Z]{1,16}) ([!-~]{1,16384}) HTTP/1\.[01]")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_ABSOLUTE: Final = re.compile(r"(?i:http)://([^/?#]*)((?:/|\?)[^#]*)?")
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_NOT_FORWARDED: Final = frozenset(
    {b"host", b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive", b"te", b"upgrade"}
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it is sent on."""

    host: Address | str
    port: int
    tunnel: bool
    credentials: bytes
    head: bytes = b""
    """In origin form; empty for a tunnel."""
    length: int = 0
    """Bytes of the body."""


def parsed(head: bytes) -> Request:
    """The request in *head*, ready to be sent on; raises Denied for any form but the plainest."""
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    headers = [_HEADER.fullmatch(each) for each in lines]
    if line is None:
        raise Denied("request-malformed")
    fields = [(each[1], each[2]) for each in headers if each is not None]
    if len(fields) != len(lines):
        raise Denied("request-malformed")
    method, target = line[1], line[2].decode("ascii")
    credentials = next((value for name, value in fields if name.lower() == b"proxy-authorization"), b"")
    if method == b"CONNECT":
        host, port = _authority(target, None)
        return Request(host=host, port=port, tunnel=True, credentials=credentials)
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise Denied("request-malformed")
    host, port = _authority(absolute[1], 80)
    dropped = _dropped(fields)
    path = absolute[2] or "/"
    start = b"%s %s HTTP/1.1" % (method, (path if path.startswith("/") else f"/{path}").encode("ascii"))
    sent = [start, b"Host: " + absolute[1].encode("ascii"), b"Connection: close"]
    sent += [name + b": " + value for name, value in fields if name.lower() not in dropped]
    return Request(
        host=host,
        port=port,
        tunnel=False,
        credentials=credentials,
        head=b"\r\n".join(sent) + b"\r\n\r\n",
        length=_length(fields),
    )


def _authority(written: str, default: int | None) -> tuple[Address | str, int]:
    """Host and port; raises Denied, also for user information (``user@host``) and a missing port."""
    parts = _AUTHORITY.fullmatch(written)
    port = int(parts[2]) if parts and parts[2] else default
    if parts is None or port is None or not 0 < port < 1 << 16:
        raise Denied("host-malformed")
    return host_of(parts[1]), port


def _dropped(fields: Sequence[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """The headers that are for the broker alone (RFC 9110, 7.6.1)."""
    named = [
        part.strip().lower()
        for name, value in fields
        if name.lower() == b"connection"
        for part in value.split(b",")
    ]
    return _NOT_FORWARDED | frozenset(named)


def _length(fields: Sequence[tuple[bytes, bytes]]) -> int:
    """The number of bytes of the body; raises Denied where it is not told in one plain way."""
    given = [value for name, value in fields if name.lower() == b"content-length"]
    if any(name.lower() == b"transfer-encoding" for name, _ in fields):
        raise Denied("length-required")
    if len(given) > 1 or not all(re.fullmatch(rb"[0-9]{1,12}", each) for each in given):
        raise Denied("request-malformed")
    return int(given[0]) if given else 0
