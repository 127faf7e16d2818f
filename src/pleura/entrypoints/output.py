"""How the command line speaks: data to stdout, words to stderr, one JSON object where asked."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from pleura.domain.errors import EnvironmentFault, PleuraError
from pleura.entrypoints.language import Texts


def print_json(answer: Mapping[str, Any]) -> None:
    """*answer* as one line of JSON on stdout."""
    print(json.dumps(answer, ensure_ascii=False, default=str), flush=True)


def print_error(error: PleuraError, say: Texts) -> None:
    """The cause, the object and the next step on stderr, with the code that the log knows."""
    what, next_step = say.error(error)
    print(f"pleura: {what} [{error.code}]\n  {say('next step')}: {next_step}", file=sys.stderr)


def actor() -> str:
    """Who is at the terminal, as the ledger writes it."""
    try:
        return f"cli:{pwd.getpwuid(os.geteuid()).pw_name}"
    except KeyError:  # a container may run under a user that has no name
        return f"cli:{os.geteuid()}"


@contextlib.contextmanager
def bytes_moved(task: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """What to tell the number of bytes of each step: a bar on a terminal, nothing elsewhere."""
    with _bar(task, total, (DownloadColumn(), TransferSpeedColumn())) as advance:
        yield advance


@contextlib.contextmanager
def steps(task: str, total: int) -> Iterator[Callable[[int], None]]:
    """What to tell the number of steps done: a bar on a terminal, nothing elsewhere."""
    with _bar(task, total, (MofNCompleteColumn(),)) as advance:
        yield advance


@contextlib.contextmanager
def _bar(task: str, total: int | None, counts: Sequence[ProgressColumn]) -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), *counts, TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        row = progress.add_task(task, total=total)
        yield lambda size: progress.advance(row, size)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A new private file at *path*, gone again when the block raises; an existing file is refused."""
    stream = open_new(path)
    try:
        with stream:
            yield stream
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def open_new(path: Path) -> BinaryIO:
    """A new private file at *path* for `write_durably`; raises EnvironmentFault, also where there is one."""
    try:
        # Unbuffered: what a full disk refuses must not be tried once more when the file is closed.
        return open(path, "xb", buffering=0, opener=lambda name, flags: os.open(name, flags, 0o600))
    except FileExistsError as error:
        raise EnvironmentFault(
            "output-exists", "{file} exists already", "choose another file name", file=str(path)
        ) from error
    except OSError as error:
        raise _unwritable(str(path)) from error


def write_durably(stream: BinaryIO, content: bytes) -> None:
    """Write *content* to the new file *stream*: it is on the disk, under its name, when this returns.

    Raises EnvironmentFault.
    """
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[stream.write(rest) :]
        os.fsync(stream.fileno())
        folder = os.open(Path(stream.name).parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise _unwritable(stream.name) from error


def _unwritable(file: str) -> EnvironmentFault:
    return EnvironmentFault(
        "output-unwritable",
        "{file} cannot be written",
        "check the folder, its permissions and its free space",
        file=file,
    )
