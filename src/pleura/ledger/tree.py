"""The Merkle tree of RFC 9162, section 2.1, over SHA-256 (docs/formats/ledger.md, section 2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pleura.crypto.keys import digest
from pleura.domain.errors import LedgerBroken

HASH_BYTES: Final = 32


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf, 32 bytes (RFC 9162, 2.1.1)."""
    return digest(b"\x00" + entry)


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node, 32 bytes (RFC 9162, 2.1.1)."""
    return digest(b"\x01" + left + right)


@dataclass(frozen=True)
class Frontier:
    """The roots of the full subtrees of a tree of *size* leaves, largest first."""

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.roots) != self.size.bit_count() or any(len(node) != HASH_BYTES for node in self.roots):
            raise LedgerBroken(
                "frontier-malformed",
                "the stored state of the ledger does not fit a tree of {size} entries",
                "run pleura audit verify and keep this home as it is: it is evidence",
                size=self.size,
            )

    def append(self, leaf: bytes) -> Frontier:
        """The frontier with one more leaf hash; at most log2(size) node hashes."""
        roots, node, carry = list(self.roots), leaf, self.size
        while carry & 1:
            node = node_hash(roots.pop(), node)
            carry >>= 1
        return Frontier(self.size + 1, (*roots, node))

    def root(self) -> bytes:
        """The root of the whole tree (RFC 9162, 2.1.1); of the empty one, the hash of nothing."""
        if not self.roots:
            return digest(b"")
        *larger, node = self.roots
        for left in reversed(larger):
            node = node_hash(left, node)
        return node


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over *leaves*, a sequence of leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf)
    return frontier.root()


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The path from leaf *index*, ``0 <= index < len(leaves)``, to the root (RFC 9162, 2.1.3.1)."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"there is no leaf {index} in a tree of {len(leaves)}")
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_proof(leaves[:split], index), root(leaves[split:])]
    return [*inclusion_proof(leaves[split:], index - split), root(leaves[:split])]


def consistency_proof(leaves: Sequence[bytes], size: int) -> list[bytes]:
    """The proof that the first *size* leaves, ``1 <= size <= len(leaves)``, are a prefix (2.1.4.1)."""
    if not 1 <= size <= len(leaves):
        raise ValueError(f"a tree of {size} is not a proper prefix of a tree of {len(leaves)}")
    return _subproof(leaves, size, known=True)


def _subproof(leaves: Sequence[bytes], size: int, *, known: bool) -> list[bytes]:
    if size == len(leaves):
        return [] if known else [root(leaves)]
    split = _split(len(leaves))
    if size <= split:
        return [*_subproof(leaves[:split], size, known=known), root(leaves[split:])]
    return [*_subproof(leaves[split:], size - split, known=False), root(leaves[:split])]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> None:
    """Return when *proof* leads from *leaf* at *index* to the root *expected*; raises LedgerBroken.

    RFC 9162, 2.1.3.2: ``last`` and ``position`` walk up the tree together.
    """
    if not 0 <= index < size or len(leaf) != HASH_BYTES:
        raise _not_included()
    position, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise _not_included()
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    if last or node != expected:
        raise _not_included()


def verify_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Return when *root2* of *size2* leaves extends *root1* of *size1*; raises LedgerBroken.

    RFC 9162, 2.1.4.2. A proof from the empty tree proves nothing and is refused.
    """
    if not 0 < size1 <= size2:
        raise _not_consistent()
    if size1 == size2:
        if proof or root1 != root2:
            raise _not_consistent()
        return
    path = list(proof) if size1 & (size1 - 1) else [root1, *proof]
    if not path:
        raise _not_consistent()
    position, last = size1 - 1, size2 - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old, new = _climb(path, position, last)
    if (old, new) != (root1, root2):
        raise _not_consistent()


def _climb(path: Sequence[bytes], position: int, last: int) -> tuple[bytes, bytes]:
    """The old and the new root that *path* leads to (RFC 9162, 2.1.4.2, steps 5 to 7)."""
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise _not_consistent()
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise _not_consistent()
    return old, new


def _split(size: int) -> int:
    """The largest power of two smaller than *size*."""
    return 1 << ((size - 1).bit_length() - 1)


def _not_included() -> LedgerBroken:
    return LedgerBroken(
        "not-included",
        "the proof does not show the entry to be in the ledger",
        "ask for the proof again; if it stays wrong, keep both as evidence",
    )


def _not_consistent() -> LedgerBroken:
    return LedgerBroken(
        "not-consistent",
        "the proof does not show the later ledger to extend the earlier one",
        "ask for the proof again; if it stays wrong, keep both heads as evidence",
    )
