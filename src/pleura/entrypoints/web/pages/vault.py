"""The vault's health: backups, restore tests and the doctor's checks on one page."""

from __future__ import annotations

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Template

from pleura.domain.errors import PleuraError
from pleura.entrypoints.web.view import AnyRequest, desk, page, signed_in, texts

_SHOWN: Final = 3


@get("/vault", sync_to_thread=True)
def show_vault(request: AnyRequest) -> Template:
    """Backups and every check."""
    return _page(request)


@post("/vault/{name:str}/sync", status_code=200, sync_to_thread=True)
def sync_depot(request: AnyRequest, name: FromPath[str]) -> Template:
    """Add to a depot what it lacks."""
    say = texts(request)
    try:
        done = desk(request).house.depots.sync(name, actor=f"web:{signed_in(request)}")
    except PleuraError as error:
        return _page(request, problem=say.error(error), status=503)
    words = say(
        "{name}: snapshot {snapshot}, {objects} objects, {added} of them new",
        name=name,
        snapshot=done.snapshot,
        objects=done.objects,
        added=done.added,
    )
    if done.lacking:
        what = say("not whole: {image}", image=" ".join(done.lacking[:_SHOWN]))
        return _page(request, done=words, problem=(what, say("see the checks below for the repair")))
    return _page(request, done=words)


@post("/vault/{name:str}/test", status_code=200, sync_to_thread=True)
def test_depot(request: AnyRequest, name: FromPath[str]) -> Template:
    """Restore the newest snapshot into a throw-away place and say what was found."""
    say = texts(request)
    try:
        report = desk(request).house.depots.test(name, actor=f"web:{signed_in(request)}")
    except PleuraError as error:
        return _page(request, problem=say.error(error), status=503)
    if report.whole:
        words = say(
            "{name}: the snapshot restores, {count} objects are whole", name=name, count=report.objects
        )
        return _page(request, done=words)
    what = say(
        "{name}: {missing} objects are missing, {damaged} damaged",
        name=name,
        missing=len(report.missing),
        damaged=len(report.damaged),
    )
    return _page(request, problem=(what, say("fill it now, or look for another place")))


def _page(
    request: AnyRequest, *, done: str = "", problem: tuple[str, str] | None = None, status: int = 200
) -> Template:
    house = desk(request).house
    facts = {
        "depots": house.depots.all(),
        "checks": list(house.doctor.examine()),
        "done": done,
        "problem": problem,
    }
    return page(request, "vault.html", facts, status)


ROUTES: Final[list[Any]] = [show_vault, sync_depot, test_depot]
