"""Bring a database to the schema of this program, and say which one it has.

Alembic takes a third of a second to load, so it is loaded where something is to be changed; whoever only
opens a home looks at the revision and at the names of our own files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, column, inspect, select, table

from pleura.adapters.database.engine import (
    database_faults,
    database_file,
    open_schema_engine,
    open_snapshot_engine,
    references_hold,
    require_file,
)
from pleura.domain.errors import EnvironmentFault

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_VERSION: Final = table("alembic_version", column("version_num"))


def upgrade(url: str, to: str = "head") -> None:
    """Make the database at *url* if there is none, and bring it to this program's schema, or leave it.

    *to* names an earlier revision, for a database that is filled from an older snapshot.

    All steps are one transaction. The file is readable by its owner only. Raises EnvironmentFault
    for a database of a newer program, and when it cannot be read or written.
    """
    _make_file(url)
    require_file(url)
    if to == "head" and current(url) == head():
        return  # the rule: nobody who only opens a home waits for whoever writes
    with changing(url) as connection:
        bring(connection, to)


def bring(connection: Connection, to: str = "head") -> None:
    """Bring the database behind *connection*, which `changing` gave, to a revision.

    Raises EnvironmentFault, also where a row would lose the one that it refers to.
    """
    from alembic import command  # noqa: PLC0415 - see above

    revision = _revision(connection)
    for known in (to, revision or to):
        _refuse_unknown(known)
    if revision != head():
        command.upgrade(configuration(connection), to)
        _refuse_dangling(connection)


@contextlib.contextmanager
def changing(url: str) -> Iterator[Connection]:
    """A transaction that may change tables; raises EnvironmentFault.

    The database file is made if there is none, readable by its owner only. Who changes or fills tables
    checks with `references_hold` in the end.
    """
    _make_file(url)
    require_file(url)
    engine = open_schema_engine(url)
    try:
        with database_faults(), engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def downgrade(url: str, to: str) -> None:
    """Take the database at *url* back to an earlier revision; what that one cannot hold is lost."""
    from alembic import command  # noqa: PLC0415 - see above

    with changing(url) as connection:
        command.downgrade(configuration(connection), to)
        _refuse_dangling(connection)


def head() -> str:
    """The newest revision that this program knows."""
    return max(_revisions())


def current(url: str) -> str | None:
    """The revision of the database at *url*; None for an empty one."""
    engine = open_snapshot_engine(url)
    try:
        with database_faults(), engine.begin() as connection:
            return _revision(connection)
    finally:
        engine.dispose()


def configuration(connection: Connection) -> Config:
    """What Alembic needs to work on *connection*, inside the transaction it is in."""
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    # The option is read by configparser, where a lone percent sign starts a reference.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none()


def _revisions() -> list[str]:
    """Every revision that this program knows: the file of revision 0004 is called ``r0004_...``."""
    return [path.name[1:5] for path in (_MIGRATIONS / "versions").glob("r*.py")]


def _refuse_dangling(connection: Connection) -> None:
    """Return when every row finds the rows it refers to: the change of a table did not check it."""
    if not references_hold(connection):
        raise EnvironmentFault(
            "database-dangling",
            "a row of the database refers to one that is not there, and the schema was left as it was",
            "keep this home as it is and restore a backup elsewhere",
        )


def _refuse_unknown(revision: str) -> None:
    if revision not in {"head", *_revisions()}:
        raise EnvironmentFault(
            "database-newer",
            "the database was made by a newer pleura (schema {revision})",
            "install the newer version again; an older one would damage it",
            revision=revision,
        )


def _make_file(url: str) -> None:
    file = database_file(url)
    if file is None or file.exists():
        return
    try:
        file.touch(mode=0o600)
    except OSError as error:
        raise EnvironmentFault(
            "home-read-only",
            "the database cannot be written",
            "give this user write permission in the home, or choose another PLEURA_HOME",
        ) from error
