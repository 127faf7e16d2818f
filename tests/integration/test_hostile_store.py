"""A store that answers wrongly, and an environment that was set for other tools: neither is believed."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pleura.adapters.storage.s3 import S3Objects
from pleura.domain.custody.places import BucketPlace
from pleura.domain.errors import EnvironmentFault

TOLD = 100
"""Bytes that the store says an object has."""


@dataclass
class Store:
    """A store that sends a body of ``sends`` bytes for every range, and keeps what it was asked."""

    endpoint: str = ""
    sends: int = TOLD
    sent: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)

    def objects(self) -> S3Objects:
        return S3Objects(
            BucketPlace(endpoint=self.endpoint, bucket="bucket", access_key="AKOURS", secret_key="ours")
        )


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._begin(200, TOLD)

        def do_GET(self) -> None:
            made.asked.append({name.lower(): value for name, value in self.headers.items()})
            if "range" not in made.asked[-1]:
                listing = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
                self._begin(200, len(listing))
                self.wfile.write(listing)
                return
            self._begin(206, made.sends)
            left = made.sends
            try:
                while left:
                    self.wfile.write(b"x" * min(left, 1 << 16))
                    made.sent += min(left, 1 << 16)
                    left -= min(left, 1 << 16)
            except ConnectionError:
                self.close_connection = True

        def _begin(self, status: int, size: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(size))
            self.send_header("Content-Range", f"bytes 0-{TOLD - 1}/{TOLD}")
            self.send_header("Last-Modified", "Fri, 27 Nov 2026 14:45:36 GMT")
            self.send_header("ETag", '"x"')
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        made.endpoint = f"http://127.0.0.1:{server.server_port}"
        yield made
        server.shutdown()
        thread.join()


def test_a_store_that_sends_what_was_asked_for_is_read(store: Store) -> None:
    with store.objects().open("heads/x") as stream:
        assert stream.read() == b"x" * TOLD


def test_a_store_that_sends_more_than_was_asked_for_is_refused_and_not_read_to_its_end(store: Store) -> None:
    store.sends = 200 << 20

    with store.objects().open("heads/x") as stream, pytest.raises(EnvironmentFault) as caught:
        stream.read(TOLD)

    assert caught.value.code == "bucket-unreachable"
    del stream
    assert store.sent < 64 << 20


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SESSION_TOKEN", "of-another-tool"),
        ("AWS_SKIP_SIGNATURE", "true"),
        ("AWS_ACCESS_KEY_ID", "AKTHEIRS"),
        ("AWS_ALLOW_INVALID_CERTIFICATES", "true"),
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1"),
        ("AWS_PROXY_URL", "http://127.0.0.1:1"),
        ("AWS_CONDITIONAL_PUT", "disabled"),
    ],
)
def test_settings_for_other_tools_change_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    assert list(store.objects().names()) == []

    (asked,) = store.asked
    assert "Credential=AKOURS/" in asked["authorization"]
    assert "x-amz-security-token" not in asked
    assert name not in os.environ  # a child process does not get it either


def test_a_store_that_takes_connections_and_never_answers_is_given_up_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = BucketPlace(
            endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}",
            bucket="bucket",
            access_key="AKOURS",
            secret_key="ours",
        )
        begun = time.monotonic()

        with pytest.raises(EnvironmentFault) as caught:
            list(S3Objects(place, glance=True).names("heads"))
        facts = S3Objects(place).bucket_facts()

        assert (caught.value.code, facts.versioning, facts.logging) == ("bucket-unreachable", None, None)
        assert time.monotonic() - begun < 20
