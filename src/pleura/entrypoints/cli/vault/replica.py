"""``pleura replica``: sealed objects and snapshots in a bucket of a cloud store."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from pleura.domain.custody.places import CloudChecklist
from pleura.domain.errors import BadInput
from pleura.entrypoints.cli.vault.backup import AsJson, Name, adopt, fetch, read_bucket, sync, verify
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import actor, print_json

app = typer.Typer(help="Keep a replica in a cloud store, which never holds a key.", no_args_is_help=True)
app.command("verify")(verify)
app.command("fetch")(fetch)
app.command("adopt")(adopt)

ChecklistFile = Annotated[
    Path | None, typer.Option("--checklist", help="JSON file with the answers; else they are asked for.")
]

QUESTIONS: Final = {
    "provider": "provider",
    "region": "region of the store",
    "mlps_level": "MLPS level (等保) of the store",
    "mlps_certificate": "number of its MLPS certificate",
    "mlps_expires": "certificate valid until (YYYY-MM-DD)",
    "tls": "TLS only (yes/no)",
    "private_bucket": "bucket closed to the public (yes/no)",
    "object_lock": "object lock (yes/no)",
    "versioning": "versioning (yes/no)",
    "logging": "access logging (yes/no)",
}


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What the replica is to be called: a-z, 0-9 and -.")],
    *,
    bucket_file: Annotated[Path, typer.Option(help="JSON file that names the bucket and its keys.")],
    checklist: ChecklistFile = None,
) -> None:
    """Remember a bucket as a replica; its keys are kept sealed, and what the store must be is asked once."""
    with opened() as (house, say):
        place, answers = read_bucket(bucket_file), _answers(checklist, say)
        house.depots.add(name, "replica", place, answers, actor=actor())
        print(
            say("{name} is ready; delete {file}, then: pleura replica sync", name=name, file=str(bucket_file))
        )


@app.command("checklist")
def checklist(name: Name, *, checklist: ChecklistFile = None) -> None:
    """Answer the checklist of a replica again."""
    with opened() as (house, say):
        house.depots.answer(name, _answers(checklist, say), actor=actor())
        print(say("the checklist of {name} is kept", name=name))


@app.command("sync")
def synchronise(name: Name, *, as_json: AsJson = False) -> None:
    """Send what the replica lacks; goes on where it was cut."""
    with opened() as (house, say):
        sync(house, name, say, as_json=as_json)


@app.command("status")
def status(*, as_json: AsJson = False) -> None:
    """What every replica lacks; exit code 1 when something is missing."""
    whole = True
    with opened() as (house, say):
        for depot in house.depots.all("replica"):
            report = house.depots.status(depot.name)
            whole = whole and report.whole
            if as_json:
                print_json({"name": depot.name, "objects": report.objects, "missing": len(report.missing)})
            else:
                print(
                    say(
                        "{name}: {missing} of {count} objects are missing",
                        name=depot.name,
                        missing=len(report.missing),
                        count=report.objects,
                    )
                )
    if not whole:
        raise typer.Exit(1)


def _answers(file: Path | None, say: Texts) -> CloudChecklist:
    """The checklist in *file*, or asked for at the terminal; raises BadInput."""
    try:
        if file is not None:
            return msgspec.json.decode(file.read_bytes(), type=CloudChecklist)
        given = {field.name: _asked(field.name, say) for field in fields(CloudChecklist)}
        return msgspec.convert(given, CloudChecklist, strict=False)
    except (OSError, msgspec.MsgspecError) as error:
        raise BadInput(
            "bad-checklist",
            "the answers about the cloud store are not complete",
            "answer every question, see docs/commands.md",
        ) from error


def _asked(name: str, say: Texts) -> str:
    answer = str(typer.prompt(say(QUESTIONS[name])))
    return {"yes": "true", "no": "false", "是": "true", "否": "false"}.get(answer.strip().lower(), answer)
