"""TinEye.

Source: TinEye API, POST /rest/search/ with an uploaded image, as its own client pytineye 3.0 uses it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

import msgspec

from pleura.adapters.searching.transport import Post, Transport, garbled
from pleura.domain.watching.asking import Candidate, Engine

_HOST: Final = "api.tineye.com"
_GOOD: Final = 200


class _Backlink(msgspec.Struct):
    url: str = ""
    backlink: str = ""


class _Match(msgspec.Struct):
    backlinks: list[_Backlink] = []


class _Results(msgspec.Struct):
    matches: list[_Match] = []


class _Answer(msgspec.Struct):
    code: int
    results: _Results = msgspec.field(default_factory=_Results)


class TinEye:
    """The port `SearchEngine` over TinEye."""

    name: Engine = "tineye"

    def __init__(self, key: str, transport: Transport) -> None:
        self._key = key
        self._transport = transport

    def search(self, picture: bytes) -> Sequence[Candidate]:
        """The pages that it knows for a JPEG picture; raises EnvironmentFault."""
        return read(self._transport(request(picture, self._key)))


def request(picture: bytes, key: str) -> Post:
    """What is sent: a form with one file (RFC 7578), under a name that says nothing."""
    boundary = secrets.token_hex(16)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="image_upload"; filename="image.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return Post(
        host=_HOST,
        path="/rest/search/",
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}", "x-api-key": key},
        body=head.encode() + picture + f"\r\n--{boundary}--\r\n".encode(),
    )


def read(answer: bytes) -> list[Candidate]:
    """The pages of all matches; raises EnvironmentFault."""
    try:
        decoded = msgspec.json.decode(answer, type=_Answer)
    except msgspec.MsgspecError:
        raise garbled(_HOST) from None
    if decoded.code != _GOOD:
        raise garbled(_HOST)
    return [
        Candidate(page=link.backlink, picture=link.url)
        for match in decoded.results.matches
        for link in match.backlinks
    ]
