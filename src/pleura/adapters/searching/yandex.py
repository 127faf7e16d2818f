"""Yandex Search API, search by image.

Source: Yandex Search API v2, ImageSearch.SearchByImage.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

import msgspec

from pleura.adapters.searching.transport import Post, Transport, garbled
from pleura.domain.watching.asking import Candidate, Engine

_HOST: Final = "searchapi.api.cloud.yandex.net"


class _Image(msgspec.Struct, rename="camel"):
    url: str = ""
    page_url: str = ""
    page_title: str = ""


class _Answer(msgspec.Struct):
    images: list[_Image] = []


class Yandex:
    """The port `SearchEngine` over the Yandex Search API."""

    name: Engine = "yandex"

    def __init__(self, key: str, folder: str, transport: Transport) -> None:
        """*folder* is the identifier of the cloud folder that the key belongs to."""
        self._key = key
        self._folder = folder
        self._transport = transport

    def search(self, picture: bytes) -> Sequence[Candidate]:
        """The pages that it knows for a JPEG picture; raises EnvironmentFault."""
        return read(self._transport(request(picture, self._key, self._folder)))


def request(picture: bytes, key: str, folder: str) -> Post:
    """What is sent."""
    body = {"folderId": folder, "data": base64.b64encode(picture).decode(), "page": "0"}
    return Post(
        host=_HOST,
        path="/v2/image/search_by_image",
        headers={"Content-Type": "application/json", "Authorization": f"Api-Key {key}"},
        body=msgspec.json.encode(body),
    )


def read(answer: bytes) -> list[Candidate]:
    """The pages of the first page of results; raises EnvironmentFault."""
    try:
        decoded = msgspec.json.decode(answer, type=_Answer)
    except msgspec.MsgspecError:
        raise garbled(_HOST) from None
    return [
        Candidate(page=image.page_url, picture=image.url, title=image.page_title)
        for image in decoded.images
        if image.page_url
    ]
