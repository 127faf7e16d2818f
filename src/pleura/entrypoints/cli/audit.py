"""``pleura audit``: the ledger shown and verified."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pleura.entrypoints.doorway import opened
from pleura.entrypoints.intake import words_in
from pleura.entrypoints.output import new_file, print_json, write_durably
from pleura.ledger.entries import decode
from pleura.ledger.receipt import write_receipt

app = typer.Typer(help="Show and verify the ledger.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]


@app.command("show")
def show(*, as_json: AsJson = False) -> None:
    """Print every entry of the ledger, oldest first."""
    with opened() as (house, _), house.records.read() as unit:
        for row in unit.ledger.rows():
            entry = decode(row.entry)
            facts = {"index": row.index, "at": entry.at.isoformat(), "kind": entry.kind, "actor": entry.actor}
            if as_json:
                print_json({**facts, **entry.facts})
            else:
                rest = "  ".join(f"{name}={value}" for name, value in entry.facts.items())
                print(
                    f"{row.index:6}  {entry.at:%Y-%m-%d %H:%M:%S}  {entry.kind:16}  {entry.actor:16}  {rest}"
                )


@app.command("verify")
def verify(
    *,
    witness: Annotated[
        Path | None, typer.Option(help="File with a head that was kept outside this machine.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify the whole ledger; exit code 1 when it is not what was signed."""
    witnessed = words_in(witness) if witness else None
    with opened() as (house, say), house.records.read() as unit:
        report = house.ledger.verify(unit.ledger, house.ledger_key, witnessed=witnessed)
    if as_json:
        print_json(
            {
                "entries": report.entries,
                "root": report.root.hex(),
                "head": report.head,
                "public_key": house.ledger_key.hex(),
                "witnessed": witnessed is not None,
            }
        )
        return
    print(say("the ledger verifies: {entries} entries", entries=report.entries))
    if not witnessed:
        print(say("keep this head outside the machine; without it a cut tail cannot be noticed:"))
        print()
    print(report.head, end="")


@app.command("receipt")
def receipt(
    index: Annotated[int, typer.Argument(help="Index of the entry, as pleura audit show lists it.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="File to write the receipt to; default receipt-INDEX.json."),
    ] = None,
) -> None:
    """Write the receipt of one entry, an erasure for example, again."""
    file = output or Path(f"receipt-{index}.json")
    with opened() as (house, say):
        with house.records.begin() as unit:
            proof = house.ledger.proof(unit.ledger, index)
        with new_file(file) as stream:
            write_durably(stream, write_receipt(proof, house.ledger_key))
    print(say("the receipt of entry {index} is in {file}", index=index, file=str(file)))
