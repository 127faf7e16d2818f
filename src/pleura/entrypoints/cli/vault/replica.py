"""``pleura replica``: sealed objects and snapshots in a bucket of a cloud store."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from pleura.bootstrap import House
from pleura.domain.custody.places import BucketPlace, CloudChecklist, checked_answer, read_answers
from pleura.domain.errors import BadInput, PleuraError
from pleura.entrypoints.cli.vault.backup import AsJson, Name, adopt, fetch, forget, read_bucket, sync, verify
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import actor, print_error, print_json

app = typer.Typer(help="Keep a replica in a cloud store, which never holds a key.", no_args_is_help=True)
app.command("verify")(verify)
app.command("fetch")(fetch)
app.command("adopt")(adopt)
app.command("forget")(forget)

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


_WORDS: Final = {"yes": True, "no": False, "是": True, "否": False}


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What the replica is to be called: a-z, 0-9 and -.")],
    *,
    bucket_file: Annotated[Path, typer.Option(help="JSON file that names the bucket and its keys.")],
    checklist: ChecklistFile = None,
) -> None:
    """Remember a bucket as a replica; its keys are kept sealed, and what the store must be is asked once."""
    with opened() as (house, say):
        place = read_bucket(bucket_file)
        house.depots.refuse(name, place)
        answers = _answers(checklist, say, place.region)
        house.depots.add(name, "replica", place, answers, actor=actor())
        print(
            say("{name} is ready; delete {file}, then: pleura replica sync", name=name, file=str(bucket_file))
        )


@app.command("change")
def change(
    name: Name,
    *,
    bucket_file: Annotated[Path, typer.Option(help="JSON file that names the bucket and its keys.")],
) -> None:
    """Reach the bucket of a replica with other keys, once they are shown to open it."""
    with opened() as (house, say):
        house.depots.change(name, read_bucket(bucket_file), actor=actor())
        print(say("{name} is reached with the new keys; delete {file}", name=name, file=str(bucket_file)))


@app.command("checklist")
def checklist(
    name: Name,
    *,
    checklist: ChecklistFile = None,
    show: Annotated[bool, typer.Option("--show", help="Show the answers that are kept.")] = False,
    as_json: AsJson = False,
) -> None:
    """Answer the checklist of a replica again, or show it."""
    with opened() as (house, say):
        region = _region(house, name)
        if show:
            _show(house, name, say, as_json=as_json)
            return
        house.depots.answer(name, _answers(checklist, say, region), actor=actor())
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
            try:
                report = house.depots.status(depot.name)
            except PleuraError as fault:
                whole = False
                if as_json:
                    print_json({"name": depot.name, "fault": fault.code})
                print_error(fault, say)
                continue
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


def _answers(file: Path | None, say: Texts, region: str) -> CloudChecklist:
    """The checklist in *file*, or asked for at the terminal, for a bucket in *region*; raises BadInput."""
    if file is None:
        return read_answers({field.name: _asked(field.name, say, region) for field in fields(CloudChecklist)})
    try:
        return read_answers(msgspec.json.decode(file.read_bytes(), type=dict[str, Any]), region)
    except (OSError, msgspec.MsgspecError) as error:
        raise BadInput(
            "bad-checklist-file",
            "the file {file} holds no answers about a cloud store",
            "answer every question, see docs/commands.md",
            file=str(file),
        ) from error


def _asked(name: str, say: Texts, region: str) -> object:
    """The answer to one question, which is asked until it can be used."""
    while True:
        answer = str(typer.prompt(say(QUESTIONS[name]))).strip()
        try:
            return checked_answer(name, _read(name, answer), region)
        except BadInput as wrong:
            print_error(wrong, say)


def _read(name: str, answer: str) -> object:
    if name == "mlps_level" and answer.isdecimal():
        return int(answer)
    return _WORDS.get(answer.lower(), answer)


def _region(house: House, name: str) -> str:
    place = house.depots.place(name)
    return place.region if isinstance(place, BucketPlace) else ""


def _show(house: House, name: str, say: Texts, *, as_json: bool) -> None:
    (depot,) = [depot for depot in house.depots.all() if depot.name == name]
    kept = json.loads(depot.checklist or "{}")
    if as_json:
        print_json({"name": name, **kept})
        return
    for question, answer in kept.items():
        shown = {True: say("yes"), False: say("no")}.get(answer, answer) if type(answer) is bool else answer
        print(f"{say(QUESTIONS[question])}: {shown}")
