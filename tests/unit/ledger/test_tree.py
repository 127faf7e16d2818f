"""The Merkle tree against RFC 9162's definitions and the vectors of transparency-dev."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleura.domain.errors import LedgerBroken
from pleura.ledger.tree import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

DEFAULT = Path(__file__).parents[4] / "shared" / "vectors"
MERKLE = Path(os.environ.get("PLEURA_VECTORS", DEFAULT)) / "merkle"
needs_vectors = pytest.mark.skipif(
    not MERKLE.is_dir(), reason="the transparency-dev vectors are absent; set PLEURA_VECTORS"
)

LEAVES = [leaf_hash(str(number).encode()) for number in range(70)]


def defined_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, written down as it stands there."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = defined_root(leaves[:split]), defined_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def cases(kind: str) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted((MERKLE / kind).rglob("*.json"))]


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def refused(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except LedgerBroken:
        return True
    return False


@needs_vectors
def test_all_98_inclusion_cases_of_transparency_dev_come_out_as_stated() -> None:
    outcomes = [
        (
            refused(
                verify_inclusion,
                decoded(case["leafHash"]),
                case["leafIdx"],
                case["treeSize"],
                [decoded(node) for node in case["proof"] or []],
                decoded(case["root"]),
            ),
            case["wantErr"],
        )
        for case in cases("inclusion")
    ]

    assert len(outcomes) == 98
    assert [expected for _, expected in outcomes] == [actual for actual, _ in outcomes]


@needs_vectors
def test_all_98_consistency_cases_of_transparency_dev_come_out_as_stated() -> None:
    outcomes = [
        (
            refused(
                verify_consistency,
                case["size1"],
                case["size2"],
                [decoded(node) for node in case["proof"] or []],
                decoded(case["root1"]),
                decoded(case["root2"]),
            ),
            case["wantErr"],
        )
        for case in cases("consistency")
    ]

    assert len(outcomes) == 98
    assert [expected for _, expected in outcomes] == [actual for actual, _ in outcomes]


def test_the_root_of_the_empty_tree_is_the_hash_of_nothing() -> None:
    assert hashlib.sha256(b"").digest() == root([]) == Frontier().root()


def test_a_leaf_and_a_node_are_hashed_apart() -> None:
    assert hashlib.sha256(b"\x00" + b"entry").digest() == leaf_hash(b"entry")
    assert hashlib.sha256(b"\x01" + b"l" + b"r").digest() == node_hash(b"l", b"r")


@pytest.mark.parametrize("size", range(len(LEAVES)))
def test_the_frontier_gives_the_root_that_the_standard_defines(size: int) -> None:
    assert defined_root(LEAVES[:size]) == root(LEAVES[:size])


def test_a_frontier_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(LedgerBroken):
        Frontier(3, (LEAVES[0],))


def test_a_frontier_with_a_short_hash_is_refused() -> None:
    with pytest.raises(LedgerBroken):
        Frontier(1, (b"short",))


def test_every_inclusion_proof_up_to_33_leaves_verifies() -> None:
    for size in range(1, 34):
        expected = root(LEAVES[:size])
        for index in range(size):
            verify_inclusion(LEAVES[index], index, size, inclusion_proof(LEAVES[:size], index), expected)


def test_every_consistency_proof_up_to_33_leaves_verifies() -> None:
    for new in range(1, 34):
        for old in range(1, new + 1):
            proof = consistency_proof(LEAVES[:new], old)
            verify_consistency(old, new, proof, root(LEAVES[:old]), root(LEAVES[:new]))


@given(st.integers(2, 70), st.data())
def test_a_changed_inclusion_proof_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(LEAVES[:size], index)
    at, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
    proof[at] = (int.from_bytes(proof[at]) ^ (1 << bit)).to_bytes(32)

    with pytest.raises(LedgerBroken):
        verify_inclusion(LEAVES[index], index, size, proof, root(LEAVES[:size]))


@given(st.integers(2, 70), st.data())
def test_a_proof_does_not_fit_another_index(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size + 3).filter(lambda number: number != index))

    with pytest.raises(LedgerBroken):
        verify_inclusion(
            LEAVES[index], other, size, inclusion_proof(LEAVES[:size], index), root(LEAVES[:size])
        )


@given(st.integers(2, 70), st.data())
def test_a_fork_has_no_consistency_proof(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size - 1))
    forked = [leaf_hash(b"another"), *LEAVES[1:old]]

    with pytest.raises(LedgerBroken):
        verify_consistency(
            old, size, consistency_proof(LEAVES[:size], old), root(forked), root(LEAVES[:size])
        )


@pytest.mark.parametrize(("size", "index"), [(0, 0), (3, 3), (3, -1)])
def test_there_is_no_inclusion_proof_outside_the_tree(size: int, index: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(LEAVES[:size], index)


@pytest.mark.parametrize(("new", "old"), [(3, 0), (3, 4), (0, 0)])
def test_there_is_no_consistency_proof_from_nothing_or_from_the_future(new: int, old: int) -> None:
    with pytest.raises(ValueError, match="prefix"):
        consistency_proof(LEAVES[:new], old)
