"""Sealing and opening 200 MB beside the engine's raw time on the same chunks: bar 1.3, memory bar 64 MB.

    python -m bench.seal [--json]

Raw and container rounds take turns in one process, so that the machine's mood hits both; medians.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import BinaryIO

from pleura.crypto.container import CHUNK, open_stream, seal
from pleura.crypto.engines import TAG_BYTES, Algorithm, engine

SIZE = 200 << 20
ROUNDS = 5
KEY = bytes(range(32))


class Repeated(io.RawIOBase):
    """200 MB that take no memory: one random chunk over and over."""

    def __init__(self) -> None:
        self._chunk = os.urandom(CHUNK)
        self._left = SIZE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = min(len(buffer), CHUNK, self._left)
        buffer[:size] = self._chunk[:size]
        self._left -= size
        return size


def raw(algorithm: Algorithm, *, sealing: bool) -> None:
    """The engine alone over as many chunks of the same size, buffers used again."""
    chosen = engine(algorithm)
    aead = chosen.start(KEY[: chosen.key_bytes])
    clear, sealed = memoryview(bytearray(os.urandom(CHUNK))), memoryview(bytearray(CHUNK + TAG_BYTES))
    aead.encrypt(bytes(12), b"", clear, sealed)
    step = (
        (lambda: aead.encrypt(bytes(12), b"", clear, sealed))
        if sealing
        else (lambda: aead.decrypt(bytes(12), b"", sealed, clear))
    )
    for _ in range(SIZE // CHUNK):
        step()


def raw_seconds(algorithm: Algorithm, size: int) -> float:
    """Wall seconds of the engine alone over *size* bytes in chunks."""
    chosen = engine(algorithm)
    aead = chosen.start(KEY[: chosen.key_bytes])
    clear, sealed = memoryview(bytearray(os.urandom(CHUNK))), memoryview(bytearray(CHUNK + TAG_BYTES))
    started = time.perf_counter()
    for _ in range(-(-size // CHUNK)):
        aead.encrypt(bytes(12), b"", clear, sealed)
    return time.perf_counter() - started


def seal_all(algorithm: Algorithm) -> None:
    for _ in seal(Repeated(), KEY, context=b"bench", algorithm=algorithm):  # type: ignore[arg-type]
        pass


def open_all(sealed: BinaryIO) -> None:
    for _ in open_stream(sealed, KEY, context=b"bench"):
        pass


def seconds(step: Callable[[], None]) -> float:
    started = time.process_time()
    step()
    return time.process_time() - started


def resident() -> int:
    """Greatest resident memory of this process so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(algorithm: Algorithm, sealed: BinaryIO) -> dict[str, float]:
    sealed.seek(0)
    sealed.truncate()
    for piece in seal(Repeated(), KEY, context=b"bench", algorithm=algorithm):  # type: ignore[arg-type]
        sealed.write(piece)
    sealed.flush()
    before = resident()
    times: dict[str, list[float]] = {"raw seal": [], "seal": [], "raw open": [], "open": []}
    for _ in range(ROUNDS):
        times["raw seal"].append(seconds(lambda: raw(algorithm, sealing=True)))
        times["seal"].append(seconds(lambda: seal_all(algorithm)))
        times["raw open"].append(seconds(lambda: raw(algorithm, sealing=False)))
        times["open"].append(seconds(lambda: open_all(sealed)))
    medians = {name: statistics.median(found) for name, found in times.items()}
    return {**medians, "growth": (resident() - before) / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    print("| engine, 200 MB | raw, CPU s | container, CPU s | ratio (bar 1.3) | memory growth, MB (bar 64) |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryFile() as sealed:
        for algorithm in Algorithm:
            found = measure(algorithm, sealed)
            for verb in ("seal", "open"):
                base, ours = found[f"raw {verb}"], found[verb]
                print(
                    f"| {engine(algorithm).name}, {verb} | {base:.3f} | {ours:.3f} "
                    f"| {ours / base:.2f} | {found['growth']:.1f} |"
                )
            if arguments.json:
                print(json.dumps({"engine": engine(algorithm).name, **found}))


if __name__ == "__main__":
    main()
