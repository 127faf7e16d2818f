"""What the house and the process that gathers say to each other: one JSON object a line, both ways."""

from __future__ import annotations

import os
import sys
from typing import Final

import msgspec

from pleura.domain.watching.gathering import Known
from pleura.domain.watching.sources import SourceKind

MOST_LINE: Final = 4 << 20
"""Bytes of one line; the links and pictures of a page are cut long before."""


class Politeness(msgspec.Struct, frozen=True, kw_only=True):
    """How gently a host is asked, and how much of it."""

    delay_seconds: float = 2.0
    """Between two requests to one host, and more where it answers slowly."""
    pages: int = 500
    pictures: int = 3000
    depth: int = 3
    """Links from the first page."""
    links_of_page: int = 500
    pictures_of_page: int = 300
    page_bytes: int = 8 << 20
    picture_bytes: int = 48 << 20
    """Also of what a compressed answer unpacks to."""
    answer_seconds: float = 60.0
    look_seconds: float = 3600.0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be gathered."""

    kind: SourceKind
    address: str
    port: int = 0
    """Of the egress broker."""
    secret: str = ""
    browser: str = ""
    """Path of a Chromium that opens the pages; empty for none."""
    politeness: Politeness


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """To an `Ask`: whether the address may be fetched, and what it held last."""

    may_fetch: bool
    known: Known | None = None


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """May this address be fetched?"""

    url: str


class Page(msgspec.Struct, frozen=True, kw_only=True, tag="page"):
    """What a page shows now; nothing where it is what it was."""

    url: str
    known: Known | None = None


class Shot(msgspec.Struct, frozen=True, kw_only=True, tag="picture"):
    """A picture in a file of that number; 0 where it is what it was, or no film."""

    url: str
    file: int = 0
    is_same: bool = False
    etag: str = ""
    last_modified: str = ""


class Fault(msgspec.Struct, frozen=True, tag="fault"):
    """An address that could not be had."""

    url: str
    code: str


class End(msgspec.Struct, frozen=True, tag="end"):
    """Nothing follows."""


Message = Ask | Page | Shot | Fault | End


def file_name(number: int) -> str:
    """The name of the file with that number."""
    return f"{number:06d}"


def plain(name: str) -> str:
    """*name*, of a file, as it may be stored and shown: letters that are none are escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in name
    )


def first_line() -> bytes:
    """The first line of stdin, read byte by byte: what follows belongs to whoever reads on."""
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            sys.exit(1)
        line += piece
    return bytes(line)
