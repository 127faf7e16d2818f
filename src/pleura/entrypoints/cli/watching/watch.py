"""``pleura watch``: the places outside that are looked at again and again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pleura.domain.errors import PleuraError
from pleura.domain.watching.sources import QUERY, Source, WatchPlace, interval
from pleura.domain.watching.words import in_words
from pleura.entrypoints.cli.watching import ask
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.intake import words_in
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import actor, new_file, print_error, print_json, write_durably
from pleura.monitor.watch.patrol import CLOSED, Looked

app = typer.Typer(help="Watch places outside for pictures of this vault.", no_args_is_help=True)

app.command("ask")(ask.command)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
SourceName = Annotated[str, typer.Argument(help="Name of the source, such as src-3f9k2m7p1x8q.")]


@app.command("add")
def add(
    address: Annotated[
        str, typer.Argument(help="Web address or folder; - reads it from the standard input.")
    ],
    *,
    kind: Annotated[
        str,
        typer.Option(
            help="page, site, search, folder, mail or list; by default what the address looks like."
        ),
    ] = "",
    words_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the words of a saved search on its first line; else they are asked for."
        ),
    ] = None,
    key: Annotated[
        str, typer.Option(help="Public key of whoever signs a hash list, 64 hexadecimal digits.")
    ] = "",
    every: Annotated[str, typer.Option(help="Time between two looks: 30m, 6h, 7d.")] = "6h",
    browser: Annotated[
        bool, typer.Option("--browser", help="Open its pages in Chromium, because scripts make them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put a page, a site, a saved search, a folder, a mail drop or a hash list on the watch list."""
    with opened() as (house, say):
        given = sys.stdin.readline().strip() if address == "-" else address
        place = _place(given, kind, say, words_file=words_file, key=key)
        source = house.watchlist.add(place, every=interval(every), browser=browser, actor=actor())
    if as_json:
        print_json(source_facts(source, place))
    else:
        print(say("{source} is on the watch list; look now with: pleura watch run", source=source.name))


@app.command("list")
def list_sources(*, as_json: AsJson = False) -> None:
    """List the sources, where they are and how the last look ended."""
    with opened() as (house, say):
        for source, place in house.watchlist.all():
            if as_json:
                print_json(source_facts(source, place))
                continue
            looked = f"{source.looked_at:%Y-%m-%d %H:%M}" if source.looked_at else "-"
            outcome = result_words(source.result, say) if source.looked_at else ""
            if not source.enabled:
                outcome = say("paused")
            where = f"{place.address}  {place.query}".rstrip()
            print(f"{source.name}  {place.kind:6}  {looked:16}  {where}  {outcome}".rstrip())


@app.command("remove")
def remove(name: SourceName) -> None:
    """Take a source off the watch list; what was seen there stays."""
    with opened() as (house, say):
        house.watchlist.remove(name, actor=actor())
        print(say("{source} is no longer watched", source=name))


@app.command("pause")
def pause(name: SourceName) -> None:
    """Look at a source only when it is named, until it is resumed."""
    with opened() as (house, say):
        house.watchlist.switch(name, enabled=False, actor=actor())
        print(say("{source} is looked at only when it is named", source=name))


@app.command("resume")
def resume(name: SourceName) -> None:
    """Look at a paused source again when it is due."""
    with opened() as (house, say):
        house.watchlist.switch(name, enabled=True, actor=actor())
        print(say("{source} is looked at when it is due", source=name))


@app.command("run")
def run(
    names: Annotated[
        list[str] | None, typer.Argument(help="Sources to look at now; by default all that are due.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Look at sources now; exit code 1 when one could not be looked at."""
    whole = True
    with opened() as (house, say):
        if not names:
            looks = 0
            for looked in house.patrol.run_due(actor=actor()):
                _print(looked, say, as_json=as_json)
                whole = whole and not looked.result
                looks += 1
            if not looks and not as_json:
                print(say("no source is due"))
        for name in names or ():
            try:
                looked = house.patrol.run(name, actor=actor())
            except PleuraError as fault:
                print_error(fault, say)
                whole = False
                continue
            _print(looked, say, as_json=as_json)
            whole = whole and not looked.result
    if not whole:
        raise typer.Exit(1)


@app.command("export")
def export(
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="New file for the signed list.")] = Path(
        "hash-list.txt"
    ),
) -> None:
    """Write a signed list of the files that people have labelled as true sightings, for others to watch."""
    with opened() as (house, say):
        with new_file(output) as stream:
            write_durably(stream, house.patrol.exchange.own(actor=actor()).encode())
        print(say("{file} is written; its public key, to be told by another way:", file=str(output)))
        print(house.ledger_key.hex())


def source_facts(source: Source, place: WatchPlace) -> dict[str, Any]:
    """A source under the names that other programs may rely on."""
    return {
        "source": source.name,
        "kind": source.kind,
        "address": place.address,
        "query": place.query or None,
        "every_seconds": int(source.every.total_seconds()),
        "browser": source.browser,
        "enabled": source.enabled,
        "added_at": source.added_at.isoformat(),
        "looked_at": source.looked_at.isoformat() if source.looked_at else None,
        "result": source.result or None,
    }


def look_facts(looked: Looked) -> dict[str, Any]:
    """What a look came to, under the names that other programs may rely on."""
    return {
        "source": looked.source,
        "result": looked.result or None,
        "pages": looked.pages,
        "pictures": looked.pictures,
        "known": looked.known,
        "sightings": list(looked.sightings),
        "new_places": looked.spread,
        "seen_again": looked.again,
        "refused": sum(looked.troubles[code] for code in CLOSED),
        "troubles": dict(looked.troubles),
    }


def result_words(code: str, say: Texts) -> str:
    """What the code of a look means, in the reader's language."""
    text, facts = in_words(code)
    return say(text, **facts)


def _print(looked: Looked, say: Texts, *, as_json: bool) -> None:
    if as_json:
        print_json(look_facts(looked))
        return
    print(
        say(
            "{source}: {pages} pages, {pictures} pictures compared, {known} known already",
            source=looked.source,
            pages=looked.pages,
            pictures=looked.pictures,
            known=looked.known,
        )
    )
    if looked.sightings:
        print("  " + say("NEW: {sightings}", sightings=" ".join(looked.sightings)))
    if looked.spread or looked.again:
        print("  " + say("places: {new} new, {again} seen again", new=looked.spread, again=looked.again))
    for code, count in looked.troubles.most_common():
        print(f"  {count} × {result_words(code, say)}")


def _place(address: str, kind: str, say: Texts, *, words_file: Path | None, key: str) -> WatchPlace:
    """What the arguments say; raises BadInput."""
    is_web = address.lower().startswith(("http://", "https://"))
    if not is_web:
        address = str(Path(address).absolute())
    chosen = kind or _guessed(address, is_web=is_web)
    words = _words(words_file, say) if chosen == "search" else key
    return WatchPlace(kind=chosen, address=address, query=words)  # type: ignore[arg-type]  # it is checked there


def _guessed(address: str, *, is_web: bool) -> str:
    if is_web:
        return "search" if QUERY in address else "page"
    if Path(address).is_file():
        return "list"
    return "mail" if (Path(address) / "cur").is_dir() else "folder"


def _words(file: Path | None, say: Texts) -> str:
    """The words of a saved search: they may be a name, and a command line is seen by everybody."""
    if file is None:
        return str(typer.prompt(say("words of the search"))).strip()
    return words_in(file).split("\n")[0].strip()
