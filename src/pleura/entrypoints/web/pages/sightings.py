"""What was seen outside: how pressing it is, where it was seen, and what people say of it.

Addresses are shown as text and never as links: a click would tell the site who looks, and from where.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from pleura.domain.errors import PleuraError
from pleura.domain.watching.sightings import label_word
from pleura.domain.watching.sources import Source
from pleura.domain.watching.words import in_words
from pleura.entrypoints.language import Texts
from pleura.entrypoints.web.pages.entrance import FormBody
from pleura.entrypoints.web.view import AnyRequest, desk, page, signed_in, texts

_LOOK: Final = "look"


@get("/sightings", sync_to_thread=True)
def list_sightings(request: AnyRequest) -> Template:
    """The sightings, most pressing first, and the sources that are watched."""
    here, say = desk(request), texts(request)
    looking = {name for act, name in here.chores.running() if act == _LOOK}
    sources = [
        {
            "source": source,
            "place": place,
            "looking": source.name in looking,
            "result": _result(source, say),
            "problem": _problem(request, source.name, say),
        }
        for source, place in here.house.watchlist.all()
    ]
    facts = {"sightings": here.house.sightings.all(), "sources": sources, "running": bool(looking)}
    return page(request, "sightings.html", facts)


@get("/sightings/{name:str}", sync_to_thread=True)
def show_sighting(request: AnyRequest, name: FromPath[str]) -> Template:
    """One sighting with its places, its labels and a form for another label."""
    return page(request, "sighting.html", {"detail": desk(request).house.sightings.show(name)})


@post("/sightings/{name:str}/label", status_code=200, sync_to_thread=True)
def label_sighting(request: AnyRequest, name: FromPath[str], data: FormBody) -> Redirect:
    """Keep what a person says."""
    word, reason = label_word(data.get("label", "")), data.get("reason", "")
    desk(request).house.sightings.label(name, word, reason, actor=f"web:{signed_in(request)}")
    return Redirect(f"/sightings/{name}")


@post("/sources/{name:str}/look", status_code=200, sync_to_thread=True)
def look_now(request: AnyRequest, name: FromPath[str]) -> Redirect:
    """Look at a source beside the page."""
    patrol, actor = desk(request).house.patrol, f"web:{signed_in(request)}"
    desk(request).chores.begin(
        _LOOK, name, lambda is_stopped: patrol.run(name, actor=actor, is_stopped=is_stopped)
    )
    return Redirect("/sightings")


def _result(source: Source, say: Texts) -> str:
    """How the last look ended; empty where there was none."""
    if not source.enabled:
        return say("paused")
    text, facts = in_words(source.result)
    return say(text, **facts) if source.looked_at else ""


def _problem(request: AnyRequest, source: str, say: Texts) -> tuple[str, str] | None:
    """What stopped the last look that a page has begun."""
    ended = desk(request).chores.ended(_LOOK, source)
    fault = ended.result if ended else None
    return say.error(fault) if isinstance(fault, PleuraError) else None


ROUTES: Final[list[Any]] = [list_sightings, show_sighting, label_sighting, look_now]
