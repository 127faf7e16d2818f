"""The broker as a process of its own, which has no keys: its job on stdin, its port and notes on stdout.

It ends when its stdin closes, which it does also when the process that started it dies.
"""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec

from pleura.adapters.egress.addresses import Reach
from pleura.adapters.egress.broker import Broker, Exchange, Limits


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker is to do."""

    secret: str
    reach: Reach
    limits: Limits


async def serve(job: Job) -> None:
    """Serve until stdin closes."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), lambda: ended.set() if not os.read(0, 64) else None)
    broker = Broker(job.secret, reach=job.reach, limits=job.limits, note=_say)
    _say({"port": await broker.start()})
    await ended.wait()
    await broker.close()


def _say(line: Exchange | dict[str, int]) -> None:
    # Whole lines, at once: the reader is never left with half a note.
    os.write(1, msgspec.json.encode(line) + b"\n")


if __name__ == "__main__":
    asyncio.run(serve(msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)))
