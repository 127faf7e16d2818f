"""``pleura backup``: snapshots and objects in a folder, tested, and a home made from them again."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from pleura.bootstrap import House, Source, refuse_occupied, restore_house, snapshots_at
from pleura.crypto.roots.recovery import read_code
from pleura.domain.custody.places import BucketPlace, FolderPlace, Place
from pleura.domain.custody.words import in_words
from pleura.domain.errors import BadInput, NotFound, PleuraError
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import actor, bytes_moved, print_error, print_json
from pleura.entrypoints.passphrase import new_secret, read_lines
from pleura.prevent.depots.snapshot import Head
from pleura.settings import Settings

app = typer.Typer(help="Back up, test and restore.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
Name = Annotated[str, typer.Argument(help="Name of the backup or replica.")]


@app.command("create")
def create(
    place: Annotated[str, typer.Argument(help="Name of a backup, or the folder of a new one.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Add to a backup what it lacks; works while others use the home, and goes on where it was cut."""
    with opened() as (house, say):
        name = _known(house, place) or _added(house, place)
        sync(house, name, say, as_json=as_json)


@app.command("list")
def list_backups(
    folder: Annotated[Path | None, typer.Argument(help="Folder of a backup, where there is no home.")] = None,
    *,
    bucket_file: Annotated[
        Path | None, typer.Option(help="JSON file that names the bucket of a replica instead.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List backups and replicas with their snapshots, or the snapshots of one place; that needs no home."""
    if folder is not None or bucket_file is not None:
        _list_place(_place(folder, bucket_file), as_json=as_json)
        return
    with opened() as (house, say):
        for depot in house.depots.all():
            heads, unreadable, fault = _seen(house, depot.name)
            facts = {
                "name": depot.name,
                "kind": depot.kind,
                "synced_at": depot.synced_at.isoformat() if depot.synced_at else None,
                "tested_at": depot.tested_at.isoformat() if depot.tested_at else None,
                "test_result": depot.test_result if depot.tested_at else None,
                "snapshots": [
                    {"snapshot": head.snapshot, "made_at": head.made_at, "epoch": head.epoch}
                    for head in heads
                ],
                "place": _where(house, depot.name),
                "unreadable": list(unreadable),
                "fault": fault.code if fault else None,
            }
            if as_json:
                print_json(facts)
                continue
            print(f"{depot.name}  {say(depot.kind)}  {facts['place']}")
            print(f"  {say('last filled')}: {_day(depot.synced_at)}")
            tested = f"  {say(in_words(depot.test_result))}" if depot.tested_at else ""
            print(f"  {say('last restore test')}: {_day(depot.tested_at)}{tested}")
            for head in heads:
                print(f"  {head.snapshot}  {head.made_at[:19]}  {say('root epoch')} {head.epoch}")
            for name in unreadable:
                print(f"  {say('damaged, or none of ours: {name}', name=ascii(name)[1:-1])}")
            if fault:
                print_error(fault, say)


@app.command("adopt")
def adopt(name: Name) -> None:
    """Take over a backup or replica from the home that this one was restored from."""
    with opened() as (house, say):
        house.depots.adopt(name, actor=actor())
        print(say("{name} belongs to this home from now on", name=name))


@app.command("forget")
def forget(
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Remember a backup or replica no longer; nothing that lies there is deleted."""
    with opened() as (house, say):
        question = say("Forget {name}? What lies there stays, also what was to be erased there.", name=name)
        if not yes and not typer.confirm(question):
            raise typer.Exit(1)
        house.depots.forget(name, actor=actor())
        print(say("{name} is forgotten; what lies there was left alone", name=name))


@app.command("verify")
def verify(
    name: Name,
    *,
    whole: Annotated[bool, typer.Option("--all", help="Read every object, not a part of them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Restore the newest snapshot into a throw-away place and check it; exit code 1 when it is not whole."""
    with opened() as (house, say):
        report = house.depots.test(name, actor=actor(), whole=whole)
    if as_json:
        print_json(
            {
                "name": name,
                "whole": report.whole,
                "objects": report.objects,
                "missing": list(report.missing),
                "damaged": list(report.damaged),
            }
        )
    elif report.whole:
        print(
            say("{name}: the snapshot restores, {count} objects are whole", name=name, count=report.objects)
        )
    else:
        print(
            say(
                "{name}: {missing} objects are missing, {damaged} damaged",
                name=name,
                missing=len(report.missing),
                damaged=len(report.damaged),
            )
        )
        for image in _images(report.missing):
            print(say("missing: {image}", image=image))
        for image in _images(report.damaged):
            print(say("damaged: {image}", image=image))
    if not report.whole:
        raise typer.Exit(1)


@app.command("fetch")
def fetch(
    name: Name,
    subject: Annotated[str, typer.Argument(help="An image, a study or a patient; else everything.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Bring back objects that are missing or damaged here; exit code 1 when one is not to be had."""
    with opened() as (house, say):
        found = house.depots.fetch(name, subject, actor=actor())
    if as_json:
        print_json({"name": name, **msgspec.to_builtins(found)})
    else:
        print(say("{count} objects came back", count=found.objects))
        for image in found.lacking:
            print(say("not whole: {image}", image=image))
    if found.lacking:
        raise typer.Exit(1)


@app.command("restore")
def restore(
    folder: Annotated[Path | None, typer.Argument(help="Folder of the backup.")] = None,
    *,
    bucket_file: Annotated[
        Path | None, typer.Option(help="JSON file that names the bucket of a replica instead.")
    ] = None,
    code_file: Annotated[
        Path | None,
        typer.Option(help="File with the recovery code, its words, or one share a line; else a prompt asks."),
    ] = None,
    new_file: Annotated[
        Path | None, typer.Option("--new-file", help="File with the new passphrase; else a prompt asks.")
    ] = None,
    snapshot: Annotated[str, typer.Option(help="A snapshot other than the newest.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a home at the empty PLEURA_HOME from a backup or replica and its recovery code."""
    settings = Settings.from_environment(os.environ)
    say = Texts(settings.language)
    refuse_occupied(settings.home)
    place = _place(folder, bucket_file)
    code = read_code(read_lines(code_file, say("Recovery code, words, or shares (an empty line ends): ")))
    source = Source(place=place, code=code, snapshot=snapshot)
    secret = new_secret(new_file, say("New passphrase: "), say)
    with bytes_moved(say("restoring")) as advance:
        found = restore_house(settings, source, secret, actor=actor(), advance=advance)
    if as_json:
        print_json(msgspec.to_builtins(found))
    else:
        print(
            say(
                "{images} images are back, as of {made_at}",
                images=found.images,
                made_at=found.made_at[:19],
            )
        )
        for name in found.lacking:
            print(say("missing or damaged in the backup: {name}", name=name))
        print(
            say(
                "its backups still belong to the home before it; take them over with pleura backup adopt NAME"
            )
        )
    if found.lacking:
        raise typer.Exit(1)


def sync(house: House, name: str, say: Texts, *, as_json: bool) -> None:
    """Add to a depot what it lacks and say so; exit code 1 when an image is not whole in it."""
    with bytes_moved(say("copying")) as advance:
        done = house.depots.sync(name, actor=actor(), advance=advance)
    if as_json:
        print_json({"name": name, **msgspec.to_builtins(done)})
    else:
        print(
            say(
                "{name}: snapshot {snapshot}, {objects} objects, {added} of them new",
                name=name,
                snapshot=done.snapshot,
                objects=done.objects,
                added=done.added,
            )
        )
        for image in done.lacking:
            print(say("not whole: {image}", image=image))
    if done.lacking:
        raise typer.Exit(1)


def _seen(house: House, name: str) -> tuple[Sequence[Head], Sequence[str], PleuraError | None]:
    """The readable heads, what else lies there, and what keeps the depot from being filled."""
    try:
        view = house.depots.view(name)
    except PleuraError as fault:
        try:
            return house.depots.snapshots(name), (), fault
        except PleuraError as unreachable:
            return (), (), unreachable
    return view.heads, view.unreadable, None


def read_bucket(file: Path) -> BucketPlace:
    """The bucket that a JSON file names, with its keys; raises BadInput, also for what nobody asks for."""
    try:
        given = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
        _refuse_unknown(file, given)
        return msgspec.convert(given, BucketPlace)
    except (OSError, msgspec.MsgspecError) as error:
        raise BadInput(
            "bad-bucket-file",
            "the file {file} does not name a bucket",
            "write JSON with endpoint, bucket, access_key and secret_key, see docs/commands.md",
            file=str(file),
        ) from error


def _list_place(place: Place, *, as_json: bool) -> None:
    settings = Settings.from_environment(os.environ)
    say, found = Texts(settings.language), snapshots_at(settings, place)
    for head in found.heads:
        if as_json:
            print_json({"snapshot": head.snapshot, "made_at": head.made_at, "epoch": head.epoch})
        else:
            print(f"{head.snapshot}  {head.made_at[:19]}  {say('root epoch')} {head.epoch}")
    for name in found.unreadable:
        print(say("damaged, or none of ours: {name}", name=ascii(name)[1:-1]), file=sys.stderr)


def _images(objects: Sequence[str]) -> list[str]:
    """The images that these objects belong to: the name of an object begins with that of its image."""
    return sorted({name.partition("/")[0] for name in objects})


def _day(moment: datetime | None) -> str:
    return moment.isoformat(sep=" ", timespec="minutes") if moment else "—"


def _where(house: House, name: str) -> str:
    place = house.depots.place(name)
    if isinstance(place, FolderPlace):
        return place.folder
    return "/".join(part.strip("/") for part in (place.endpoint, place.bucket, place.prefix) if part)


def _refuse_unknown(file: Path, given: dict[str, Any]) -> None:
    for key in given.keys() - {field.name for field in fields(BucketPlace)}:
        raise BadInput(
            "bad-bucket-file",
            "the file {file} says {key}, which is nothing that a bucket has",
            "check the spelling, see docs/commands.md",
            file=str(file),
            key=ascii(key)[1:-1][:40],
        )


def _known(house: House, place: str) -> str | None:
    for depot in house.depots.all("backup"):
        if depot.name == place or house.depots.place(depot.name) == FolderPlace(
            folder=str(Path(place).resolve())
        ):
            return depot.name
    return None


def _added(house: House, place: str) -> str:
    folder = Path(place).resolve()
    if not folder.is_dir():
        raise NotFound(
            "no-such-folder",
            "there is no backup or folder {place}",
            "make the folder first, best on another disk",
            place=place,
        )
    taken = {depot.name for depot in house.depots.all()}
    plain = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:40] or "backup"
    name = next(name for name in _numbered(plain) if name not in taken)
    house.depots.add(name, "backup", FolderPlace(folder=str(folder)), None, actor=actor())
    return name


def _numbered(plain: str) -> Iterator[str]:
    yield plain
    number = 2
    while True:
        yield f"{plain}-{number}"
        number += 1


def _place(folder: Path | None, bucket_file: Path | None) -> Place:
    if bucket_file is not None:
        return read_bucket(bucket_file)
    if folder is None or not folder.is_dir():
        raise BadInput(
            "no-place",
            "there is no folder to restore from",
            "name the folder of the backup, or --bucket-file for a replica",
        )
    return FolderPlace(folder=str(folder.resolve()))
