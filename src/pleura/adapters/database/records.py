"""The port `Records`: one transaction over catalogue and ledger at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, RowMapping, insert, select

from pleura.adapters.database.catalogue import SqlCatalogue
from pleura.adapters.database.engine import database_faults, open_engine, require_file
from pleura.adapters.database.schema import ledger
from pleura.domain.ports import LedgerRow

_HASH_BYTES: Final = 32
_ROWS_AT_A_TIME: Final = 500


class Database:
    """Catalogue and ledger at *url*; the file must exist (see `migrate.upgrade`)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine = open_engine(url)

    @contextlib.contextmanager
    def begin(self) -> Iterator[SqlUnit]:
        """A unit that commits durably when the block ends and rolls back when it raises.

        Raises EnvironmentFault when the database is missing, locked, damaged or cannot be written.
        """
        require_file(self._url)
        with database_faults(), self._engine.begin() as connection:
            yield SqlUnit(connection)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


class SqlUnit:
    """The port `Unit` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._catalogue = SqlCatalogue(connection)
        self._ledger = SqlLedgerRows(connection)

    @property
    def catalogue(self) -> SqlCatalogue:
        """What is in the vault."""
        return self._catalogue

    @property
    def ledger(self) -> SqlLedgerRows:
        """The stored rows of the ledger."""
        return self._ledger


class SqlLedgerRows:
    """The port `LedgerRows` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def last(self) -> LedgerRow | None:
        """The row with the highest index."""
        statement = select(ledger).order_by(ledger.c.index.desc()).limit(1)
        row = self._connection.execute(statement).mappings().one_or_none()
        return _ledger_row(row) if row else None

    def add(self, row: LedgerRow) -> None:
        """Store one more row; an index that is taken is refused."""
        self._connection.execute(
            insert(ledger).values(
                index=row.index, entry=row.entry, frontier=b"".join(row.frontier), head=row.head
            )
        )

    def rows(self, start: int = 0) -> Iterator[LedgerRow]:
        """The rows from index *start* on, in order, a few hundred in memory at a time."""
        statement = select(ledger).where(ledger.c.index >= start).order_by(ledger.c.index)
        result = self._connection.execute(statement.execution_options(yield_per=_ROWS_AT_A_TIME))
        return (_ledger_row(row) for row in result.mappings())


def _ledger_row(row: RowMapping) -> LedgerRow:
    frontier: bytes = row["frontier"]
    hashes = tuple(frontier[at : at + _HASH_BYTES] for at in range(0, len(frontier), _HASH_BYTES))
    return LedgerRow(index=row["index"], entry=row["entry"], frontier=hashes, head=row["head"])
