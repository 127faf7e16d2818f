"""The ledger: append in the caller's transaction, verify everything (docs/formats/ledger.md, 4 and 5)."""

from __future__ import annotations

from dataclasses import dataclass

from pleura.crypto.signing import Signer
from pleura.domain.errors import LedgerBroken, NotFound
from pleura.domain.ports import Clock, LedgerRow, LedgerRows
from pleura.ledger.entries import Entry, decode, encode
from pleura.ledger.heads import Head, open_head, sign_head
from pleura.ledger.tree import Frontier, consistency_proof, inclusion_proof, leaf_hash
from pleura.ledger.verification import LedgerReport, check_row, verify_rows


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Where an entry stands and the signed head that covers it."""

    index: int
    leaf_hash: bytes
    head: str


@dataclass(frozen=True, kw_only=True)
class InclusionProof:
    """What an outsider needs, beside the public key, to see that an entry is in the ledger."""

    entry: bytes
    index: int
    path: tuple[bytes, ...]
    head: str


class Ledger:
    """The append-only log of one installation, signed by its key under one origin."""

    def __init__(self, signer: Signer, origin: str, clock: Clock) -> None:
        self._signer = signer
        self._origin = origin
        self._clock = clock

    def append(self, rows: LedgerRows, kind: str, actor: str, **facts: str | int) -> Receipt:
        """The receipt of one more entry in the caller's transaction.

        No answer without an entry: whatever this raises must roll the transaction back. Raises
        LedgerBroken when the last row is not what this ledger signed, ValueError for facts that
        the kind does not carry.
        """
        entry = encode(Entry(kind, self._clock.now(), actor, facts))
        leaf = leaf_hash(entry)
        frontier = self._trusted_frontier(rows).append(leaf)
        head = Head(origin=self._origin, size=frontier.size, root=frontier.root())
        row = LedgerRow(
            index=frontier.size - 1,
            entry=entry,
            frontier=frontier.roots,
            head=sign_head(head, self._signer),
        )
        rows.add(row)
        return Receipt(index=row.index, leaf_hash=leaf, head=row.head)

    def verify(self, rows: LedgerRows, public: bytes, *, witnessed: str | None = None) -> LedgerReport:
        """What the whole ledger adds up to; raises LedgerBroken at the first fault.

        *public* is the 32-byte Ed25519 key. *witnessed* is a head that was kept outside: without one,
        entries removed from the end cannot be noticed.
        """
        return verify_rows(rows.rows(), origin=self._origin, public=public, witnessed=witnessed)

    def entry(self, rows: LedgerRows, index: int) -> Entry:
        """The entry at *index*, proven by the head that was signed with it; raises NotFound, LedgerBroken.

        The frontier stored before the entry and the entry lead to the signed root, or one of them
        was changed: log2(index) hashes and one signature, without reading the rest of the ledger.
        """
        found = rows.rows(max(index - 1, 0))
        before = next(found, None) if index > 0 else None
        row = next(found, None)
        if row is None or row.index != index:
            raise _no_entry(index)
        frontier = Frontier(index, before.frontier) if before else Frontier()
        check_row(row, frontier, origin=self._origin, public=self._signer.public)
        return decode(row.entry)

    def proof(self, rows: LedgerRows, index: int) -> InclusionProof:
        """The proof that the entry at *index* is under the latest head; raises NotFound.

        It reads every entry: time and memory grow with the ledger, 32 bytes an entry.
        """
        leaves, entry, head = [], b"", ""
        for row in rows.rows():
            leaves.append(leaf_hash(row.entry))
            entry, head = (row.entry if row.index == index else entry), row.head
        if not 0 <= index < len(leaves):
            raise _no_entry(index)
        return InclusionProof(entry=entry, index=index, path=tuple(inclusion_proof(leaves, index)), head=head)

    def consistency(self, rows: LedgerRows, size: int) -> tuple[bytes, ...]:
        """The proof that the ledger of *size* entries is a prefix of the present one; raises NotFound."""
        leaves = [leaf_hash(row.entry) for row in rows.rows()]
        if not 1 <= size <= len(leaves):
            raise _no_entry(size - 1)
        return tuple(consistency_proof(leaves, size))

    def _trusted_frontier(self, rows: LedgerRows) -> Frontier:
        """The frontier of the last row, once its head is shown to be ours: never sign on a changed tail."""
        last = rows.last()
        if last is None:
            return Frontier()
        frontier = Frontier(last.index + 1, last.frontier)
        expected = Head(origin=self._origin, size=frontier.size, root=frontier.root())
        if open_head(last.head, self._signer.public) != expected:
            raise LedgerBroken(
                "ledger-tail-changed",
                "the last entry of the ledger, {index}, is not the one that was signed",
                "run pleura audit verify and keep this home as it is: it is evidence",
                index=last.index,
            )
        return frontier


def _no_entry(index: int) -> NotFound:
    return NotFound(
        "entry-unknown",
        "the ledger has no entry {index}",
        "list the entries with pleura audit show",
        index=index,
    )
