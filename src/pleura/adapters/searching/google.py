"""Google Cloud Vision, web detection.

Source: Cloud Vision API v1, images:annotate, AnnotateImageRequest and WebDetection.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

import msgspec

from pleura.adapters.searching.transport import Post, Transport, garbled
from pleura.domain.watching.asking import Candidate, Engine

_HOST: Final = "vision.googleapis.com"
_MOST: Final = 50


class _Image(msgspec.Struct):
    url: str = ""


class _Page(msgspec.Struct, rename="camel"):
    url: str = ""
    page_title: str = ""
    full_matching_images: list[_Image] = []
    partial_matching_images: list[_Image] = []


class _Web(msgspec.Struct, rename="camel"):
    pages_with_matching_images: list[_Page] = []


class _Status(msgspec.Struct):
    code: int = 0


class _Response(msgspec.Struct, rename="camel"):
    web_detection: _Web = msgspec.field(default_factory=_Web)
    error: _Status = msgspec.field(default_factory=_Status)


class _Answer(msgspec.Struct):
    responses: list[_Response]


class GoogleVision:
    """The port `SearchEngine` over Cloud Vision."""

    name: Engine = "google"

    def __init__(self, key: str, transport: Transport) -> None:
        self._key = key
        self._transport = transport

    def search(self, picture: bytes) -> Sequence[Candidate]:
        """The pages that it knows for a JPEG picture; raises EnvironmentFault."""
        return read(self._transport(request(picture, self._key)))


def request(picture: bytes, key: str) -> Post:
    """What is sent; the key goes in a header, where no log of addresses has it."""
    feature = {"type": "WEB_DETECTION", "maxResults": _MOST}
    body = {"requests": [{"image": {"content": base64.b64encode(picture).decode()}, "features": [feature]}]}
    return Post(
        host=_HOST,
        path="/v1/images:annotate",
        headers={"Content-Type": "application/json", "X-Goog-Api-Key": key},
        body=msgspec.json.encode(body),
    )


def read(answer: bytes) -> list[Candidate]:
    """The pages with full or partial matches; raises EnvironmentFault. Similar pictures are left out."""
    try:
        (response,) = msgspec.json.decode(answer, type=_Answer).responses
    except (msgspec.MsgspecError, ValueError):
        raise garbled(_HOST) from None
    if response.error.code:
        raise garbled(_HOST)
    return [
        Candidate(page=page.url, picture=image.url, title=page.page_title)
        for page in response.web_detection.pages_with_matching_images
        for image in [*page.full_matching_images, *page.partial_matching_images]
    ]
