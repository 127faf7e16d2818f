"""``pleura doctor``: every promise checked, the exact repair for each that is broken."""

from __future__ import annotations

from typing import Annotated

import typer

from pleura.entrypoints.doorway import opened
from pleura.entrypoints.output import actor, print_json


def command(
    *,
    deep: Annotated[bool, typer.Option("--deep", help="Read every byte of every object.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="First remove what commands that were cut left behind.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check keys, objects, rows, ledger, backups and machine; exit code 1 when something is wrong."""
    with opened(alone=repair) as (house, say):
        if repair:
            orphans, leftovers = house.doctor.repair(actor=actor())
            if not as_json:
                print(
                    say(
                        "removed {orphans} objects that belong to no image and {leftovers} leftovers",
                        orphans=orphans,
                        leftovers=leftovers,
                    )
                )
        found = []
        for check in house.doctor.examine(deep=deep):
            detail, fix = say(check.detail, **check.facts), say(check.fix, **check.facts)
            found.append({"name": check.name, "ok": check.ok, "detail": detail, "fix": fix})
            if not as_json:
                print(f"{say('ok') if check.ok else say('WRONG'):6} {say(check.name):10} {detail}")
                if not check.ok:
                    print(f"{'':18}{say('repair')}: {fix}")
    if as_json:
        print_json({"ok": all(check["ok"] for check in found), "checks": found})
    if not all(check["ok"] for check in found):
        raise typer.Exit(1)
