"""Connections, and what a database fault means to the person at the machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from pleura.domain.errors import EnvironmentFault

_PRAGMAS: Final = (
    "PRAGMA busy_timeout = 30000",
    "PRAGMA journal_mode = WAL",
    # Catalogue and ledger commit together, and an answer promises both: every commit reaches the disk.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # An erased key is overwritten, not merely unlisted.
    "PRAGMA secure_delete = ON",
)

_DRIVERS: Final = frozenset({"pysqlite", "psycopg"})
_WAIT: Final = "SET LOCAL lock_timeout = '30s'"

# Any number that no other program in the same database uses: whoever writes holds this lock.
_ADVISORY_LOCK: Final = 0x706C65757261

_BEGIN_ALONE: Final = (
    # An answer promises that it is durable, whatever the server was told to do with others.
    "SET LOCAL synchronous_commit = on",
    _WAIT,
    # The ledger is one chain: whoever appends must be alone, as BEGIN IMMEDIATE has it in SQLite.
    f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})",
)
_LOCK_NOT_AVAILABLE: Final = "55P03"  # PostgreSQL, appendix A

# Primary result codes of SQLite (sqlite.org/rescode.html); the low byte of an extended code.
_PERM, _BUSY, _LOCKED, _READONLY, _IOERR = 3, 5, 6, 8, 10
_CORRUPT, _FULL, _CANTOPEN, _NOTADB = 11, 13, 14, 26


def open_engine(url: str) -> Engine:
    """An engine for *url*, opened by its first connection; one transaction at a time."""
    engine = create_engine(_parsed(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin_immediate)
    else:
        event.listen(engine, "begin", _begin_alone)
    return engine


def open_schema_engine(url: str) -> Engine:
    """An engine as `open_engine` gives it for whoever changes tables: `references_hold` ends its work.

    SQLite changes a table by making it anew, and would drop no table that another one refers to; the
    checks can be switched off outside a transaction only (sqlite.org/lang_altertable.html, section 7).
    """
    engine = open_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _suspend_references)
    return engine


def references_hold(connection: Connection) -> bool:
    """Whether every row that refers to another one finds it."""
    if connection.dialect.name != "sqlite":
        return True  # PostgreSQL has checked every statement
    return connection.exec_driver_sql("PRAGMA foreign_key_check").first() is None


def open_snapshot_engine(url: str) -> Engine:
    """An engine whose transactions see the database at one moment, write nothing and keep nobody waiting."""
    engine = create_engine(_parsed(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "connect", _write_nothing)
        event.listen(engine, "begin", _begin_deferred)
        return engine
    event.listen(engine, "begin", _begin_patient)
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def open_bare_engine(url: str) -> Engine:
    """An engine without transactions, for what must stand outside of any."""
    engine = create_engine(_parsed(url), isolation_level="AUTOCOMMIT")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
    return engine


def database_file(url: str) -> Path | None:
    """The file behind *url*, or None for a database server."""
    parsed = _parsed(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def require_file(url: str) -> None:
    """Return when the file behind *url* is there and can be written; raises EnvironmentFault.

    SQLite itself would make a missing file, and tells a read-only folder from a failing disk only
    by luck of which file it touches first.
    """
    file = database_file(url)
    if file is None:
        return
    if not file.is_file():
        raise EnvironmentFault(
            "database-missing",
            "the home has no database",
            "restore it from a backup, or set PLEURA_HOME to the right home",
        )
    if not (os.access(file, os.R_OK | os.W_OK) and os.access(file.parent, os.W_OK | os.X_OK)):
        raise EnvironmentFault(
            "home-read-only",
            "the database cannot be written",
            "give this user write permission in the home, or choose another PLEURA_HOME",
        )


@contextlib.contextmanager
def database_faults() -> Iterator[None]:
    """Turn what the database says about its machine into EnvironmentFault."""
    try:
        yield
    except IntegrityError:
        raise  # a broken rule of the schema is an error of ours, not of the machine
    except DBAPIError as error:
        raise _fault(error) if hasattr(error.orig, "sqlite_errorcode") else _server_fault(error) from error


def _prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    # The driver's own BEGIN is switched off; `_begin_immediate` begins instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _suspend_references(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.cursor().execute("PRAGMA foreign_keys = OFF")


def _write_nothing(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.cursor().execute("PRAGMA query_only = ON")


def _parsed(url: str) -> URL:
    """*url* taken apart; raises EnvironmentFault where it names no database that this program knows."""
    try:
        parsed = make_url(url)
        known = parsed.get_driver_name() in _DRIVERS
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        known = False
    if not known:
        raise EnvironmentFault(
            "database-url-unknown",
            "the address of the database is none that pleura knows",
            "write postgresql+psycopg://USER@HOST/DATABASE into database.url; without that file the home "
            "uses pleura.db",
        )
    return parsed


def _begin_immediate(connection: Connection) -> None:
    # Taking the write lock at once avoids the deadlock of two readers that both want to write.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    # The first read fixes the moment that this transaction sees (sqlite.org/isolation.html, WAL).
    connection.exec_driver_sql("BEGIN")


def _begin_alone(connection: Connection) -> None:
    # Without parameters the driver sends them together, in one round trip.
    connection.exec_driver_sql("; ".join(_BEGIN_ALONE))


def _begin_patient(connection: Connection) -> None:
    connection.exec_driver_sql(_WAIT)


def _server_fault(error: DBAPIError) -> EnvironmentFault:
    if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
        return locked()
    if isinstance(error, OperationalError):
        return EnvironmentFault(
            "database-unreachable",
            "the database server does not answer or refuses the connection",
            "check that it runs, the URL in database.url, and PGPASSFILE for the password",
        )
    return _refused(error)


def _fault(error: DBAPIError) -> EnvironmentFault:
    match getattr(error.orig, "sqlite_errorcode", 0) & 0xFF:
        case code if code == _FULL:
            return EnvironmentFault(
                "disk-full",
                "the disk that holds the database is full",
                "free some space there and run the command again; nothing half-written is listed",
            )
        case code if code in {_READONLY, _PERM}:
            return EnvironmentFault(
                "home-read-only",
                "the database cannot be written",
                "give this user write permission in the home, or choose another PLEURA_HOME",
            )
        case code if code in {_BUSY, _LOCKED}:
            return locked()
        case code if code in {_CORRUPT, _NOTADB}:
            return EnvironmentFault(
                "database-damaged",
                "the database file is damaged",
                "keep this home as it is and restore a backup elsewhere",
            )
        case code if code in {_IOERR, _CANTOPEN}:
            return EnvironmentFault(
                "database-unreachable",
                "the database cannot be opened or its disk reports a fault",
                "check the disk and the permissions of the home, then run the command again",
            )
    return _refused(error)


def locked() -> EnvironmentFault:
    """What is said when the lock is not given back in time."""
    return EnvironmentFault(
        "database-locked",
        "another program has kept the database locked for half a minute",
        "wait for it to finish or end it, then run the command again",
    )


def _refused(error: DBAPIError) -> EnvironmentFault:
    return EnvironmentFault(
        "database-refused",
        "the database refused a statement: {cause}",
        "check the free space and run the command again; if it stays so, restore the database from a backup",
        cause=type(error.orig).__name__,
    )
