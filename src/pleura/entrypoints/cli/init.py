"""``pleura init``: a new home, its keys, its ledger and its administrator."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pleura.bootstrap import Founding, found_house, refuse_occupied, token_key
from pleura.crypto.roots.recovery import spelled
from pleura.entrypoints.cli.vault.move import database_url
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import print_json
from pleura.entrypoints.passphrase import new_secret
from pleura.settings import Settings


def command(
    *,
    administrator: Annotated[str, typer.Option(help="Name of the first account.")] = "admin",
    password_file: Annotated[
        Path | None, typer.Option(help="File with the administrator's password; else a prompt asks.")
    ] = None,
    database: Annotated[
        str, typer.Option(help="URL of an empty PostgreSQL database, without a password; else a file.")
    ] = "",
    module: Annotated[
        Path | None, typer.Option(help="PKCS#11 library: a hardware token holds the root.")
    ] = None,
    token: Annotated[str, typer.Option(help="Label of that token; the passphrase is its PIN.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a new home: root key, database, object folder, ledger and administrator."""
    settings = Settings.from_environment(os.environ)
    say = Texts(settings.language)
    refuse_occupied(settings.home)
    facts = Founding(
        passphrase=new_secret(settings.passphrase_file, say("New passphrase: "), say),
        administrator=administrator,
        password=new_secret(password_file, say("New password of {name}: ", name=administrator), say),
        token=token_key(str(module), token) if module else None,
        database=database_url(database) if database else "",
    )
    recovery_code = spelled(found_house(settings, facts))
    if as_json:
        print_json(
            {"home": str(settings.home), "administrator": administrator, "recovery_code": recovery_code}
        )
        return
    print(_recovery_sheet(settings.home, recovery_code, say))


def _recovery_sheet(home: Path, recovery_code: str, say: Texts) -> str:
    return "\n".join(
        [
            say("The home {home} is ready.", home=str(home)),
            "",
            "=" * 64,
            say("RECOVERY SHEET: print it or write it down now; it is shown once"),
            "",
            f"    {recovery_code}",
            "",
            say("Whoever has this code and the home can open every image."),
            say(
                "Keep it on paper, away from the machine. Without passphrase and code nothing can be opened."
            ),
            "=" * 64,
            "",
            say("Next: pleura import FILE_OR_FOLDER, or pleura serve"),
        ]
    )
