"""The line from the process that gathers to the house: its messages, and the files of its pictures."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Final

import msgspec

from pleura.adapters.watching.protocol import Answer, Ask, Message, Shot, file_name

_MOST_HEADER: Final = 1000
_MOST_ANSWER: Final = 16 << 20


class Line:
    """Everything that leaves this process goes through here."""

    def __init__(self, output: int, folder: int) -> None:
        """*output* is where messages are written, *folder* a descriptor of the folder for pictures."""
        self._output = output
        self._folder = folder
        self._files = 0
        self._waiting = deque[asyncio.Future[Answer]]()
        self._reading: asyncio.Task[None] | None = None

    def say(self, message: Message) -> None:
        """Send a message whole."""
        rest = memoryview(msgspec.json.encode(message) + b"\n")
        while rest:
            rest = rest[os.write(self._output, rest) :]

    def picture(self, url: str, content: bytes, etag: str = "", last_modified: str = "") -> None:
        """Send a picture: its file is whole before it is told of."""
        self._files += 1
        name = file_name(self._files)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=self._folder), "wb") as stream:
            stream.write(content)
        self.say(
            Shot(
                url=url,
                file=self._files,
                etag=etag[:_MOST_HEADER],
                last_modified=last_modified[:_MOST_HEADER],
            )
        )

    async def ask(self, url: str) -> Answer:
        """The answer of the house; questions are answered in their order."""
        if self._reading is None:
            await self._listen()
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self.say(Ask(url))
        return await answer

    async def _listen(self) -> None:
        loop, source = asyncio.get_running_loop(), asyncio.StreamReader(limit=_MOST_ANSWER)
        self._reading = loop.create_task(self._read(source))
        stdin = os.fdopen(0, "rb", closefd=False)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(source), stdin)

    async def _read(self, source: asyncio.StreamReader) -> None:
        while line := await source.readline():
            self._waiting.popleft().set_result(msgspec.json.decode(line, type=Answer))
        os._exit(1)  # the house has gone
