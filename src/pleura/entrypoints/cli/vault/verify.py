"""``pleura verify``: a receipt shown to be what an installation signed; needs no home and no passphrase."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from pleura.domain.errors import BadInput, LedgerBroken
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import print_json
from pleura.ledger.receipt import verify_receipt
from pleura.settings import Settings

FACTS: Final = ("kind", "at", "index", "public_key", "subject", "images", "copies", "root_epoch", "request")
"""What a receipt of an erasure says, as it is shown."""


def command(
    file: Annotated[Path, typer.Argument(help="A receipt.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Verify a receipt; exit code 1 when it is not what an installation signed."""
    say = Texts(Settings.from_environment(os.environ).language)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput(
            "no-such-file", "there is no file or folder {path}", "check the path", path=str(file)
        ) from error
    try:
        found = verify_receipt(content)
    except LedgerBroken as broken:
        what, _ = say.error(broken)
        _answer(
            say,
            {"valid": False, "checks": [{"name": "receipt", "ok": False, "detail": what}]},
            as_json=as_json,
        )
        raise typer.Exit(1) from None
    facts: dict[str, object] = {
        "valid": True,
        "checks": [{"name": "receipt", "ok": True, "detail": found.entry.kind}],
        "kind": found.entry.kind,
        "at": found.entry.at.isoformat(),
        "index": found.index,
        "public_key": found.public_key.hex(),
        **found.entry.facts,
    }
    _answer(say, facts, as_json=as_json)


def _answer(say: Texts, facts: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    print(say("the receipt is right") if facts["valid"] else say("the receipt is WRONG"))
    for name, value in facts.items():
        if name not in {"valid", "checks"}:
            print(f"  {say(name.replace('_', ' '))}: {value}")
    if facts["valid"]:
        print(say("It proves what the installation with this public key recorded."))
        print(say("Compare the public key with the one that you know."))
