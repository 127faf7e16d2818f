"""The demo played: a throw-away home, the story in it, a table and a report."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from pleura.bootstrap import Founding, House, found_house, open_house
from pleura.entrypoints.demo.report import ATTACK_NAMES, write_report
from pleura.entrypoints.demo.story import Act, controls, import_films, leaks, make_copies, write_films
from pleura.entrypoints.intake import films_below
from pleura.entrypoints.language import Texts
from pleura.entrypoints.output import print_json
from pleura.entrypoints.views.trace import trace_facts, trace_picture
from pleura.entrypoints.web.desk import Desk
from pleura.entrypoints.web.server import run_server
from pleura.settings import PORT, Settings

HEADINGS: Final = ("found as", "verdict", "recipient", "false-match probability", "seconds", "")


def play(paths: list[Path], report: Path, seed: int, *, serve: bool, as_json: bool) -> bool:
    """Whether every trace was right, once everything has been played and printed."""
    say = Texts(Settings.from_environment(os.environ).language)
    report.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(18)
    with _throw_away_home(say, password) as (house, settings):
        scratch = settings.home.parent
        acts = _act(house, scratch, paths, random.Random(seed), say)  # noqa: S311 - a demo that can be repeated
        page = _write_pictures(report, acts, say, house.font)
        _print_acts(acts, say, as_json=as_json)
        print(say("report: {file}", file=str(page)))
        if serve:
            print(say("pleura is at {address}", address=f"http://127.0.0.1:{PORT}"))
            print(say("sign in as {name} with the password {password}", name="admin", password=password))
            run_server(Desk(settings, house), "127.0.0.1", PORT)
    return all(act.right for act in acts)


def _act(house: House, scratch: Path, paths: list[Path], dice: random.Random, say: Texts) -> list[Act]:
    given = films_below(paths, house, scratch / "unpacked")
    films = write_films(scratch / "films") + given
    with _progress(say("importing"), len(films)) as done:
        images = import_films(house, films, done)
    with _progress(say("making copies"), 3 * len(images)) as done:
        copies = make_copies(house, images, done)
    # The leaked copy is one of the films given, where there are any.
    own = images[-len(given) :] if given else images
    leaked = dice.choice([copy for copy in copies if copy.record.image in own])
    found = scratch / "found"
    found.mkdir()
    acts = []
    with _progress(say("tracing"), len(ATTACK_NAMES)) as done:
        for act in (*leaks(house, leaked, found, dice), *controls(house, leaked.record, found)):
            acts.append(act)
            done()
    return acts


@contextlib.contextmanager
def _throw_away_home(say: Texts, password: str) -> Iterator[tuple[House, Settings]]:
    with tempfile.TemporaryDirectory(prefix="pleura-demo-") as folder:
        scratch = Path(folder)
        settings = Settings(home=scratch / "home", language=say.language)
        passphrase = secrets.token_urlsafe(24)
        found_house(
            settings,
            Founding(passphrase=passphrase, administrator="admin", password=password),
        )
        with open_house(settings, lambda: passphrase) as house:
            yield house, settings


def _write_pictures(folder: Path, acts: list[Act], say: Texts, font: Path | None) -> Path:
    pictures = {}
    for act in acts:
        pictures[act.attack] = f"{act.attack}.png"
        (folder / pictures[act.attack]).write_bytes(trace_picture(act.trace, say, font))
    return write_report(folder, acts, pictures, say)


def _print_acts(acts: list[Act], say: Texts, *, as_json: bool) -> None:
    if as_json:
        for act in acts:
            print_json({"attack": act.attack, "right": act.right, **trace_facts(act.trace.report)})
        return
    table = Table(box=None)
    for heading in HEADINGS:
        table.add_column(say(heading))
    for act in acts:
        report = act.trace.report
        table.add_row(
            say(ATTACK_NAMES[act.attack]),
            say(report.verdict.value),
            report.record.recipient if report.record else "-",
            f"<= {report.false_match_probability:.1e}" if report.record else "-",
            f"{report.seconds:.1f}",
            say("right") if act.right else say("WRONG"),
        )
    Console().print(table)


@contextlib.contextmanager
def _progress(task: str, total: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        row = progress.add_task(task, total=total)
        yield lambda: progress.advance(row)
