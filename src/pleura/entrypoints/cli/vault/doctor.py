"""``pleura doctor``: every promise checked, the exact repair for each that is broken."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pleura.bootstrap import House
from pleura.entrypoints.cli.vault.sheets import reserved, unused
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import actor, print_json
from pleura.prevent.health.check import Check


def command(
    *,
    deep: Annotated[bool, typer.Option("--deep", help="Read every byte of every object.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="First remove what commands that were cut left behind.")
    ] = False,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="PDF for the new recovery sheet, where a cut erasure is completed."
        ),
    ] = Path("recovery.pdf"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check keys, objects, rows, ledger, backups and machine; exit code 1 when something is wrong."""
    sheets: list[str] = []
    with opened(alone=repair) as (house, say):
        if repair:
            sheets = _complete_erasures(house, output, say, as_json=as_json)
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
            found.append(_facts(check, say))
            if not as_json:
                _print(check, found[-1], say)
    if as_json:
        print_json({"ok": all(check["ok"] for check in found), "checks": found, "sheets": sheets})
    if not all(check["ok"] for check in found):
        raise typer.Exit(1)


def _facts(check: Check, say: Texts) -> dict[str, object]:
    detail, fix = say(check.detail, **check.facts), say(check.fix, **check.facts)
    if check.because:
        detail = f"{detail}: {say(check.because)}"
    return {"name": check.name, "ok": check.ok, "code": check.code, "detail": detail, "fix": fix}


def _print(check: Check, facts: dict[str, object], say: Texts) -> None:
    name = say(check.heading or check.name, **check.facts)
    print(f"{say('ok') if check.ok else say('WRONG'):6} {name:10} {facts['detail']}")
    if not check.ok:
        print(f"{'':18}{say('repair')}: {facts['fix']}")


def _complete_erasures(house: House, output: Path, say: Texts, *, as_json: bool) -> list[str]:
    """Where the new recovery sheet is, when completing an erasure took one."""
    if not house.erasure.under_way():
        house.depots.erase(actor=actor())
        return []
    with reserved(house, unused(output, house.keys.shares()), say) as sheets:
        done = house.erasure.resume(actor=actor(), keep=sheets.keep)
    if not as_json:
        for erased in done:
            print(
                say(
                    "the erasure of {subject} is complete; its receipt: pleura audit receipt {index}",
                    subject=erased.subject,
                    index=erased.receipt.index,
                )
            )
        if sheets.code:
            sheets.tell(as_json=False)
    return sheets.files if sheets.code else []
