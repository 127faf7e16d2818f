"""Every damage to a sealed object is refused, and no two sealings share a key or a nonce.

    python -m assurance container [--sample N] [--seed S] [--jobs J]

Small objects of both algorithms are damaged in every way: each bit is flipped, they are cut at each byte,
made longer, their chunks are moved, repeated, dropped and replaced by those of another sealing. Every
reader must raise SealBroken, exactly that, and give out not one byte; only the stream may have given out
the chunks before the damage, as docs/formats/sealed-object.md says in section 6.

Headers of many sealings under one key are compared: from one process, from children forked by one parent,
and from pairs of clones. A fork copies the memory of a process and not the generator of the kernel, so
the clone of a whole machine is not shown here.

The run is believed only when three planted bugs are caught: a tag that is not checked, a stream that does
not look at the last chunk first, and random numbers whose state a fork copies.
"""

from __future__ import annotations

import argparse
import io
import itertools
import multiprocessing
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from unittest import mock

from pleura.crypto import container
from pleura.crypto.container import HEADER_BYTES, commitment_of, open_all, open_range, open_stream, seal
from pleura.crypto.engines import TAG_BYTES, Aead, Algorithm, Engine, engine
from pleura.crypto.keys import derive
from pleura.domain.errors import SealBroken

CHUNK: Final = 4096
FULL: Final = CHUNK + TAG_BYTES
OBJECTS: Final = {"one chunk": CHUNK, "three chunks": 3 * CHUNK, "a short last chunk": 2 * CHUNK + 5}
"""Bytes of plaintext."""
DEK: Final = bytes(range(32))
CONTEXT: Final = b"img-3f9k2m7p1x8q/original"
OTHER_CONTEXTS: Final = (
    b"",
    b"img-3f9k2m7p1x8q/sketch",
    b"img-3f9k2m7p1x8p/original",
    b"IMG-3f9k2m7p1x8q/original",
    CONTEXT[:-1],
    CONTEXT + b"\0",
    CONTEXT + b" ",
)
EXTENSIONS: Final = (*range(1, 65), CHUNK - 1, CHUNK, CHUNK + 1, FULL - 1, FULL, FULL + 1, 2 * FULL)

SALT: Final = slice(10, 42)
"""Where the header has it."""
SEALS: Final = 1_000_000
SEALS_FOR_A_FLIP: Final = 10
CHILDREN: Final = 8
SEALS_OF_A_CLONE: Final = 250


@dataclass(frozen=True, kw_only=True)
class Task:
    """One object to damage."""

    algorithm: Algorithm
    shape: str
    flips: int | None = None
    """That many flips, drawn by the seed; else all."""
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An object, and an older sealing of other bytes under the same key and name."""

    clear: bytes
    sealed: bytes
    older: bytes

    @property
    def last(self) -> int:
        """The number of the last chunk, from 0."""
        return (len(self.clear) - 1) // CHUNK

    def before(self, *changed: int) -> int:
        """How many whole chunks a stream may give out when the *changed* ones are not authentic."""
        return 0 if self.last in changed else min(changed)


@dataclass(frozen=True, kw_only=True)
class Damage:
    """A damaged object, or a whole one and what does not open it."""

    kind: str
    sealed: bytes
    before: int = 0
    """Authentic chunks before the damage, which a stream may give out."""
    dek: bytes = DEK
    context: bytes = CONTEXT
    commitment: bytes = b""


@dataclass(kw_only=True)
class Tally:
    """What became of the cases of one kind."""

    count: int = 0
    refused: int | None = None
    violations: list[str] = field(default_factory=list)


def subject(task: Task) -> Subject:
    """The object of *task*; its salt is new each time."""
    clear, earlier = (random.Random(task.seed + age).randbytes(OBJECTS[task.shape]) for age in range(2))
    sealed, older = (_sealed(each, task.algorithm) for each in (clear, earlier))
    return Subject(clear=clear, sealed=sealed, older=older)


def _sealed(clear: bytes, algorithm: Algorithm) -> bytes:
    pieces = seal(io.BytesIO(clear), DEK, context=CONTEXT, algorithm=algorithm, chunk_size=CHUNK)
    return b"".join(bytes(piece) for piece in pieces)


def damages(whole: Subject, task: Task) -> Iterator[Damage]:
    """Every damage to *whole*, or of the flips and cuts those that are drawn."""
    drawn = random.Random(f"{task.seed} {task.algorithm} {task.shape}")
    size = len(whole.sealed)
    flips: Sequence[int] = range(8 * size)
    cuts: Sequence[int] = range(size)
    if task.flips is not None:
        flips = drawn.sample(flips, min(task.flips, len(flips)))
        # The cuts of the smallest object are few enough to be made all.
        cuts = cuts if whole.last == 0 else drawn.sample(cuts, min(task.flips, size))
    yield from _flipped(whole, flips, f"a bit flipped, {task.shape}")
    for length in cuts:
        yield Damage(kind="cut", sealed=whole.sealed[:length])
    yield from _extended(whole)
    yield from _rearranged(whole)
    yield from _replaced(whole)
    yield from _not_opened_by(whole)


def _flipped(whole: Subject, bits: Iterable[int], kind: str) -> Iterator[Damage]:
    for bit in bits:
        place = bit // 8
        changed = bytearray(whole.sealed)
        changed[place] ^= 1 << bit % 8
        before = whole.before((place - HEADER_BYTES) // FULL) if place >= HEADER_BYTES else 0
        yield Damage(kind=kind, sealed=bytes(changed), before=before)


def _extended(whole: Subject) -> Iterator[Damage]:
    for length in EXTENSIONS:
        for tail in (bytes(length), b"\xff" * length, whole.sealed[-length:], whole.sealed[:length]):
            yield Damage(kind="extended", sealed=whole.sealed + tail)
    yield Damage(kind="extended", sealed=whole.sealed + whole.sealed)


def _rearranged(whole: Subject) -> Iterator[Damage]:
    """Chunks swapped, put over one another, repeated, and dropped."""
    chunks = _chunks(whole.sealed)
    numbers = range(len(chunks))
    for first, second in itertools.combinations(numbers, 2):
        order = list(chunks)
        order[first], order[second] = chunks[second], chunks[first]
        yield _of("chunks swapped", whole, order, whole.before(first, second))
    for source, target in itertools.permutations(numbers, 2):
        order = [*chunks[:target], chunks[source], *chunks[target + 1 :]]
        yield _of("a chunk put over another", whole, order, whole.before(target))
    for source, place in itertools.product(numbers, range(len(chunks) + 1)):
        yield _of("a chunk repeated", whole, [*chunks[:place], chunks[source], *chunks[place:]])
    for number in numbers:
        yield _of("a chunk dropped", whole, [*chunks[:number], *chunks[number + 1 :]])


def _replaced(whole: Subject) -> Iterator[Damage]:
    """Parts of an older sealing under the same key and name, and the whole of it against a pin."""
    kind = "a part of an older sealing"
    chunks, older = _chunks(whole.sealed), _chunks(whole.older)
    for number in range(len(chunks)):
        order = [*chunks[:number], older[number], *chunks[number + 1 :]]
        yield _of(kind, whole, order, whole.before(number))
    yield Damage(kind=kind, sealed=whole.older[:HEADER_BYTES] + whole.sealed[HEADER_BYTES:])
    yield Damage(kind="an older sealing, pinned", sealed=whole.older, commitment=commitment_of(whole.sealed))


def _not_opened_by(whole: Subject) -> Iterator[Damage]:
    for bit in range(8 * len(DEK)):
        dek = bytearray(DEK)
        dek[bit // 8] ^= 1 << bit % 8
        yield Damage(kind="another DEK", sealed=whole.sealed, dek=bytes(dek))
    for context in OTHER_CONTEXTS:
        yield Damage(kind="another name", sealed=whole.sealed, context=context)


def _chunks(sealed: bytes) -> list[bytes]:
    return [sealed[start : start + FULL] for start in range(HEADER_BYTES, len(sealed), FULL)]


def _of(kind: str, whole: Subject, chunks: Sequence[bytes], before: int = 0) -> Damage:
    return Damage(kind=kind, sealed=whole.sealed[:HEADER_BYTES] + b"".join(chunks), before=before)


def _read_whole(damage: Damage, given: bytearray) -> None:
    sealed = io.BytesIO(damage.sealed)
    given += open_all(sealed, damage.dek, context=damage.context, commitment=damage.commitment)


def _read_stream(damage: Damage, given: bytearray) -> None:
    sealed = io.BytesIO(damage.sealed)
    for piece in open_stream(sealed, damage.dek, context=damage.context, commitment=damage.commitment):
        given += piece


def _read_range(damage: Damage, given: bytearray) -> None:
    sealed, span = io.BytesIO(damage.sealed), slice(0, len(damage.sealed))
    given += open_range(sealed, damage.dek, span, context=damage.context, commitment=damage.commitment)


READERS: Final[dict[str, Callable[[Damage, bytearray], None]]] = {
    "open_all": _read_whole,
    "open_stream": _read_stream,
    "open_range": _read_range,
}


def violations(damage: Damage, clear: bytes) -> Iterator[str]:
    """What is wrong with how each reader takes *damage* to the object of *clear*."""
    for name, reader in READERS.items():
        given = bytearray()
        try:
            reader(damage, given)
        except Exception as error:  # noqa: BLE001 - whatever a reader raises is judged
            if type(error) is not SealBroken:
                yield f"{name} raises {type(error).__name__}"
        else:
            yield f"{name} opens it"
        if len(given) > damage.before * CHUNK or given != clear[: len(given)]:
            yield f"{name} gives out {len(given)} bytes"


def examine(task: Task) -> dict[str, Tally]:
    """The tally of every kind of damage; raises RuntimeError when the object does not open undamaged."""
    whole = subject(task)
    for name, reader in READERS.items():
        given = bytearray()
        reader(Damage(kind="whole", sealed=whole.sealed, commitment=commitment_of(whole.sealed)), given)
        if given != whole.clear:
            raise RuntimeError(f"{name} does not open a whole object")
    tallies: dict[str, Tally] = {}
    for number, damage in enumerate(damages(whole, task)):
        row = f"{task.algorithm.name}: {damage.kind}"
        found = [f"{row}, number {number} of {task}: {what}" for what in violations(damage, whole.clear)]
        add(tallies, row, Tally(count=1, refused=not found, violations=found))
    return tallies


def add(tallies: dict[str, Tally], row: str, more: Tally) -> None:
    """Count *more* in *row*."""
    tally = tallies.setdefault(row, Tally())
    tally.count += more.count
    tally.violations += more.violations
    if more.refused is not None:
        tally.refused = (tally.refused or 0) + more.refused


def headers(count: int) -> Iterator[bytes]:
    """The headers of *count* sealings under one key and name: nothing but chance tells them apart."""
    for _ in range(count):
        yield bytes(next(seal(io.BytesIO(), DEK, context=CONTEXT)))


def forked(children: int, each: int) -> Iterator[bytes]:
    """The headers from *children* processes, all of them copies of this one; *each* seals so many."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / str(number) for number in range(children)]
        processes = [_fork(file, each) for file in files]
        # Every one is waited for before one is judged.
        endings = [os.waitpid(process, 0)[1] for process in processes]
        if any(endings):
            raise RuntimeError("a forked process failed")
        for file in files:
            found = file.read_bytes()
            yield from (found[start : start + HEADER_BYTES] for start in range(0, len(found), HEADER_BYTES))


def _fork(file: Path, count: int) -> int:
    process = os.fork()
    if process:
        return process
    try:
        file.write_bytes(b"".join(headers(count)))
        os._exit(0)
    finally:
        os._exit(1)


def cloned(pairs: int) -> Iterator[bytes]:
    """The headers from *pairs* of clones of this process, which itself seals once before each pair."""
    for _ in range(pairs):
        yield from headers(1)
        yield from forked(2, SEALS_OF_A_CLONE)


def sealings(seals: int) -> dict[str, Tally]:
    """The repeats among *seals* sealings: half by one process, a quarter by children, a quarter by clones."""
    seen: set[bytes] = set()
    pairs = max(1, seals // (8 * SEALS_OF_A_CLONE))
    return {
        "sealings by one process": repeats(headers(seals // 2), seen),
        f"sealings by {CHILDREN} children of one parent": repeats(forked(CHILDREN, seals // 32), seen),
        "sealings by pairs of clones": repeats(cloned(pairs), seen),
    }


def repeats(found: Iterable[bytes], seen: set[bytes]) -> Tally:
    """How many headers have a salt, or derive a chunk key, that was *seen* before.

    A salt that does not repeat makes the pair of salt and nonce prefix new too.
    """
    tally = Tally()
    for header in found:
        tally.count += 1
        fixed = header[: -len(commitment_of(header))]
        salt = fixed[SALT]
        key = derive(DEK, "sealed-object", fixed + CONTEXT, 48)[:16]
        # They differ in length, so that one set holds both.
        for name, value in (("salt", salt), ("chunk key", key)):
            if value in seen:
                tally.violations.append(f"sealing {tally.count}: {name} seen before")
            seen.add(value)
    return tally


class _Blind:
    """A planted bug: an engine that decrypts and does not ask for the tag."""

    def __init__(self, right: Aead) -> None:
        self.encrypt = right.encrypt

    def decrypt(self, _nonce: bytes, _aad: bytes, sealed: memoryview, clear: memoryview) -> None:
        clear[:] = sealed[:-TAG_BYTES]


def _blind(algorithm: Algorithm) -> Engine:
    right = engine(algorithm)
    return Engine(name="blind", key_bytes=right.key_bytes, start=lambda key: _Blind(right.start(key)))


def _hasty(damage: Damage, given: bytearray) -> None:
    """A planted bug: a stream that does not look at the last chunk first."""
    reader = container._Reader(io.BytesIO(damage.sealed), damage.dek, damage.context, damage.commitment)
    for number in range(reader.count):
        given += reader.chunk(number)


def unchecked_tags_are_caught() -> bool:
    """Whether a flipped bit is seen to open when no tag is checked."""
    whole = subject(Task(algorithm=Algorithm.SM4_GCM, shape="one chunk"))
    flip = next(_flipped(whole, [8 * HEADER_BYTES], "planted"))
    with mock.patch.object(container, "engine", _blind):
        return any("opens it" in found for found in violations(flip, whole.clear))


def bytes_of_a_cut_object_are_caught() -> bool:
    """Whether it is seen when the stream gives out the first chunks of a cut object."""
    whole = subject(Task(algorithm=Algorithm.SM4_GCM, shape="three chunks"))
    cut = Damage(kind="planted", sealed=whole.sealed[:-FULL])
    with mock.patch.dict(READERS, {"open_stream": _hasty}):
        return "open_stream gives out 4096 bytes" in violations(cut, whole.clear)


def copied_random_numbers_are_caught() -> bool:
    """Whether repeats are found when the random numbers come from memory, which a fork copies."""
    weak = random.Random(1).randbytes
    with mock.patch("pleura.crypto.container.secrets.token_bytes", weak):
        return not repeats(headers(100), set()).violations and bool(repeats(cloned(1), set()).violations)


PLANTED: Final = (
    unchecked_tags_are_caught,
    bytes_of_a_cut_object_are_caught,
    copied_random_numbers_are_caught,
)


def survey(*, sample: int | None, seed: int, jobs: int) -> dict[str, Tally]:
    """The tally of every damage, of the sealings, and of the planted bugs: to miss one is a violation."""
    shapes = list(itertools.product(Algorithm, OBJECTS))
    share = sample and -(-sample // len(shapes))
    tasks = [Task(algorithm=algorithm, shape=shape, flips=share, seed=seed) for algorithm, shape in shapes]
    # Spawned processes have one thread, so that they may fork.
    context = multiprocessing.get_context("spawn")
    tallies: dict[str, Tally] = {}
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        sealed = pool.submit(sealings, SEALS_FOR_A_FLIP * sample if sample else SEALS)
        caught = [pool.submit(planted) for planted in PLANTED]
        for examined in pool.map(examine, tasks):
            for row, tally in examined.items():
                add(tallies, row, tally)
        tallies |= sealed.result()
        for planted, answer in zip(PLANTED, caught, strict=True):
            row = f"planted: {planted.__name__.replace('_', ' ')}"
            tallies[row] = Tally(count=1, violations=[] if answer.result() else [f"{row}: no"])
    return tallies


def table(tallies: dict[str, Tally]) -> str:
    """One line for each kind."""
    width = max(map(len, tallies))
    lines = [f"{'what':{width}} {'count':>10} {'refused':>10} {'violations':>10}"]
    for row, tally in sorted(tallies.items()):
        refused = "-" if tally.refused is None else f"{tally.refused:,}"
        lines.append(f"{row:{width}} {tally.count:>10,} {refused:>10} {len(tally.violations):>10,}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Print the table and every violation; 1 when there is one."""
    parser = argparse.ArgumentParser(prog="python -m assurance container", description=__doc__)
    parser.add_argument(
        "--sample", type=int, help="that many flips, drawn by the seed, and ten sealings for each; else all"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    wanted = parser.parse_args(arguments)
    tallies = survey(sample=wanted.sample, seed=wanted.seed, jobs=wanted.jobs)
    print(table(tallies))
    found = [violation for tally in tallies.values() for violation in tally.violations]
    for violation in found:
        print(violation)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
