"""Pages: templates filled in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from litestar import Request
from litestar.response import Template

from pleura.domain.errors import BadInput
from pleura.entrypoints.language import Texts
from pleura.entrypoints.web.desk import Desk

LANGUAGE_COOKIE: Final = "language"

Form = dict[str, str]
AnyRequest = Request[Any, Any, Any]


def page(request: AnyRequest, name: str, facts: Mapping[str, Any], status: int = 200) -> Template:
    """The template *name* with *facts*, the texts and the signed-in account."""
    context = {"say": texts(request), "account": account(request), "utc": utc, **facts}
    return Template(template_name=name, context=context, status_code=status)


def utc(moment: datetime | str) -> str:
    """*moment* as pages write it; what a stranger's depot calls a time, and is none, stays as it is."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            return str(moment)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def texts(request: AnyRequest) -> Texts:
    """The texts in the language of the cookie, else of the browser; Chinese where it asks for neither."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen is None:
        wanted = [
            part.split(";")[0].strip()[:2] for part in request.headers.get("accept-language", "").split(",")
        ]
        chosen = next((language for language in wanted if language in {"zh", "en"}), "zh")
    return Texts(chosen)


def is_restorer(request: AnyRequest) -> bool:
    """Whether this person has shown the set-up code and looks for a backup, or has just restored one."""
    session = request.scope.get("session")
    return isinstance(session, dict) and bool(session.get("restorer"))


def account(request: AnyRequest) -> str | None:
    """The name of the signed-in account."""
    session = request.scope.get("session")
    return session.get("account") if isinstance(session, dict) else None


def signed_in(request: AnyRequest) -> str:
    """The name of the signed-in account, behind the sign-in wall."""
    name = account(request)
    if name is None:
        raise BadInput("not-signed-in", "nobody is signed in", "sign in")
    return name


def desk(request: AnyRequest) -> Desk:
    """The desk of this application."""
    found: Desk = request.app.state["desk"]
    return found


def pending(request: AnyRequest) -> int:
    """The number of films that a trace would have to prepare for searching first."""
    return len(desk(request).house.sketcher.pending())
