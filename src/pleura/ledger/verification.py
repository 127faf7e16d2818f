"""Verification of a stored ledger from the first row to the last (docs/formats/ledger.md, section 5).

It needs rows, origin and public key only, so that an outsider can run it too. The numbers in the
comments are the steps of that section.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from pleura.domain.errors import LedgerBroken
from pleura.domain.ports import LedgerRow
from pleura.ledger.entries import decode
from pleura.ledger.heads import Head, open_head
from pleura.ledger.tree import Frontier, leaf_hash

_LINES_OF_A_BARE_HEAD = 5  # origin, size, root, the blank line and one signature


@dataclass(frozen=True, kw_only=True)
class LedgerReport:
    """What a verified ledger adds up to."""

    entries: int
    root: bytes
    head: str
    """The latest signed head: keep a copy of it outside this installation."""
    latest: datetime
    """The latest time that an entry carries: the clock was there once."""
    backwards: int
    """Entries that carry an earlier time than the one before them: the clock was set back."""


def verify_rows(
    rows: Iterable[LedgerRow], *, origin: str, public: bytes, witnessed: str | None = None
) -> LedgerReport:
    """What *rows* add up to; raises LedgerBroken with the index and the kind of the first fault.

    *witnessed* is a head that was kept outside; without one, entries removed from the end cannot be
    noticed.
    """
    outside = open_head(witnessed, public) if witnessed is not None else None
    frontier, last = Frontier(), ""
    latest = before = datetime.min.replace(tzinfo=UTC)
    backwards = 0
    for row in rows:
        frontier = check_row(row, frontier, origin=origin, public=public)
        last, at = row.head, decode(row.entry).at
        latest, backwards, before = max(latest, at), backwards + (at < before), at
        if outside is not None and outside.size == frontier.size:
            _compare(outside, Head(origin=origin, size=frontier.size, root=frontier.root()))
    if not frontier.size:  # (1)
        raise LedgerBroken(
            "ledger-empty",
            "the ledger has no entry, not even the first",
            "keep this home as it is, it is evidence, and restore a backup elsewhere",
        )
    if outside is not None and outside.size > frontier.size:  # (6)
        raise LedgerBroken(
            "ledger-rolled-back",
            "the ledger ends after {entries} entries, but a head over {witnessed} was signed",
            "keep this home as it is, it is evidence, and restore a backup elsewhere",
            entries=frontier.size,
            witnessed=outside.size,
        )
    return LedgerReport(
        entries=frontier.size, root=frontier.root(), head=last, latest=latest, backwards=backwards
    )


def check_row(row: LedgerRow, before: Frontier, *, origin: str, public: bytes) -> Frontier:
    """The frontier after *row*, which keeps steps 2 to 5; raises LedgerBroken.

    *before* need not be trusted: only the frontier that was signed leads to the signed root.
    """
    if row.index != before.size:  # (2)
        raise LedgerBroken(
            "ledger-index-gap",
            "entry {index} of the ledger is missing or out of order",
            "keep this home as it is, it is evidence, and restore a backup elsewhere",
            index=before.size,
        )
    try:
        decode(row.entry)  # (3)
    except LedgerBroken as error:
        raise LedgerBroken(
            "ledger-entry-malformed",
            "entry {index} of the ledger is not in its canonical form",
            "keep this home as it is, it is evidence, and restore a backup elsewhere",
            index=row.index,
        ) from error
    frontier = before.append(leaf_hash(row.entry))
    if row.frontier != frontier.roots:  # (4)
        raise LedgerBroken(
            "ledger-frontier-wrong",
            "entry {index} of the ledger does not fit the state stored with it",
            "keep this home as it is, it is evidence, and restore a backup elsewhere",
            index=row.index,
        )
    _check_head(row, Head(origin=origin, size=frontier.size, root=frontier.root()), public)  # (5)
    return frontier


def _check_head(row: LedgerRow, expected: Head, public: bytes) -> None:
    try:
        head = open_head(row.head, public)
    except LedgerBroken as error:
        raise LedgerBroken(
            "ledger-head-invalid",
            "the head after entry {index} of the ledger is not one that this installation signed",
            "keep this home as it is, it is evidence, and restore a backup elsewhere",
            index=row.index,
        ) from error
    if head != expected or row.head.count("\n") != _LINES_OF_A_BARE_HEAD:
        raise LedgerBroken(
            "ledger-head-wrong",
            "the head after entry {index} of the ledger was signed for other entries",
            "keep this home as it is, it is evidence, and restore a backup elsewhere",
            index=row.index,
        )


def _compare(outside: Head, computed: Head) -> None:
    if outside != computed:  # (6)
        raise LedgerBroken(
            "ledger-forked",
            "the first {entries} entries of the ledger are not those of the head kept outside",
            "keep this home as it is, it is evidence, and restore a backup elsewhere",
            entries=outside.size,
        )
