"""``pleura sightings``: what of this vault was seen outside."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pleura.domain.watching.sightings import label_word
from pleura.entrypoints.doorway import opened
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import actor, print_json
from pleura.monitor.watch.sightings import Detail, Overview

app = typer.Typer(help="List, show and label what was seen outside.", invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
Name = Annotated[str, typer.Argument(help="Name of the sighting, such as sgt-3f9k2m7p1x8q.")]


@app.callback()
def _default(context: typer.Context, *, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_sightings(as_json=as_json)


@app.command("list")
def list_sightings(*, as_json: AsJson = False) -> None:
    """List the sightings, the most pressing first."""
    with opened() as (house, say):
        for overview in house.sightings.all():
            if as_json:
                print_json(sighting_facts(overview))
            else:
                print(_line(overview, say))


@app.command("show")
def show(name: Name, *, as_json: AsJson = False) -> None:
    """Show one sighting with every place where it was seen and what people said of it."""
    with opened() as (house, say):
        detail = house.sightings.show(name)
        if as_json:
            print_json(detail_facts(detail))
        else:
            print("\n".join(_lines(detail, say)))


@app.command("label")
def label(
    name: Name,
    word: Annotated[str, typer.Argument(help="true or false-alarm")],
    *,
    reason: Annotated[
        str | None, typer.Option(help="Why, in a few words; else it is asked for. No patient's name.")
    ] = None,
) -> None:
    """Say whether a sighting is true or a false alarm; it is kept with your name and teaches no threshold."""
    with opened() as (house, say):
        chosen = label_word(word)
        house.sightings.show(name)  # raises NotFound before anything is asked
        why = reason if reason is not None else str(typer.prompt(say("why")))
        house.sightings.label(name, chosen, why, actor=actor())
        print(say("{sighting} is labelled: {label}", sighting=name, label=say(chosen)))


def sighting_facts(overview: Overview) -> dict[str, Any]:
    """A sighting under the names that other programs may rely on."""
    sighting = overview.sighting
    return {
        "sighting": sighting.name,
        "source": sighting.source,
        "image": sighting.image,
        "score": round(sighting.score, 2),
        "case": sighting.case,
        "verdict": sighting.verdict.value,
        "copy": sighting.copy,
        "false_match_probability": sighting.false_match_probability if sighting.copy else None,
        "severity": overview.severity.value,
        "places": overview.places,
        "first_seen": sighting.first_seen.isoformat(),
        "last_seen": sighting.last_seen.isoformat(),
        "label": sighting.label,
    }


def detail_facts(detail: Detail) -> dict[str, Any]:
    """The same with places and labels."""
    return sighting_facts(detail.overview) | {
        "seen_at": [
            {
                "page": place.context.page or None,
                "picture": place.context.picture,
                "title": place.context.title,
                "text": place.context.text,
                "sha256": place.context.sha256,
                "source": place.seen.source,
                "first_seen": place.seen.first_seen.isoformat(),
                "last_seen": place.seen.last_seen.isoformat(),
                "times": place.seen.times,
            }
            for place in detail.places
        ],
        "labels": [
            {
                "label": said.label.label,
                "by": said.label.by,
                "at": said.label.at.isoformat(),
                "reason": said.reason,
            }
            for said in detail.labels
        ],
    }


def _line(overview: Overview, say: Texts) -> str:
    sighting = overview.sighting
    return "  ".join(
        [
            sighting.name,
            say(overview.severity.value),
            say(sighting.verdict.value),
            sighting.image,
            sighting.copy or "-",
            say("{count} places", count=overview.places),
            say("last seen {time}", time=f"{sighting.last_seen:%Y-%m-%d %H:%M} UTC"),
            say(sighting.label) if sighting.label else "",
        ]
    ).rstrip()


def _lines(detail: Detail, say: Texts) -> list[str]:
    lines = [_line(detail.overview, say)]
    for place in detail.places:
        seen = place.seen
        lines.append(f"  {place.context.page or place.context.picture}")
        if place.context.page:
            lines.append("    " + say("picture: {address}", address=place.context.picture))
        if place.context.title or place.context.text:
            lines.append(f"    {place.context.title}  {place.context.text}".rstrip())
        lines.append(
            "    "
            + say(
                "first seen {first}, last seen {last}, times seen: {times}",
                first=f"{seen.first_seen:%Y-%m-%d %H:%M} UTC",
                last=f"{seen.last_seen:%Y-%m-%d %H:%M} UTC",
                times=seen.times,
            )
        )
    lines.extend(
        f"  {say(said.label.label)}  {said.label.by}  {said.label.at:%Y-%m-%d %H:%M} UTC  {said.reason}"
        for said in detail.labels
    )
    return lines
