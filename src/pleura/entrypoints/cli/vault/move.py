"""``pleura move``: the installation across to another database."""

from __future__ import annotations

import os
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from pleura.bootstrap import move_house
from pleura.domain.errors import BadInput
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import actor, print_json
from pleura.entrypoints.passphrase import read_passphrase
from pleura.settings import Settings

HERE = "home"
_POSTGRESQL = "postgresql://"


def command(
    *,
    to: Annotated[
        str, typer.Option(help="postgresql://USER@HOST/DATABASE (no password), or home for the file.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Copy catalogue and ledger to an empty database, show both to be the same, then use the new one."""
    settings = Settings.from_environment(os.environ)
    say = Texts(settings.language)
    counted = move_house(settings, lambda: read_passphrase(settings, say), database_url(to), actor=actor())
    if as_json:
        print_json({"database": to, "rows": counted})
        return
    print(
        say(
            "moved and compared: {rows} rows in {tables} tables",
            rows=sum(counted.values()),
            tables=len(counted),
        )
    )
    print(
        say(
            "If the old database was on a server, drop it there: DROP DATABASE. It, its log and its backups "
            "still hold the wrapped keys."
        )
    )


def database_url(given: str) -> str:
    """The URL as the database library wants it, empty for the file in the home; raises BadInput."""
    if given == HERE:
        return ""
    _, _, rest = given.partition("://")
    # The note in the home is one line; urlsplit would drop what breaks it.
    plain = given.startswith(_POSTGRESQL) and given.isprintable() and " " not in given
    if not plain or _has_password(given):
        raise BadInput(
            "bad-database-url",
            "the database is named by postgresql://USER@HOST/DATABASE, without a password",
            "keep the password in a file that PGPASSFILE names",
        )
    return f"postgresql+psycopg://{rest}"


def _has_password(url: str) -> bool:
    """Whether *url*, which other users can see in the list of processes, gives a password away."""
    try:
        parts = urlsplit(url)
        return parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True)
    except ValueError:  # brackets without an IPv6 address
        return True
