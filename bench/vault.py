"""Import of 100 DX images of 8 MB, random reads in a large object, memory of a 2 GB object.

    python -m bench.vault [--images N] [--gigabytes N]

Import: from the first byte to the last "stored" through the same room and with as many threads as `pleura
import` (digest, decoding workers, sealing, fsync, catalogue and ledger), as a ratio to the slower of (a)
copying the same files with fsync and (b) sealing their bytes by the engine alone; goal 0.5. Making the
sketches, which nobody waits for, has a row of its own. The three take turns, three times; medians are shown.
All on the disk under TMPDIR.
"""

from __future__ import annotations

import argparse
import io
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from bench.seal import raw_seconds
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from pleura.adapters.storage.objects import FolderObjects
from pleura.bootstrap import Founding, House, found_house, open_house
from pleura.crypto.container import open_range, seal
from pleura.crypto.engines import TAG_BYTES, Algorithm, engine
from pleura.entrypoints.cli.importing import THREADS
from pleura.prevent.vault import FRAME_CHUNK
from pleura.settings import Settings

ROWS = COLUMNS = 2000
PASSPHRASE = "a long walk by the river"
KEY = bytes(range(32))
READ = 64 * 1024
COPY, ENGINE = "plain copy and fsync", "engine alone (SM4-GCM), one core"
ROUNDS = 3


def write_film(path: Path, seed: int) -> None:
    """A DX instance of 8 MB: smooth shadows with the noise of a detector, 12 of 16 bits."""
    dice = np.random.default_rng(seed)
    ramp = np.linspace(300, 3000, COLUMNS, dtype=np.float32)
    waves = np.sin(np.linspace(0, 9 + seed % 7, ROWS, dtype=np.float32))[:, None] * 400
    pixels = np.clip(ramp + waves + dice.normal(0, 20, (ROWS, COLUMNS)), 0, 4095).astype(np.uint16)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    film.SOPClassUID, film.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    film.StudyInstanceUID, film.SeriesInstanceUID = generate_uid(), generate_uid()
    film.PatientID, film.PatientName, film.Modality = f"P{seed}", "Bench^Patient", "DX"
    film.Rows, film.Columns, film.SamplesPerPixel = ROWS, COLUMNS, 1
    film.PhotometricInterpretation = "MONOCHROME2"
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    film.PixelData = pixels.tobytes()
    film.save_as(path, enforce_file_format=True)


def timed(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def copy_all(films: list[Path], folder: Path) -> None:
    folder.mkdir()
    for film in films:
        with (folder / film.name).open("wb") as target, film.open("rb") as source:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())


def import_all(films: list[Path], house: House) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        arrivals = list(pool.map(lambda film: house.arrivals.receive(film, actor="bench"), films))
    assert {arrival.status for arrival in arrivals} == {"stored"}


def one_round(films: list[Path], folder: Path) -> dict[str, float]:
    """Seconds of every row, on a fresh home and a fresh folder of copies."""
    settings, size = Settings(home=folder / "home"), sum(film.stat().st_size for film in films)
    founding = Founding(passphrase=PASSPHRASE, administrator="admin", password="a password of the bench")
    found_house(settings, founding)
    with open_house(settings, lambda: PASSPHRASE) as house:
        return {
            COPY: timed(lambda: copy_all(films, folder / "copies")),
            ENGINE: raw_seconds(Algorithm.SM4_GCM, size),
            f"import, {THREADS} threads": timed(lambda: import_all(films, house)),
            "the sketches of the same, afterwards": timed(house.sketcher.catch_up),
        }


def bench_import(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films = [folder / f"{number}.dcm" for number in range(count)]
        for number, film in enumerate(films):
            write_film(film, number)
        size = sum(film.stat().st_size for film in films)
        rounds = []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                rounds.append(one_round(films, Path(place)))
    seconds = {row: statistics.median(each[row] for each in rounds) for row in rounds[0]}
    slower = max(seconds[COPY], seconds[ENGINE])
    print(f"| {count} DX images, {size / 1e6:.0f} MB | s | MB/s | ratio to the slower (goal 0.5) |")
    print("|---|---|---|---|")
    for what, spent in seconds.items():
        print(f"| {what} | {spent:.2f} | {size / 1e6 / spent:.0f} | {slower / spent:.2f} |")


class Noise(io.RawIOBase):
    """So many random-looking bytes that take no memory."""

    def __init__(self, size: int) -> None:
        self._chunk = os.urandom(1 << 20)
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = min(len(buffer), len(self._chunk), self._left)
        buffer[:size] = self._chunk[:size]
        self._left -= size
        return size


def read_at_random(objects: FolderObjects, size: int) -> None:
    offset = secrets.randbelow(size - READ)
    with objects.open("big/original") as stream:
        assert len(open_range(stream, KEY, slice(offset, offset + READ), context=b"big")) == READ


def bench_reads(size: int) -> None:
    chosen = engine(Algorithm.SM4_GCM)
    aead = chosen.start(KEY[: chosen.key_bytes])
    clear, sealed = memoryview(bytearray(FRAME_CHUNK)), memoryview(bytearray(FRAME_CHUNK + TAG_BYTES))
    aead.encrypt(bytes(12), b"", clear, sealed)
    with tempfile.TemporaryDirectory() as name:
        objects = FolderObjects(Path(name))
        objects.put("big/original", seal(Noise(size), KEY, context=b"big", chunk_size=FRAME_CHUNK))  # type: ignore[arg-type]
        reads, calls = [], []
        for _ in range(400):
            reads.append(timed(lambda: read_at_random(objects, size)))
            calls.append(timed(lambda: aead.decrypt(bytes(12), b"", sealed, clear)))
    read, call = statistics.median(reads) * 1e3, statistics.median(calls) * 1e3
    print(f"\n| random 64 KiB in {size / 1e9:.1f} GB, 64 KiB chunks | ms, median of 400 |")
    print("|---|---|")
    print(f"| one engine call on 64 KiB | {call:.3f} |")
    print(f"| read (goal: 2 ms plus one call) | {read:.3f} |")
    print(f"| slowest of 400 | {max(reads) * 1e3:.3f} |")


MEMORY = """
import resource, sys, tempfile
from pathlib import Path
from bench.vault import KEY, Noise
from pleura.adapters.storage.objects import FolderObjects
from pleura.crypto.container import open_stream, seal
size = int(sys.argv[1])
with tempfile.TemporaryDirectory() as name:
    objects = FolderObjects(Path(name))
    objects.put("warm/original", seal(Noise(1 << 20), KEY, context=b"x"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    objects.put("big/original", seal(Noise(size), KEY, context=b"x"))
    with objects.open("big/original") as stream:
        for _ in open_stream(stream, KEY, context=b"x"):
            pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def bench_memory(size: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(size)], capture_output=True, text=True, check=True
    )
    print(f"\n| seal to disk and open {size / 1e9:.1f} GB | growth of resident memory, MB (bar 64) |")
    print("|---|---|")
    print(f"| SM4-GCM, 256 KiB chunks | {float(done.stdout):.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    arguments = parser.parse_args()
    bench_import(arguments.images)
    bench_reads(int(arguments.gigabytes * 0.5e9))
    bench_memory(int(arguments.gigabytes * 1e9))


if __name__ == "__main__":
    main()
