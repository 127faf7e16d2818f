"""One HTTPS request through the egress broker, with the certificate checked."""

from __future__ import annotations

import base64
import http.client
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pleura.adapters.egress.addresses import Reach
from pleura.adapters.egress.door import egress
from pleura.domain.errors import EnvironmentFault

_SECONDS: Final = 60.0
_MOST_ANSWER: Final = 8 << 20


@dataclass(frozen=True, kw_only=True)
class Post:
    """A POST request to a service."""

    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Transport = Callable[[Post], bytes]
"""What gives the body of the answer; raises EnvironmentFault."""


def over_https(post: Post, *, reach: Reach | None = None, trust: ssl.SSLContext | None = None) -> bytes:
    """The body of the answer; raises EnvironmentFault for anything but status 200. *reach*: for tests."""
    with egress(reach) as way_out:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", way_out.port, timeout=_SECONDS, context=trust or ssl.create_default_context()
        )
        secret = base64.b64encode(f"{way_out.user}:{way_out.secret}".encode()).decode()
        host, _, port = post.host.partition(":")
        connection.set_tunnel(host, int(port or 443), {"Proxy-Authorization": f"Basic {secret}"})
        try:
            connection.request("POST", post.path, body=post.body, headers=dict(post.headers))
            answer = connection.getresponse()
            body = answer.read(_MOST_ANSWER + 1)
        except (OSError, http.client.HTTPException):
            raise _silent(post.host) from None
        finally:
            connection.close()
    if answer.status != http.client.OK:
        raise EnvironmentFault(
            "engine-refuses",
            "{host} answers with status {status}",
            "check the key and what is left of its quota",
            host=post.host,
            status=answer.status,
        )
    if len(body) > _MOST_ANSWER:
        raise garbled(post.host)
    return body


def garbled(host: str) -> EnvironmentFault:
    """What is said of an answer that is none."""
    return EnvironmentFault(
        "engine-garbled",
        "{host} answers in a form that pleura does not know",
        "install a newer pleura; until then search by hand",
        host=host,
    )


def _silent(host: str) -> EnvironmentFault:
    return EnvironmentFault(
        "engine-unreachable",
        "{host} does not answer",
        "check the network, and that this machine may reach it",
        host=host,
    )
