"""A sample of the assurance of the container: damage is refused, keys and nonces do not repeat."""

from __future__ import annotations

import io
import itertools

import pytest
from assurance import container
from assurance.container import CHUNK, CONTEXT, DEK, FULL, OBJECTS, Tally, Task, damages, examine, subject

from pleura.crypto.container import HEADER_BYTES, open_range
from pleura.crypto.engines import TAG_BYTES, Algorithm
from pleura.domain.errors import SealBroken

SAMPLE = 2_000
ALGORITHMS = [algorithm.name for algorithm in Algorithm]


@pytest.fixture(scope="module")
def tallies() -> dict[str, Tally]:
    return container.survey(sample=SAMPLE, seed=1, jobs=1)


def test_every_damage_is_refused_by_every_reader(tallies: dict[str, Tally]) -> None:
    damaged = {row: tally for row, tally in tallies.items() if "_GCM: " in row}

    assert {row: tally.violations for row, tally in damaged.items() if tally.violations} == {}
    assert {row for row, tally in damaged.items() if tally.refused != tally.count} == set()


def test_the_sample_has_every_kind_of_damage(tallies: dict[str, Tally]) -> None:
    kinds = [
        *(f"a bit flipped, {shape}" for shape in OBJECTS),
        "cut",
        "extended",
        "chunks swapped",
        "a chunk put over another",
        "a chunk repeated",
        "a chunk dropped",
        "a part of an older sealing",
        "an older sealing, pinned",
        "another DEK",
        "another name",
    ]

    counts = {row: tally.count for row, tally in tallies.items() if "_GCM: " in row}

    assert set(counts) == {f"{name}: {kind}" for name, kind in itertools.product(ALGORITHMS, kinds)}
    assert sum(count for row, count in counts.items() if "flipped" in row) >= SAMPLE
    assert all(counts[f"{name}: cut"] > HEADER_BYTES + CHUNK + TAG_BYTES for name in ALGORITHMS)


def test_every_planted_bug_is_caught(tallies: dict[str, Tally]) -> None:
    planted = {row: tally.violations for row, tally in tallies.items() if row.startswith("planted")}

    assert planted == {
        "planted: unchecked tags are caught": [],
        "planted: bytes of a cut object are caught": [],
        "planted: copied random numbers are caught": [],
    }


def test_no_two_sealings_share_salt_or_chunk_key(tallies: dict[str, Tally]) -> None:
    sealings = {row: tally for row, tally in tallies.items() if row.startswith("sealings")}

    assert {row: tally.violations for row, tally in sealings.items() if tally.violations} == {}
    assert sum(tally.count for tally in sealings.values()) >= 10 * SAMPLE
    assert len(sealings) == 3


def test_the_full_run_flips_every_bit_once() -> None:
    task = Task(algorithm=Algorithm.SM4_GCM, shape="one chunk")
    whole = subject(task)

    flipped = {damage.sealed for damage in damages(whole, task) if "flipped" in damage.kind}

    assert len(flipped) == 8 * len(whole.sealed) == 33_544


def test_no_damage_is_the_whole_object_itself() -> None:
    for algorithm, shape in itertools.product(Algorithm, OBJECTS):
        task = Task(algorithm=algorithm, shape=shape, flips=10)
        whole = subject(task)

        same = [damage.kind for damage in damages(whole, task) if damage.sealed == whole.sealed]

        assert set(same) == {"another DEK", "another name"}


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize(("damaged", "asked"), list(itertools.product(range(3), repeat=2)))
def test_a_range_verifies_the_chunks_that_it_touches_and_the_last(
    damaged: int, asked: int, algorithm: Algorithm
) -> None:
    whole = subject(Task(algorithm=algorithm, shape="three chunks"))
    changed = bytearray(whole.sealed)
    changed[HEADER_BYTES + damaged * FULL] ^= 1
    span = slice(asked * CHUNK, (asked + 1) * CHUNK)

    if damaged in {asked, 2}:
        with pytest.raises(SealBroken):
            open_range(io.BytesIO(changed), DEK, span, context=CONTEXT)
    else:
        assert open_range(io.BytesIO(changed), DEK, span, context=CONTEXT) == whole.clear[span]


def test_a_range_of_an_object_cut_behind_it_is_refused() -> None:
    whole = subject(Task(algorithm=Algorithm.SM4_GCM, shape="three chunks"))

    with pytest.raises(SealBroken):
        open_range(io.BytesIO(whole.sealed[:-FULL]), DEK, slice(0, CHUNK), context=CONTEXT)


def test_an_object_that_does_not_open_undamaged_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(container.READERS, "open_all", lambda damage, given: None)

    with pytest.raises(RuntimeError, match="open_all does not open a whole object"):
        examine(Task(algorithm=Algorithm.SM4_GCM, shape="one chunk", flips=1))


def test_a_violation_is_printed_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"SM4_GCM: cut": Tally(count=1_234, refused=1_233, violations=["open_all opens it"])}
    monkeypatch.setattr(container, "survey", lambda **_: found)

    assert container.main([]) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "SM4_GCM: cut      1,234      1,233          1",
        "open_all opens it",
    ]
