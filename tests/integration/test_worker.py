"""The disposable worker: it answers as the functions do, and a job that dies takes nothing with it."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import RLELossless
from tests.fakes.dicom_files import (
    compressed,
    deep_sequences,
    deflate_bomb,
    image,
    jpeg_bomb,
    part10,
    ramp,
    rle_bomb,
    valid_files,
    with_fragment,
)
from tests.fakes.worker import InProcessWorker

from pleura.adapters.worker import DisposableWorker, WorkerLimits
from pleura.domain.errors import BadInput
from pleura.domain.ports import PictureWorker
from pleura.domain.rasters import Raster, Received
from pleura.imaging.rasters import encode_png, to_raster

WHOLE = part10(image(ramp(), 12, WindowCenter="2048", WindowWidth="4096"))


@pytest.fixture(scope="module")
def worker() -> Iterator[DisposableWorker]:
    with DisposableWorker() as opened:
        yield opened


@pytest.fixture(scope="module")
def slow() -> bytes:
    """A valid file of 14 MB that takes pydicom's RLE decoder some seconds."""
    side = 9000
    row = b"\xe9\x07" * (side // 24)
    header = struct.pack("<16I", 2, 64, 64 + side * len(row), *[0] * 13)
    tiny = image(ramp(2, 2, 16), Rows=side, Columns=side)
    return with_fragment(tiny, RLELossless, header + row * side * 2)


def saved(data: bytes, folder: Path) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path


def receive(worker: PictureWorker, path: Path) -> Received:
    with worker.opened(path) as source:
        return worker.receive(source)


def suspect(worker: PictureWorker, path: Path) -> Raster:
    with worker.opened(path) as source:
        return worker.suspect(source)


def code_of(worker: PictureWorker, data: bytes, folder: Path) -> str:
    with pytest.raises(BadInput) as caught:
        receive(worker, saved(data, folder))
    assert str(caught.value)
    return caught.value.code


def children(process: int | str = "self") -> list[int]:
    lists = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for file in lists for child in file.read_text().split()]


@contextmanager
def started(limits: WorkerLimits | None = None) -> Iterator[tuple[DisposableWorker, int]]:
    """A worker of its own with the process ID of its zygote."""
    before = set(children())
    with DisposableWorker(limits) as worker:
        worker.display(WHOLE)
        (zygote,) = set(children()) - before
        assert eventually(lambda: not children(zygote))
        yield worker, zygote


def eventually(found: object, seconds: float = 5.0) -> object:
    end = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < end:  # type: ignore[operator]
        time.sleep(0.01)
    return value


def test_every_method_answers_as_the_functions_do(worker: DisposableWorker, tmp_path: Path) -> None:
    here = InProcessWorker()
    dicom = saved(WHOLE, tmp_path)
    picture = tmp_path / "picture.png"
    picture.write_bytes(encode_png(to_raster(ramp(bits=8))))
    stored = here.stored(WHOLE)

    assert receive(worker, dicom) == receive(here, dicom)
    assert receive(worker, picture) == receive(here, picture)
    assert suspect(worker, picture) == suspect(here, picture)
    assert worker.display(WHOLE) == here.display(WHOLE)
    assert worker.stored(WHOLE) == stored
    derived = worker.derive(WHOLE, stored.raster, "2.25.9", "marked copy")
    assert derived == here.derive(WHOLE, stored.raster, "2.25.9", "marked copy")


@pytest.mark.parametrize("name", valid_files())
def test_every_encoding_is_decoded_within_the_limits(
    name: str, worker: DisposableWorker, tmp_path: Path
) -> None:
    path = saved(valid_files()[name], tmp_path)

    assert receive(worker, path) == receive(InProcessWorker(), path)


def test_an_archive_is_unpacked(worker: DisposableWorker, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("DICOM/IM1", WHOLE)

    files = worker.unpack(tmp_path / "a.zip", folder)

    assert [file.read_bytes() for file in files] == [WHOLE]


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("file-empty", b""),
        ("not-an-image", b"a text renamed .dcm\n" * 20),
        ("dicom-truncated", WHOLE[:-9]),
        ("too-many-pixels", rle_bomb()),
        ("pixel-data-differs", jpeg_bomb()),
        ("dicom-too-deep", deep_sequences()),
        ("dicom-inflates", deflate_bomb()),
    ],
)
def test_a_refusal_keeps_its_reason_on_the_way(
    code: str, data: bytes, worker: DisposableWorker, tmp_path: Path
) -> None:
    assert code_of(worker, data, tmp_path) == code


def test_a_pipe_and_a_folder_and_nothing_are_refused(worker: DisposableWorker, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "absent"):
        with pytest.raises(BadInput) as caught:
            receive(worker, path)
        assert caught.value.code == "file-unreadable"


def test_a_job_killed_in_the_middle_is_a_refusal_and_the_next_job_works(slow: bytes, tmp_path: Path) -> None:
    with started() as (worker, zygote), ThreadPoolExecutor() as pool:
        job = pool.submit(code_of, worker, slow, tmp_path)
        assert eventually(lambda: children(zygote))
        os.kill(children(zygote)[0], signal.SIGKILL)

        assert job.result() == "decode-died"
        assert worker.display(WHOLE) == InProcessWorker().display(WHOLE)
        assert zygote in children()


def test_a_job_over_its_time_is_refused(slow: bytes, tmp_path: Path) -> None:
    with started(WorkerLimits(wall_seconds=0.3)) as (worker, zygote):
        assert code_of(worker, slow, tmp_path) == "decode-timeout"
        assert eventually(lambda: not children(zygote))


def test_a_job_over_its_processor_time_is_refused(slow: bytes, tmp_path: Path) -> None:
    with DisposableWorker(WorkerLimits(cpu_seconds=1)) as worker:
        assert code_of(worker, slow, tmp_path) == "decode-died"


def test_a_job_over_its_memory_is_refused(slow: bytes, tmp_path: Path) -> None:
    with DisposableWorker(WorkerLimits(memory=40 << 20)) as worker:
        assert code_of(worker, slow, tmp_path) in {"decode-memory", "decode-died", "decode-failed"}


def test_a_file_over_the_limit_is_not_even_given(tmp_path: Path) -> None:
    with DisposableWorker(WorkerLimits(file_bytes=1000)) as worker:
        assert code_of(worker, WHOLE, tmp_path) == "file-too-large"


def test_a_dead_zygote_is_replaced(tmp_path: Path) -> None:
    with started() as (worker, zygote):
        os.kill(zygote, signal.SIGKILL)

        assert worker.display(WHOLE) == InProcessWorker().display(WHOLE)
        assert zygote not in children()


def test_no_secret_of_the_parent_reaches_the_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLEURA_PASSPHRASE_FILE", "/secret-passphrase")
    secret = os.open(saved(b"key", tmp_path), os.O_RDONLY)
    os.set_inheritable(secret, True)  # noqa: FBT003  the standard library wants it so
    with started() as (_, zygote):
        environment = Path(f"/proc/{zygote}/environ").read_bytes()
        held = [str(file.readlink()) for file in Path(f"/proc/{zygote}/fd").iterdir()]
    os.close(secret)

    assert b"PASSPHRASE" not in environment
    assert [name for name in held if not name.startswith(("/dev/null", "socket:"))] == []


def test_a_closed_worker_leaves_no_process_behind() -> None:
    before = children()
    worker = DisposableWorker()
    worker.display(WHOLE)

    worker.close()

    assert children() == before


def test_the_zygote_dies_with_a_parent_that_is_killed() -> None:
    script = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from pleura.adapters.worker import DisposableWorker
        from tests.integration.test_worker import WHOLE, children
        worker = DisposableWorker()
        worker.display(WHOLE)
        print(children()[0], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    paths = os.pathsep.join(["src", "."])
    told = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": paths},
    )

    zygote = Path("/proc") / told.stdout.decode().strip()

    assert told.returncode == -signal.SIGKILL
    assert eventually(lambda: not (zygote / "exe").exists())


def test_threads_share_one_worker(worker: DisposableWorker) -> None:
    files = list(valid_files().values())
    expected = [InProcessWorker().display(file) for file in files]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(worker.display, files * 5))

    assert found == expected * 5
    assert threading.active_count() >= 1


def test_a_job_costs_a_fork_and_not_a_start(worker: DisposableWorker) -> None:
    worker.display(WHOLE)
    started = time.perf_counter()

    for _ in range(10):
        worker.display(WHOLE)

    assert (time.perf_counter() - started) / 10 < 0.25


def test_a_large_frame_of_the_slow_kind_is_still_read(slow: bytes, tmp_path: Path) -> None:
    with DisposableWorker() as worker:
        received = receive(worker, saved(slow, tmp_path))
        shown = worker.display(slow)

    assert (received.facts.rows, received.facts.columns) == (9000, 9000)
    assert (shown.rows, shown.columns) == (9000, 9000)
    assert np.frombuffer(shown.data, np.uint8).max() == 0


def test_compressed_pixels_and_their_copy_are_the_same(worker: DisposableWorker) -> None:
    original = compressed(image(ramp(), 12), RLELossless)
    stored = worker.stored(original)

    copy = worker.derive(original, stored.raster, "2.25.3", "marked copy")

    assert worker.stored(copy) == stored
