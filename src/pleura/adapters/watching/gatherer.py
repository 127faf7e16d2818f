"""The port `Gatherer`: a process without keys for each look, and nothing believed of what it says."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final

import msgspec

from pleura.adapters.egress.addresses import Reach
from pleura.adapters.egress.broker import Limits
from pleura.adapters.egress.door import clean_environment, egress
from pleura.adapters.watching.folders import films_in
from pleura.adapters.watching.protocol import (
    MOST_LINE,
    Answer,
    Ask,
    End,
    Fault,
    Message,
    Order,
    Page,
    Politeness,
    Shot,
    file_name,
)
from pleura.domain.errors import EnvironmentFault
from pleura.domain.watching.gathering import Claim, Found, FoundPage, FoundPicture, Known, Picture, Trouble
from pleura.domain.watching.sources import WatchPlace

_CODE: Final = re.compile(r"[a-z0-9-]{1,64}")
_MOST_ADDRESS: Final = 2200
_MOST_WORDS: Final = 1000
_GRACE_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.5
_DECODER: Final = msgspec.json.Decoder(Message)


class ProcessGatherer:
    """Gathers web pages through the egress broker, mail without a network, and folders."""

    def __init__(
        self, browser: str | None, *, reach: Reach | None = None, politeness: Politeness | None = None
    ) -> None:
        """*browser* is the path of a Chromium; *reach* is for tests."""
        self._browser = browser
        self._reach = reach
        self._politeness = politeness or Politeness()

    def gather(
        self,
        place: WatchPlace,
        folder: Path,
        claim: Callable[[str], Claim],
        *,
        browser: bool,
        is_stopped: Callable[[], bool],
    ) -> Generator[Found]:
        """Everything found at *place*; raises EnvironmentFault."""
        match place.kind:
            case "folder":
                for found in films_in(Path(place.address), folder, claim):
                    yield found
                    if is_stopped():
                        return
            case "mail":
                yield from self._mail(place, folder, claim, is_stopped)
            case _:
                order = self._order(place, browser=browser)
                yield from self._web(order, folder, claim, is_stopped)

    def _mail(
        self, place: WatchPlace, folder: Path, claim: Callable[[str], Claim], is_stopped: Callable[[], bool]
    ) -> Iterator[Found]:
        if not Path(place.address).is_dir():
            yield Trouble(url=place.address, code="folder-missing")
            return
        order = Order(kind="mail", address=place.address, politeness=self._politeness)
        yield from self._told(_Child("mail", order, folder), claim, folder, is_stopped)

    def _order(self, place: WatchPlace, *, browser: bool) -> Order:
        """What is to be gathered from the web; raises EnvironmentFault."""
        _require_extra()
        return Order(
            kind=place.kind,
            address=place.url,
            browser=self._chromium() if browser else "",
            politeness=self._politeness,
        )

    def _web(
        self, order: Order, folder: Path, claim: Callable[[str], Claim], is_stopped: Callable[[], bool]
    ) -> Iterator[Found]:
        # The broker knows what a look may cost beyond what Scrapy counts: a browser loads more.
        limits = Limits(connection_bytes=self._politeness.picture_bytes + (1 << 20))
        with egress(self._reach, limits) as way_out:
            order = msgspec.structs.replace(order, port=way_out.port, secret=way_out.secret)
            yield from self._told(_Child("child", order, folder), claim, folder, is_stopped)

    def _chromium(self) -> str:
        if self._browser is None:
            raise EnvironmentFault(
                "browser-missing",
                "this source needs a browser, and there is no Chromium on this machine",
                "install chromium, or add the source again without --browser",
            )
        return self._browser

    def _told(
        self,
        child: _Child,
        claim: Callable[[str], Claim],
        folder: Path,
        is_stopped: Callable[[], bool],
    ) -> Iterator[Found]:
        """What the process tells, each checked; ended with a trouble where it dies."""
        given = dict[str, Known | None]()
        ended = threading.Event()
        deadline = time.monotonic() + self._politeness.look_seconds + _GRACE_SECONDS

        def watch() -> None:
            while not ended.wait(_POLL_SECONDS):
                if is_stopped() or time.monotonic() > deadline:
                    child.end()
                    return

        watchdog = threading.Thread(target=watch, daemon=True)
        watchdog.start()
        try:
            for message in child.messages():
                match message:
                    case End():
                        return
                    case Ask():
                        url = _checked(message.url)
                        answer = claim(url)
                        given[url] = answer.known
                        child.answer(Answer(may_fetch=answer.may_fetch, known=answer.known))
                    case _:
                        yield _found(message, given, folder)
            yield Trouble(url="", code="gathering-died")
        except (ValueError, OSError):
            yield Trouble(url="", code="gathering-garbled")
        finally:
            ended.set()
            watchdog.join()
            child.close()


class _Child:
    """A process that gathers."""

    def __init__(self, module: str, order: Order, folder: Path) -> None:
        # Chromium makes sockets there, and the path of a socket is short (unix(7)).
        self._scratch = tempfile.TemporaryDirectory(prefix="pleura-", ignore_cleanup_errors=True)
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter and modules
            [sys.executable, "-P", "-s", "-m", f"pleura.adapters.watching.{module}"],
            env=clean_environment() | {"HOME": self._scratch.name, "TMPDIR": self._scratch.name},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Libraries write addresses there.
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._send(order)

    def messages(self) -> Iterator[Message]:
        """What it says, one after the other; raises ValueError for what is no message."""
        output = _pipe(self._process.stdout)
        while line := output.readline(MOST_LINE):
            try:
                yield _DECODER.decode(line)
            except msgspec.MsgspecError:
                raise ValueError("no message") from None

    def answer(self, answer: Answer) -> None:
        """Answer its oldest question."""
        self._send(answer)

    def end(self) -> None:
        """End it with everything that it has started."""
        with contextlib.suppress(ProcessLookupError):
            # It leads a process group of its own, and nobody else reaps it, so the number is still its.
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End it and give back what it held."""
        self.end()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                _pipe(stream).close()
        self._scratch.cleanup()

    def _send(self, message: Order | Answer) -> None:
        with contextlib.suppress(BrokenPipeError):  # read as its end, where its messages are read
            stream = _pipe(self._process.stdin)
            stream.write(msgspec.json.encode(message) + b"\n")
            stream.flush()


def _found(message: Page | Shot | Fault, given: dict[str, Known | None], folder: Path) -> Found:
    """A message as what was found; raises ValueError for what cannot be, OSError for a file that is none."""
    url = _checked(message.url)
    match message:
        case Fault():
            return Trouble(url=url, code=message.code if _CODE.fullmatch(message.code) else "unreachable")
        case Shot():
            file = folder / file_name(message.file) if message.file > 0 else None
            if file is not None and not stat.S_ISREG(file.lstat().st_mode):
                raise ValueError("no file")
            return FoundPicture(
                url=url,
                file=file,
                is_same=message.is_same,
                etag=_words(message.etag),
                last_modified=_words(message.last_modified),
            )
        case Page():
            return FoundPage(url=url, known=_known(message.known or given.get(url) or Known()))


def _known(told: Known) -> Known:
    """What a page holds, without digests, which only we know."""
    return Known(
        etag=_words(told.etag),
        last_modified=_words(told.last_modified),
        title=_shown(told.title),
        links=tuple(map(_checked, told.links)),
        pictures=tuple(
            Picture(url=_checked(picture.url), text=_shown(picture.text)) for picture in told.pictures
        ),
    )


def _checked(url: str) -> str:
    if len(url) > _MOST_ADDRESS or not url.isprintable():
        raise ValueError("no address")
    return url


def _shown(text: str) -> str:
    """*text* as it may be shown: a terminal would obey control characters in it."""
    return "".join(letter if letter.isprintable() else " " for letter in _words(text))


def _words(text: str) -> str:
    if len(text) > _MOST_WORDS:
        raise ValueError("no words")
    return text


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("the pipes of a process that was started with pipes")
    return stream


def _require_extra() -> None:
    if find_spec("scrapy") is None:
        raise EnvironmentFault(
            "watch-extra-missing",
            "watching the web needs Scrapy, which is not installed",
            "install it with: pip install 'pleura[watch]'",
        )
