"""The process that opens mail: it has no keys and no network, and may write into one folder only.

A mail drop is a folder of messages (RFC 5322, one a file) or a Maildir; a person or a mail server puts
there what was sent to the address where leaks are reported. Nothing that a message links to is fetched.
"""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final

import msgspec

from pleura.adapters.disposable.confinement import confine
from pleura.adapters.watching.line import Line
from pleura.adapters.watching.pages import may_be_film
from pleura.adapters.watching.protocol import End, Fault, Order, Page, first_line, plain
from pleura.domain.watching.gathering import Known, Picture

_MOST_MESSAGES: Final = 5000
_MOST_BYTES: Final = 64 << 20
_MOST_PARTS: Final = 200
_MOST_TEXT: Final = 300
_CPU_SECONDS: Final = 600
_MEMORY: Final = 2 << 30


async def gather(order: Order, line: Line) -> None:
    """Tell of every message that is new, first its pictures, then itself: a message never changes."""
    for path in _messages(Path(order.address)):
        # Mail readers move a message and append flags to its name; what comes before the colon stays.
        url = f"mail:{plain(path.name.partition(':')[0])}"
        answer = await line.ask(url)
        if not answer.may_fetch or answer.known is not None:
            continue
        try:
            content = path.read_bytes() if path.stat().st_size <= _MOST_BYTES else b""
        except OSError:
            content = b""
        if not content:
            line.say(Fault(url, "file-unreadable"))
            continue
        try:
            _tell(url, content, line)
        except Exception:  # noqa: BLE001 - whatever a hostile message does to the parser, the next one is read
            line.say(Fault(url, "mail-malformed"))


def _tell(url: str, content: bytes, line: Line) -> None:
    message = message_from_bytes(content, policy=policy.default)
    pictures = list[Picture]()
    for number, (name, part) in enumerate(_parts(message)):
        if may_be_film(part):
            picture = Picture(url=f"{url}#{number}", text=name)
            line.picture(picture.url, part)
            pictures.append(picture)
    known = Known(etag="read", title=_header(message, "subject"), pictures=tuple(pictures))
    line.say(Page(url=url, known=known))


def _messages(top: Path) -> Iterator[Path]:
    """The files of a mail drop, at most so many, links not followed."""
    places = [top / "new", top / "cur"] if (top / "cur").is_dir() else [top]
    count = 0
    for place in places:
        for entry in sorted(os.scandir(place), key=lambda each: each.name):
            if entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
                count += 1
                if count > _MOST_MESSAGES:
                    return
                yield Path(entry.path)


def _parts(message: EmailMessage) -> Iterator[tuple[str, bytes]]:
    """Name and content of every part, those of forwarded messages too."""
    for number, part in enumerate(message.walk()):
        if number >= _MOST_PARTS:
            return
        if part.is_multipart() or part.get_content_maintype() == "text":
            continue
        try:
            content, name = part.get_payload(decode=True), part.get_filename()
        except (ValueError, LookupError, AttributeError):  # an encoding that is none
            continue
        if isinstance(content, bytes):
            yield (name or "")[:_MOST_TEXT], content


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message[name] or "").split())[:_MOST_TEXT]
    except (ValueError, LookupError, AttributeError, IndexError):  # a header that is none
        return ""


def main() -> None:
    """Gather what the order on stdin says; the folder for pictures is the working folder."""
    order = msgspec.json.decode(first_line(), type=Order)
    folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for limit, most in (
        (resource.RLIMIT_FSIZE, _MOST_BYTES),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    confine(folder, readable=[order.address])
    line = Line(1, folder)
    asyncio.run(gather(order, line))
    line.say(End())


if __name__ == "__main__":
    main()
