"""The port `Records`: one transaction over catalogue and ledger at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, RowMapping, insert, select
from sqlalchemy.exc import IntegrityError

from pleura.adapters.database import transfer
from pleura.adapters.database.catalogue import SqlCatalogue
from pleura.adapters.database.engine import (
    database_faults,
    database_file,
    locked,
    open_bare_engine,
    open_engine,
    open_snapshot_engine,
    references_hold,
    require_file,
)
from pleura.adapters.database.migrate import bring, changing, current, head
from pleura.adapters.database.schema import ledger, metadata
from pleura.adapters.database.watching import SqlWatchRows
from pleura.domain.errors import BadInput
from pleura.domain.ports import LedgerRow

_HASH_BYTES: Final = 32
_ROWS_AT_A_TIME: Final = 500


def fill(url: str, pieces: Iterable[bytes | memoryview]) -> None:
    """Make the database at *url* from what `Database.dump` gave, then bring it to this program's schema.

    One transaction: everything, or nothing. Raises BadInput for a stream that is not whole and where a
    database is already, EnvironmentFault for a stream of a newer program.
    """
    with filling(url, pieces):
        pass


@contextlib.contextmanager
def filling(url: str, pieces: Iterable[bytes | memoryview]) -> Iterator[Filled]:
    """The same, and what the block does there is in the same transaction."""
    if is_filled(url):
        raise occupied()
    following = transfer.frames(pieces)
    header = next(following, None)
    if not isinstance(header, transfer.Header):
        raise transfer.malformed()
    with changing(url) as connection:
        bring(connection, header.revision)
        try:
            transfer.load(connection, following)
        except IntegrityError:
            raise transfer.malformed() from None
        bring(connection)
        if not references_hold(connection):
            raise transfer.malformed()
        yield Filled(connection)


def is_filled(url: str) -> bool:
    """Whether there is a database of ours at *url*."""
    file = database_file(url)
    return (file is None or file.exists()) and current(url) is not None


def occupied() -> BadInput:
    """The refusal to fill what holds something already."""
    return BadInput(
        "database-occupied",
        "the database that should be filled is not empty",
        "give an empty database; a file that is in the way and not used is removed by pleura doctor --repair",
    )


class Database:
    """Catalogue and ledger at *url*; the file must exist (see `migrate.upgrade`)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine = open_engine(url)
        self._snapshots = open_snapshot_engine(url)

    @contextlib.contextmanager
    def begin(self) -> Iterator[SqlUnit]:
        """A unit that commits durably when the block ends and rolls back when it raises.

        Raises EnvironmentFault when the database is missing, locked, damaged or cannot be written.
        """
        require_file(self._url)
        with database_faults(), self._engine.begin() as connection:
            yield SqlUnit(connection)

    @contextlib.contextmanager
    def read(self) -> Iterator[SqlUnit]:
        """A unit that sees the database at one moment and writes nothing; writers are not kept waiting.

        Raises EnvironmentFault as `begin` does, and when something is written all the same.
        """
        require_file(self._url)
        with database_faults(), self._snapshots.connect() as connection, connection.begin():
            yield SqlUnit(connection)

    def dump(self) -> Iterator[bytes]:
        """The frames of everything in the database at one moment; writers are not kept waiting."""
        require_file(self._url)
        with database_faults(), self._snapshots.connect() as connection, connection.begin():
            yield from transfer.dump(connection, head())

    def scrub(self) -> None:
        """Overwrite what deleted rows left behind, as far as the database can.

        SQLite: deleted content was zeroed in its pages (secure_delete); the write-ahead log is emptied.
        PostgreSQL: dead rows are removed; its own log keeps them until it is recycled. Raises
        EnvironmentFault where a reader keeps the log from being emptied for half a minute.
        """
        require_file(self._url)
        if self._engine.dialect.name != "sqlite":
            self._outside_transactions(f'VACUUM "{table.name}"' for table in metadata.sorted_tables)
        # SQLite waits for readers as long as its busy_timeout; then it says that it was kept from it.
        elif self._outside_transactions(["PRAGMA wal_checkpoint(TRUNCATE)"]) != [0]:
            raise locked()

    def fault(self) -> str:
        """One word for what is wrong with the database; empty when nothing is."""
        if current(self._url) != head():
            return "schema"
        if self._engine.dialect.name != "sqlite":
            return ""
        found = self._outside_transactions(["PRAGMA quick_check(1)"])
        return "" if found == ["ok"] else "damaged"

    def _outside_transactions(self, statements: Iterable[str]) -> list[object]:
        """The first value that each statement gives."""
        engine = open_bare_engine(self._url)
        try:
            with database_faults(), engine.connect() as connection:
                results = [connection.exec_driver_sql(statement) for statement in statements]
                return [row[0] for result in results if result.returns_rows for row in result]
        finally:
            engine.dispose()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        self._snapshots.dispose()


class SqlUnit:
    """The port `Unit` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._catalogue = SqlCatalogue(connection)
        self._ledger = SqlLedgerRows(connection)
        self._watch = SqlWatchRows(connection)

    @property
    def catalogue(self) -> SqlCatalogue:
        """What is in the vault."""
        return self._catalogue

    @property
    def ledger(self) -> SqlLedgerRows:
        """The stored rows of the ledger."""
        return self._ledger

    @property
    def watch(self) -> SqlWatchRows:
        """The watch list and what it has found."""
        return self._watch


class Filled(SqlUnit):
    """The port `Unit` over a database that was filled in the same transaction, which may still roll back."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._connection = connection

    def dump(self) -> Iterator[bytes]:
        """The frames of everything in it now."""
        return transfer.dump(self._connection, head())


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
        values = {"index": row.index, "entry": row.entry, "head": row.head}
        self._connection.execute(insert(ledger), values | {"frontier": b"".join(row.frontier)})

    def rows(self, start: int = 0) -> Iterator[LedgerRow]:
        """The rows from index *start* on, in order, a few hundred in memory at a time."""
        statement = select(ledger).where(ledger.c.index >= start).order_by(ledger.c.index)
        result = self._connection.execute(statement.execution_options(yield_per=_ROWS_AT_A_TIME))
        return (_ledger_row(row) for row in result.mappings())


def _ledger_row(row: RowMapping) -> LedgerRow:
    frontier: bytes = row["frontier"]
    hashes = tuple(frontier[at : at + _HASH_BYTES] for at in range(0, len(frontier), _HASH_BYTES))
    return LedgerRow(index=row["index"], entry=row["entry"], frontier=hashes, head=row["head"])
