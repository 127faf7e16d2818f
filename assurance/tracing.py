"""Doing something in a process of its own, under strace or not, and reading what strace wrote.

The process is forked from one that has imported the program already, and strace attaches to it before it
begins: what it does is the operation and nothing else, which saves the time of a start and keeps the
calls of the interpreter's start out of the numbers.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import select
import shutil
import signal
import subprocess
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from pleura.domain.errors import PleuraError

SECONDS: Final = 120
"""An operation that takes longer hangs."""
CRASHED: Final = 70
"""The exit code of a process that an unexpected error ended."""
HUNG: Final = 1000
"""Stands for the exit code of a process that had to be ended."""

_PR_SET_PTRACER: Final = 0x59616D61  # prctl(2), Yama
_PR_SET_PTRACER_ANY: Final = -1

_CALLS: Final = [
    "openat",
    "read",
    "pread64",
    "lseek",
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "ftruncate",
    "fallocate",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "link",
    "linkat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "sendfile",
    "copy_file_range",
]

_LINE: Final = re.compile(r"(?P<name>\w+)\((?P<arguments>.*?)\) += (?P<result>\?|-?\w+)(?P<rest>.*)")
_STRING: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_PATH: Final = re.compile(r"(?:AT_FDCWD|-?\d+)<((?:\\x[0-9a-f]{2})*)>")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One system call of the traced process."""

    name: str
    ordinal: int
    """Counted from 1 among the calls of that name, as strace counts them for ``when=``."""
    arguments: tuple[str, ...]
    result: int | None
    """What it returned; None where the process was killed in it."""
    injected: bool

    def number(self, position: int) -> int:
        """A numeric argument, or the number of a descriptor."""
        return int(self.arguments[position].split("<")[0], 0)

    def data(self, position: int) -> bytes:
        """The bytes of a string argument."""
        found = _STRING.fullmatch(self.arguments[position])
        if found is None:
            raise ValueError(f"argument {position} of {self.name} is not a string")
        return _unescaped(found[1])

    def paths(self) -> list[Path]:
        """The files that the call names by path or by descriptor, in order; a path may be repeated."""
        if self.name in {"write", "pwrite64", "read", "pread64"}:
            return [_path_of(self.arguments[0])]
        found: list[Path] = []
        folder = Path()
        for argument in self.arguments:
            if _PATH.fullmatch(argument):
                folder = _path_of(argument)
                found.append(folder)
            elif string := _STRING.fullmatch(argument):
                found.append(folder / os.fsdecode(_unescaped(string[1])))
        # A folder that only says where a relative path begins is not what the call touches.
        return [path for path in found if path not in {_path_of(each) for each in self._anchors()}] or found

    def touches(self, folder: Path) -> bool:
        """Whether the call names something in *folder*."""
        return any(path.is_relative_to(folder) for path in self.paths())

    def _anchors(self) -> Iterator[str]:
        for argument, following in zip(self.arguments, self.arguments[1:], strict=False):
            if _PATH.fullmatch(argument) and _STRING.fullmatch(following):
                yield argument


@dataclass(frozen=True, kw_only=True)
class Run:
    """How one process ended."""

    exit_code: int
    """Negative for a signal, `HUNG` for a process that had to be ended."""
    answers: list[str]
    stderr: str


def missing() -> str:
    """Why nothing can be traced here; empty when it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    if os.geteuid() != 0:
        return "strace reads the descriptors of a process that guards its memory, which only root may do"
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"strace does not work here: {tried.stderr.strip()}"


def trace(task: Callable[[], None], log: Path, *, fault: str = "", whole: bool = False) -> Run:
    """Do *task* in a process of its own, its calls in *log*.

    *fault* is an expression for strace's ``inject=``. *whole*: the log holds everything that is written.
    Only the main thread is traced: the operations work in it, and the worker has nothing to write.
    """
    command = ["strace", "-o", str(log), "-y", "-xx", "-s", "100000000" if whole else "0"]
    command += ["-e", "signal=none", "-e", "trace=" + ",".join(f"?{name}" for name in _CALLS)]
    command += ["-e", f"inject={fault}"] if fault else []
    return _run(task, log.parent, command)


def run(task: Callable[[], None], folder: Path) -> Run:
    """Do *task* in a process of its own; *folder* is for its output."""
    return _run(task, folder, [])


def calls(log: Path) -> Iterator[Call]:
    """The calls in a log of `trace`, in order."""
    count: Counter[str] = Counter()
    with log.open(encoding="ascii") as lines:
        for line in lines:
            found = _LINE.match(line)
            if found is None:
                continue
            count[found["name"]] += 1
            yield Call(
                name=found["name"],
                ordinal=count[found["name"]],
                arguments=tuple(found["arguments"].split(", ")),
                result=None if found["result"] == "?" else int(found["result"], 0),
                injected=found["rest"].endswith("(INJECTED)") or found["result"] == "?",
            )


def _run(task: Callable[[], None], folder: Path, tracer: list[str]) -> Run:
    stdout, stderr = folder / "stdout", folder / "stderr"
    waiting, go = os.pipe()
    child = os.fork()
    if not child:
        os.close(go)
        _work(task, waiting, stdout, stderr)
    os.close(waiting)
    try:
        with _traced(child, tracer):
            os.close(go)
            code = _await(child)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
    return Run(exit_code=code, answers=stdout.read_text().splitlines(), stderr=stderr.read_text())


def _work(task: Callable[[], None], waiting: int, stdout: Path, stderr: Path) -> NoReturn:
    """Be the process of *task*: wait for the tracer, work, and end as the command line ends."""
    code = CRASHED
    try:
        for path, number in ((stdout, 1), (stderr, 2)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        # Where the kernel lets only a parent trace, any process of this user may trace this one.
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _PR_SET_PTRACER_ANY, 0, 0, 0)
        waiter = select.poll()
        waiter.register(waiting, select.POLLIN)
        waiter.poll()
        task()
        code = 0
    except PleuraError as error:
        os.write(2, f"{error.code}: {error}\n".encode())
        code = error.exit_code
    except BaseException:  # noqa: BLE001 - whatever escapes is shown and judged by the parent
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


@contextlib.contextmanager
def _traced(process: int, tracer: list[str]) -> Iterator[None]:
    """*process* under *tracer*, if there is one, from here to its end."""
    if not tracer:
        yield
        return
    with subprocess.Popen([*tracer, "-p", str(process)], stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        # strace says this once the process can do nothing that it does not see.
        said = strace.stderr.readline()
        if "attached" not in said:
            raise RuntimeError(f"strace does not attach: {said}{strace.stderr.read()}")
        yield


def _await(child: int) -> int:
    deadline = time.monotonic() + SECONDS
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return HUNG
        time.sleep(0.002)


def _path_of(descriptor: str) -> Path:
    found = _PATH.fullmatch(descriptor)
    return Path(os.fsdecode(_unescaped(found[1]))) if found else Path()


def _unescaped(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
