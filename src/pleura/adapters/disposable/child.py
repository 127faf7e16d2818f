"""The zygote and its disposable processes: they hold hostile bytes and never a key.

Started by `pleura.adapters.worker` with one argument, the descriptor of the control line. The zygote
reads only what its parent writes; it ends, with all its jobs, when the parent closes the line or dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from PIL import Image

from pleura.adapters.disposable.confinement import confine
from pleura.adapters.disposable.protocol import (
    DISK_FULL,
    Answer,
    Job,
    RasterShape,
    Summons,
    receive_frame,
    send_frame,
)
from pleura.adapters.disposable.unzip import unzip
from pleura.domain.errors import BadInput
from pleura.domain.rasters import Raster
from pleura.imaging.dicom import windows, writing
from pleura.imaging.dicom.refusals import refuse
from pleura.imaging.dicom.structure import Content

_PR_SET_PDEATHSIG: Final = 1
_OPEN_FILES: Final = 32
_TICK_MILLISECONDS: Final = 100

Reply = tuple[Answer, list[bytes]]


def main() -> None:
    """Serve jobs until the control line closes."""
    control = socket.socket(fileno=int(sys.argv[1]))
    libc = ctypes.CDLL(None, use_errno=True)
    # Every codec is loaded here once, not in each job.
    Image.init()
    control.send(b"ready")
    jobs: dict[int, float] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        _bury(jobs)
        if not poll.poll(_TICK_MILLISECONDS if jobs else None):
            continue
        message, descriptors, _, _ = socket.recv_fds(control, 4096, 8)
        if not message:
            break
        summons = msgspec.json.decode(message, type=Summons)
        child = os.fork()
        if not child:
            control.close()
            _be_disposable(libc, summons, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        jobs[child] = time.monotonic() + summons.wall_seconds
    for child in jobs:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _bury(jobs: dict[int, float]) -> None:
    """Kill the jobs that are over their time, and reap those that have ended."""
    for child, deadline in list(jobs.items()):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        if os.waitpid(child, os.WNOHANG)[0]:
            del jobs[child]


def _be_disposable(libc: ctypes.CDLL, summons: Summons, descriptors: list[int]) -> None:
    """Do one job within its limits and end the process, whatever happens."""
    try:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with socket.socket(fileno=descriptors[0]) as line:
            header, _ = receive_frame(line, 0, time.monotonic() + summons.wall_seconds)
            line.settimeout(None)
            job = msgspec.json.decode(header, type=Job)
            writes = job.verb == "unpack"
            _limit(summons, writes=writes)
            confine(descriptors[2] if writes else None)
            answer, blobs = _answer(job, descriptors[1:], summons)
            send_frame(line, msgspec.json.encode(answer), blobs)
    finally:
        # No exit handler and no finaliser of the zygote may run in its copy.
        os._exit(0)


def _limit(summons: Summons, *, writes: bool) -> None:
    """Bound memory, time, files and core of this process, for good."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    memory = pages * resource.getpagesize() + summons.memory
    for kind, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, summons.cpu_seconds),
        (resource.RLIMIT_FSIZE, summons.file_bytes if writes else 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


def _answer(job: Job, files: list[int], summons: Summons) -> Reply:
    """The answer of one job, a refusal included."""
    try:
        return _VERBS[job.verb](job, files, summons)
    except BadInput as refusal:
        return Answer(refused=refusal.code, why=dict(refusal.facts)), []
    except OSError as error:
        # Only unpacking writes; every other error of the system means a file that cannot be used.
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return Answer(refused=DISK_FULL if is_full else "decode-failed"), []
    except BaseException:  # noqa: BLE001  a codec written in Rust panics past Exception; the process ends here
        return Answer(refused="decode-failed"), []


def _receive(job: Job, files: list[int], __: Summons) -> Reply:
    received = writing.receive(_content(files[0]), job.about)
    return Answer(facts=received.facts), [] if received.instance is None else [received.instance]


def _unpack(_: Job, files: list[int], summons: Summons) -> Reply:
    with os.fdopen(files[0], "rb") as archive:
        return Answer(count=unzip(archive, files[1], summons.file_bytes)), []


def _display(_: Job, files: list[int], __: Summons) -> Reply:
    return _shown(windows.display(_content(files[0])))


def _suspect(_: Job, files: list[int], __: Summons) -> Reply:
    return _shown(writing.suspect(_content(files[0])))


def _stored(_: Job, files: list[int], __: Summons) -> Reply:
    found = windows.stored(_content(files[0]))
    answer = Answer(
        raster=RasterShape.of(found.raster),
        bits_stored=found.bits_stored,
        black=found.black,
        white=found.white,
    )
    return answer, [found.raster.data]


def _derive(job: Job, files: list[int], _: Summons) -> Reply:
    if job.raster is None:
        raise refuse("derive-differs")
    pixels = job.raster.raster(bytes(_content(files[1])))
    derived = writing.derive(_content(files[0]), pixels, job.sop_instance_uid, job.derivation)
    return Answer(), [derived]


def _shown(raster: Raster) -> Reply:
    return Answer(raster=RasterShape.of(raster)), [raster.data]


def _content(descriptor: int) -> Content:
    """Every byte of an open file, mapped: what is not looked at takes no memory and no time.

    Where somebody cuts the file short meanwhile, the kernel ends this process, which is a refusal.
    """
    size = os.fstat(descriptor).st_size
    try:
        return mmap.mmap(descriptor, size, mmap.MAP_PRIVATE, mmap.PROT_READ) if size else b""
    except OSError:
        raise refuse("decode-memory") from None


_VERBS: Final[dict[str, Callable[[Job, list[int], Summons], Reply]]] = {
    "receive": _receive,
    "unpack": _unpack,
    "display": _display,
    "suspect": _suspect,
    "stored": _stored,
    "derive": _derive,
}


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
