"""The vault's health: backups, restore tests and the doctor's checks on one page.

The page shows what is stored here and asks no depot: it opens at once even where one does not answer.
What takes longer runs beside the page, which renews itself until that is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from pleura.bootstrap import House
from pleura.domain.custody.words import in_words
from pleura.domain.errors import PleuraError, Refused
from pleura.domain.installation import Depot
from pleura.entrypoints.language import Texts
from pleura.entrypoints.web.chores import Ended
from pleura.entrypoints.web.view import AnyRequest, desk, page, pending, signed_in, texts
from pleura.prevent.depots.proving import DepotReport, Synced
from pleura.prevent.health.check import Check

_SHOWN: Final = 3
_CHECK: Final = "check"


@get("/vault", sync_to_thread=True)
def show_vault(request: AnyRequest) -> Template:
    """Backups, and what the last check found."""
    here, say = desk(request), texts(request)
    running = here.chores.running()
    facts = {
        "depots": [_row(request, depot, say) for depot in here.house.depots.all()],
        "pending": pending(request),
        "checked": _checked(here.chores.ended(_CHECK), say),
        "checking": (_CHECK, "") in running,
        "running": bool(running),
        "in_words": in_words,
    }
    return page(request, "vault.html", facts)


@post("/vault/check", status_code=200, sync_to_thread=True)
def check_now(request: AnyRequest) -> Redirect:
    """Make every check, those of the depots too."""
    house = desk(request).house
    desk(request).chores.begin(_CHECK, "", lambda is_stopped: _examined(house, is_stopped))
    return Redirect("/vault")


@post("/vault/{name:str}/sync", status_code=200, sync_to_thread=True)
def sync_depot(request: AnyRequest, name: FromPath[str]) -> Redirect:
    """Add to a depot what it lacks."""
    house, actor = desk(request).house, f"web:{signed_in(request)}"
    house.depots.place(name)  # Raises NotFound.
    desk(request).chores.begin(
        "sync", name, lambda is_stopped: house.depots.sync(name, actor=actor, is_stopped=is_stopped)
    )
    return Redirect("/vault")


@post("/vault/{name:str}/test", status_code=200, sync_to_thread=True)
def test_depot(request: AnyRequest, name: FromPath[str]) -> Redirect:
    """Restore the newest snapshot into a throw-away place."""
    house, actor = desk(request).house, f"web:{signed_in(request)}"
    house.depots.place(name)  # Raises NotFound.
    desk(request).chores.begin(
        "test", name, lambda is_stopped: house.depots.test(name, actor=actor, is_stopped=is_stopped)
    )
    return Redirect("/vault")


def _examined(house: House, is_stopped: Callable[[], bool]) -> list[Check]:
    found = list[Check]()
    for check in house.doctor.examine():
        found.append(check)
        if is_stopped():
            break
    return found


def _row(request: AnyRequest, depot: Depot, say: Texts) -> dict[str, object]:
    """What is stored about a depot, what is under way on it, and how the last of that ended."""
    chores = desk(request).chores
    acts = {act for act, name in chores.running() if name == depot.name}
    ended = chores.last(depot.name)
    words, problem = _outcome(depot.name, ended.result, say) if ended and not acts else ("", None)
    return {
        "depot": depot,
        "acts": acts,
        "at": ended.at if ended else None,
        "done": words,
        "problem": problem,
    }


def _outcome(name: str, result: object, say: Texts) -> tuple[str, tuple[str, str] | None]:
    """Words for what went well, and the problem with its next step."""
    if isinstance(result, Refused) and result.code == "depot-busy":
        return say("{what}; {next_step}", what=say.error(result)[0], next_step=say.error(result)[1]), None
    if isinstance(result, PleuraError):
        return "", say.error(result)
    if isinstance(result, Synced):
        return _synced(name, result, say)
    return _tested(name, result, say) if isinstance(result, DepotReport) else ("", None)


def _synced(name: str, done: Synced, say: Texts) -> tuple[str, tuple[str, str] | None]:
    words = say(
        "{name}: snapshot {snapshot}, {objects} objects, {added} of them new",
        name=name,
        snapshot=done.snapshot,
        objects=done.objects,
        added=done.added,
    )
    if not done.lacking:
        return words, None
    what = say("not whole: {image}", image=" ".join(done.lacking[:_SHOWN]))
    return words, (what, say("check now, and see the repair below"))


def _tested(name: str, report: DepotReport, say: Texts) -> tuple[str, tuple[str, str] | None]:
    if report.whole:
        return say(
            "{name}: the snapshot restores, {count} objects are whole", name=name, count=report.objects
        ), None
    what = say(
        "{name}: {missing} objects are missing, {damaged} damaged",
        name=name,
        missing=len(report.missing),
        damaged=len(report.damaged),
    )
    return "", (what, say("fill it now, or look for another place"))


def _checked(ended: Ended | None, say: Texts) -> dict[str, object] | None:
    """When the last check was made, and its rows or its problem; None where none was."""
    if ended is None:
        return None
    if isinstance(ended.result, PleuraError):
        return {"at": ended.at, "rows": [], "problem": say.error(ended.result)}
    found = ended.result if isinstance(ended.result, list) else []
    rows = sorted(found, key=lambda check: check.ok)  # What is wrong comes first.
    return {"at": ended.at, "rows": [_check_row(check, say) for check in rows], "problem": None}


def _check_row(check: Check, say: Texts) -> tuple[str, str, Check]:
    """The name of a check and what it found, in the reader's language."""
    detail = say(check.detail, **check.facts)
    if check.because:
        detail = f"{detail}: {say(check.because)}"
    return say(check.heading or check.name, **check.facts), detail, check


ROUTES: Final[list[Any]] = [show_vault, check_now, sync_depot, test_depot]
