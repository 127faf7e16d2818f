"""A broker for as long as a block runs."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import msgspec

import pleura
from pleura.adapters.egress.addresses import Reach
from pleura.adapters.egress.broker import Exchange, Limits
from pleura.adapters.egress.serve import Job
from pleura.domain.errors import EnvironmentFault

_MOST_NOTES: Final = 10_000
_WAIT_SECONDS: Final = 10.0


class _Started(msgspec.Struct, frozen=True):
    port: int


@dataclass(frozen=True, kw_only=True)
class Egress:
    """Where the broker listens, and what it has done so far."""

    port: int
    secret: str = field(repr=False)
    exchanges: deque[Exchange]
    """The newest ten thousand, oldest first."""

    @property
    def server(self) -> str:
        """The address of the proxy, without the credentials."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def user(self) -> str:
        """The user name that goes with the secret."""
        return "pleura"


@contextlib.contextmanager
def egress(reach: Reach | None = None, limits: Limits | None = None) -> Iterator[Egress]:
    """A running broker in a process of its own, ended with the block; raises EnvironmentFault."""
    secret = secrets.token_urlsafe(24)
    job = Job(secret=secret, reach=reach or Reach(), limits=limits or Limits())
    with subprocess.Popen(
        [sys.executable, "-P", "-s", "-m", "pleura.adapters.egress.serve"],
        env=clean_environment(),
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the pipes of a process that was started with pipes")
        exchanges = deque[Exchange](maxlen=_MOST_NOTES)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(job) + b"\n")
            process.stdin.flush()
        try:
            port = _port(process.stdout)
            reader = threading.Thread(target=_read, args=(process.stdout, exchanges), daemon=True)
            reader.start()
            yield Egress(port=port, secret=secret, exchanges=exchanges)
            process.stdin.close()
            reader.join(_WAIT_SECONDS)
        finally:
            process.kill()


def clean_environment() -> dict[str, str]:
    """An environment that is written here and not inherited: no secret and no other proxy is in it."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(pleura.__file__).resolve().parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _port(stdout: IO[bytes]) -> int:
    try:
        return msgspec.json.decode(stdout.readline(), type=_Started).port
    except msgspec.MsgspecError:
        raise EnvironmentFault(
            "egress-start",
            "the process that guards the way out does not start",
            "run pleura again; if it stays so, install pleura anew",
        ) from None


def _read(stdout: IO[bytes], exchanges: deque[Exchange]) -> None:
    for line in stdout:
        with contextlib.suppress(msgspec.MsgspecError):
            exchanges.append(msgspec.json.decode(line, type=Exchange))
