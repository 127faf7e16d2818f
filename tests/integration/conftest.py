"""Servers that the tests of one file share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.servers.postgres import postgres_programs, postgres_server


@pytest.fixture(scope="module")
def sockets() -> Iterator[str]:
    """The folder with the socket of a PostgreSQL server."""
    if postgres_programs() is None:
        pytest.skip("postgresql is not installed")
    with postgres_server() as folder:
        yield folder
