"""Contracts of the image searches: what is sent, and how answers written after their documents are read."""

from __future__ import annotations

import base64
import json
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from pleura.adapters.searching import google, tineye, yandex
from pleura.adapters.searching.transport import Post
from pleura.domain.errors import EnvironmentFault
from pleura.domain.watching.asking import Candidate

ANSWERS = Path(__file__).parents[2] / "vectors" / "image-search"
PICTURE = b"\xff\xd8\xff\xe0 a picture \xff\xd9"
KEY = "a key of this test"
THREAD = "https://forum.example.org/thread/17"
LEAKED = "https://img.example.net/leaked.jpg"


class Wire:
    """A transport that keeps what was sent and answers with a file."""

    def __init__(self, name: str) -> None:
        self.answer = (ANSWERS / f"{name}.json").read_bytes()
        self.sent: list[Post] = []

    def __call__(self, post: Post) -> bytes:
        self.sent.append(post)
        return self.answer


def test_google_is_asked_for_web_detection_and_only_pages_with_matches_are_taken() -> None:
    wire = Wire("google")

    found = google.GoogleVision(KEY, wire).search(PICTURE)

    (post,) = wire.sent
    body = json.loads(post.body)["requests"][0]
    assert (post.host, post.path, KEY in post.path) == ("vision.googleapis.com", "/v1/images:annotate", False)
    assert post.headers["X-Goog-Api-Key"] == KEY
    assert base64.b64decode(body["image"]["content"]) == PICTURE
    assert body["features"] == [{"type": "WEB_DETECTION", "maxResults": 50}]
    assert found[0] == Candidate(page=THREAD, picture=LEAKED, title="A <b>thread</b>")
    assert [each.page for each in found] == [THREAD, *["https://blog.example.org/2026/11"] * 2]
    assert not any("stranger" in each.picture for each in found)


def test_tineye_is_given_a_file_without_a_name_and_its_backlinks_are_taken() -> None:
    wire = Wire("tineye")

    found = tineye.TinEye(KEY, wire).search(PICTURE)

    (post,) = wire.sent
    assert (post.host, post.path, post.headers["x-api-key"]) == ("api.tineye.com", "/rest/search/", KEY)
    head = f"Content-Type: {post.headers['Content-Type']}\r\n\r\n".encode()
    (part,) = message_from_bytes(head + post.body, policy=policy.HTTP).iter_parts()
    assert part.get_param("name", header="content-disposition") == "image_upload"
    assert (part.get_filename(), part.get_content()) == ("image.jpg", PICTURE)
    assert found[0] == Candidate(page=THREAD, picture=LEAKED)
    assert len(found) == 3


def test_yandex_is_asked_by_image_and_pictures_without_a_page_are_left_out() -> None:
    wire = Wire("yandex")

    found = yandex.Yandex(KEY, "b1g", wire).search(PICTURE)

    (post,) = wire.sent
    body = json.loads(post.body)
    assert (post.host, post.path) == ("searchapi.api.cloud.yandex.net", "/v2/image/search_by_image")
    assert post.headers["Authorization"] == f"Api-Key {KEY}"
    assert (body["folderId"], base64.b64decode(body["data"])) == ("b1g", PICTURE)
    assert found == [Candidate(page=THREAD, picture=LEAKED, title="A thread")]


@pytest.mark.parametrize(
    ("read", "nothing"),
    [
        (google.read, b'{"responses": [{}]}'),
        (tineye.read, b'{"code": 200, "results": {"matches": []}}'),
        (yandex.read, b"{}"),
    ],
)
def test_an_answer_without_matches_is_no_candidate(read: Any, nothing: bytes) -> None:
    assert read(nothing) == []


@pytest.mark.parametrize("read", [google.read, tineye.read, yandex.read])
@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b'{"responses": 1, "code": "x", "images": 1}', b"\xff\xfe", b"[" * 100_000],
)
def test_an_answer_that_is_none_is_said_to_be_none(read: Any, answer: bytes) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        read(answer)

    assert caught.value.code == "engine-garbled"


@pytest.mark.parametrize(
    ("read", "answer"),
    [
        (google.read, b'{"responses": [{"error": {"code": 7, "message": "denied"}}]}'),
        (tineye.read, b'{"code": 400, "messages": ["NO_SIGNATURE_ERROR"]}'),
    ],
)
def test_a_refusal_inside_an_answer_is_no_empty_result(read: Any, answer: bytes) -> None:
    with pytest.raises(EnvironmentFault):
        read(answer)
