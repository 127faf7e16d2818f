"""The picture worker: every job runs in a fresh process without keys, limited in memory and time.

One clean child, the zygote, imports the libraries once; for each job it forks a disposable process
that reads the hostile bytes and dies. Answers come back as a JSON header and raw bytes, are bounded
and checked here, and never unpickled: the process that wrote them may belong to an attacker.
"""

from __future__ import annotations

import io
import math
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import msgspec

import pleura
from pleura.adapters.disposable.protocol import (
    DISK_FULL,
    MAX_ANSWER,
    Answer,
    Job,
    RasterShape,
    Summons,
    receive_frame,
    send_frame,
)
from pleura.domain.errors import BadInput, EnvironmentFault
from pleura.domain.images import UNDESCRIBED, Description
from pleura.domain.rasters import Raster, Received, StoredPixels
from pleura.imaging.dicom.refusals import REFUSALS, refuse

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_START_SECONDS: Final = 60.0
_GRACE_SECONDS: Final = 5.0
_FACT: Final = re.compile(r"[A-Za-z0-9.?_-]{0,64}")
_FIELD: Final = re.compile(r"{(\w+)}")
_UID: Final = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True, kw_only=True)
class WorkerLimits:
    """What one job may use at most."""

    memory: int = 2 << 30
    """Bytes of address space above what the libraries take."""
    cpu_seconds: int = 30
    wall_seconds: float = 60.0
    file_bytes: int = 1 << 30
    """Bytes of one image given, and of one file unpacked."""

    def of_archives(self) -> WorkerLimits:
        """The limits of unpacking, which is plain work in proportion to the size of the archive."""
        return replace(self, cpu_seconds=self.cpu_seconds * 10, wall_seconds=self.wall_seconds * 10)


class DisposableWorker:
    """The `PictureWorker` port over disposable processes; safe to share between threads.

    It starts its zygote on the first call and must be closed; as a context manager it closes itself.
    """

    def __init__(self, limits: WorkerLimits | None = None, jobs: int | None = None) -> None:
        """*jobs* run at once at most, by default one per core."""
        self._limits = limits or WorkerLimits()
        self._slots = threading.BoundedSemaphore(jobs or os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._zygote: _Zygote | None = None

    def __enter__(self) -> DisposableWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the zygote and every job; a later call starts a new one."""
        with self._lock:
            if self._zygote is not None:
                self._zygote.stop()
            self._zygote = None

    @contextmanager
    def opened(self, path: Path) -> Iterator[BinaryIO]:
        """The regular file at *path*, unbuffered, for the processes share its position; raises BadInput.

        So does reading it: a disk may give up in the middle.
        """
        with _file(path) as descriptor, _Film(descriptor, closefd=False) as stream:
            yield cast("BinaryIO", stream)

    def receive(self, source: BinaryIO, about: Description = UNDESCRIBED) -> Received:
        """What an opened file is; raises BadInput."""
        answer, blobs = self._ask(Job(verb="receive", about=about), [source.fileno()])
        if answer.facts is None or len(blobs) > 1:
            raise refuse("decode-died")
        facts = answer.facts
        uids = (facts.sop_class_uid, facts.sop_instance_uid, facts.study_uid, facts.series_uid)
        if not all(_UID.fullmatch(uid) for uid in uids):
            raise refuse("decode-died")
        return Received(facts=facts, instance=blobs[0] if blobs else None)

    def unpack(self, archive: Path, folder: Path) -> Sequence[Path]:
        """The files of a zip archive, unpacked below *folder* under numbered names; raises BadInput."""
        with ExitStack() as stack:
            source = stack.enter_context(_file(archive))
            target = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, target)
            answer, _ = self._ask(Job(verb="unpack"), [source, target], self._limits.of_archives())
        files = [folder / f"{number:06d}" for number in range(1, answer.count + 1)]
        if not all(stat.S_ISREG(file.lstat().st_mode) for file in files):
            raise refuse("decode-died")
        return files

    def display(self, original: bytes) -> Raster:
        """The first frame in its default window: 8 bits, white is high; raises BadInput."""
        with _memory(original) as source:
            answer, blobs = self._ask(Job(verb="display"), [source])
        return _raster(answer.raster, b"".join(blobs))

    def stored(self, original: bytes) -> StoredPixels:
        """The stored values of the first frame and their default window; raises BadInput."""
        with _memory(original) as source:
            answer, blobs = self._ask(Job(verb="stored"), [source])
        ends = (answer.black, answer.white)
        if not all(map(math.isfinite, ends)) or not 1 <= answer.bits_stored <= 16:
            raise refuse("decode-died")
        return StoredPixels(
            raster=_raster(answer.raster, b"".join(blobs)),
            bits_stored=answer.bits_stored,
            black=answer.black,
            white=answer.white,
        )

    def derive(self, original: bytes, pixels: Raster, sop_instance_uid: str, derivation: str) -> bytes:
        """A DICOM instance derived from *original* with *pixels* as stored values; raises BadInput."""
        job = Job(
            verb="derive",
            raster=RasterShape.of(pixels),
            sop_instance_uid=sop_instance_uid,
            derivation=derivation,
        )
        with _memory(original) as source, _memory(pixels.data) as values:
            _, blobs = self._ask(job, [source, values])
        if len(blobs) != 1:
            raise refuse("decode-died")
        return blobs[0]

    def suspect(self, source: BinaryIO) -> Raster:
        """An opened picture or DICOM file as 8-bit grey or RGB, upright; raises BadInput."""
        answer, blobs = self._ask(Job(verb="suspect"), [source.fileno()])
        return _raster(answer.raster, b"".join(blobs))

    def _ask(
        self, job: Job, files: list[int], limits: WorkerLimits | None = None
    ) -> tuple[Answer, list[bytes]]:
        """The checked answer of one job; where the zygote itself died, a new one tries once more."""
        if job.verb != "unpack" and os.fstat(files[0]).st_size > self._limits.file_bytes:
            raise refuse("file-too-large", limit=self._limits.file_bytes >> 20)
        limits = limits or self._limits
        with self._slots:
            zygote = self._living()
            try:
                answer, blobs = zygote.ask(job, limits, files)
            except BadInput:
                if zygote.is_alive():
                    raise
                answer, blobs = self._living().ask(job, limits, files)
        if answer.refused == DISK_FULL:
            raise EnvironmentFault(
                "disk-full",
                "there is no room on the disk to unpack the archive",
                "free some room and run it again; what is done already is kept",
            )
        if answer.refused:
            raise _refusal(answer)
        return answer, blobs

    def _living(self) -> _Zygote:
        with self._lock:
            if self._zygote is not None and not self._zygote.is_alive():
                self._zygote.stop()
                self._zygote = None
            self._zygote = self._zygote or _Zygote()
            return self._zygote


class _Film(io.FileIO):
    """An opened file; raises BadInput where it cannot be read on."""

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        """The number of bytes read, 0 at the end."""
        try:
            return super().readinto(buffer)
        except OSError:
            raise refuse("file-unreadable") from None


class _Zygote:
    """The clean child that forks the disposable processes."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [sys.executable, "-P", "-s", "-m", "pleura.adapters.disposable.child", str(theirs.fileno())],
                env=_clean_environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # The libraries write values of the data set to stderr.
                stderr=subprocess.DEVNULL,
                close_fds=True,
                pass_fds=(theirs.fileno(),),
                # Ctrl-C in the terminal is for the door; the zygote ends when its control line closes.
                start_new_session=True,
            )
        self._end = weakref.finalize(self, _end, self._process, self._control)
        self._await_start()

    def is_alive(self) -> bool:
        try:
            # A dead zygote closes the control line before the line of any of its jobs closes.
            return bool(self._control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def stop(self) -> None:
        self._end()

    def ask(self, job: Job, limits: WorkerLimits, files: list[int]) -> tuple[Answer, list[bytes]]:
        """The answer of a fresh process, well-formed but not yet believed; raises BadInput."""
        deadline = time.monotonic() + limits.wall_seconds
        try:
            with self._summon(limits, files) as line:
                line.settimeout(limits.wall_seconds)
                send_frame(line, msgspec.json.encode(job), [])
                header, blobs = receive_frame(line, MAX_ANSWER, deadline + _GRACE_SECONDS)
                return msgspec.json.decode(header, type=Answer), blobs
        except TimeoutError:
            # The zygote should have killed the job by now, so both go.
            self.stop()
            raise refuse("decode-timeout", seconds=int(limits.wall_seconds)) from None
        except (OSError, ValueError, msgspec.MsgspecError):
            # The zygote kills a job at its deadline; here that is seen as a line that closes.
            if time.monotonic() >= deadline:
                raise refuse("decode-timeout", seconds=int(limits.wall_seconds)) from None
            raise refuse("decode-died") from None

    def _summon(self, limits: WorkerLimits, files: list[int]) -> socket.socket:
        """The line to a fresh process that holds *files* and has *limits*; raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        summons = Summons(
            memory=limits.memory,
            cpu_seconds=limits.cpu_seconds,
            wall_seconds=limits.wall_seconds,
            file_bytes=limits.file_bytes,
        )
        with theirs:
            try:
                socket.send_fds(self._control, [msgspec.json.encode(summons)], [theirs.fileno(), *files])
            except OSError:
                ours.close()
                raise
        return ours

    def _await_start(self) -> None:
        self._control.settimeout(_START_SECONDS)
        try:
            ready = self._control.recv(16)
        except OSError:
            ready = b""
        self._control.settimeout(None)
        if ready != b"ready":
            self.stop()
            raise EnvironmentFault(
                "worker-start",
                "the process that reads pictures does not start",
                "run pleura again; if it stays so, install pleura anew",
            )


def _end(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    """Kill the zygote and its jobs, which have nothing to save, and reap it."""
    control.close()
    # It leads a process group of its own, and nobody else reaps it, so the number is still its.
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _clean_environment() -> dict[str, str]:
    """An environment that is written here and not inherited, so that no secret can be in it."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(pleura.__file__).resolve().parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # Every job begins with fresh memory; large pages take most of the cost of touching it away.
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    }


@contextmanager
def _file(path: Path) -> Iterator[int]:
    """A descriptor of the regular file at *path*; raises BadInput for anything else."""
    try:
        # Without O_NONBLOCK a named pipe would hold the caller until somebody writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise refuse("file-unreadable") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise refuse("file-unreadable")
        if not status.st_size:
            raise refuse("file-empty")
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _memory(data: bytes) -> Iterator[int]:
    """A descriptor of a nameless file in memory that holds *data*."""
    descriptor = os.memfd_create("pleura", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as stream:
            stream.write(data)
        yield descriptor
    finally:
        os.close(descriptor)


def _raster(shape: RasterShape | None, data: bytes) -> Raster:
    if shape is None:
        raise refuse("decode-died")
    try:
        return shape.raster(data)
    except ValueError:
        raise refuse("decode-died") from None


def _refusal(answer: Answer) -> BadInput:
    """The refusal that the job named, in our own words; its facts are checked as hostile."""
    listed = REFUSALS.get(answer.refused)
    wanted = set(_FIELD.findall(listed.what + listed.next_step)) if listed else set()
    facts = {name: value for name, value in answer.why.items() if name in wanted}
    clean = all(isinstance(value, int) or _FACT.fullmatch(value) for value in facts.values())
    if listed is None or set(facts) != wanted or not clean:
        return refuse("decode-died")
    return refuse(answer.refused, **facts)
