"""Unit tests run with the network off: a socket beyond this process is an error."""

from __future__ import annotations

import pytest
from pytest_socket import disable_socket


@pytest.fixture(autouse=True)
def _network_is_off() -> None:
    disable_socket(allow_unix_socket=True)
