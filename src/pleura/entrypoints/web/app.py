"""The web application: routes, sign-in wall, security headers, errors as pages."""

from __future__ import annotations

import logging
import secrets
import traceback
from pathlib import Path
from typing import Any, Final

from litestar import Litestar, Request, Response, get, post
from litestar.config.allowed_hosts import AllowedHostsConfig
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import Cookie, State
from litestar.exceptions import HTTPException
from litestar.middleware.session.server_side import ServerSideSessionConfig
from litestar.params import FromPath
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Template
from litestar.static_files import create_static_files_router
from litestar.template.config import TemplateConfig

from pleura.domain.errors import BadInput, EnvironmentFault, NotFound, PleuraError, Refused
from pleura.entrypoints.language import LANGUAGES
from pleura.entrypoints.web.desk import Desk
from pleura.entrypoints.web.pages import entrance, restore, sightings, studies, tracing, vault
from pleura.entrypoints.web.view import LANGUAGE_COOKIE, is_restorer, page, texts

_HERE: Final = Path(__file__).parent
_YEAR: Final = 365 * 24 * 3600
_SESSION_SECONDS: Final = 8 * 3600
MAX_UPLOAD: Final = 256 << 20

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}

_STATUS: Final[dict[type[Exception], int]] = {
    BadInput: 400,
    Refused: 403,
    NotFound: 404,
    EnvironmentFault: 503,
}

_log = logging.getLogger("pleura.web")


def build_app(desk: Desk, hosts: list[str]) -> Litestar:
    """The application over *desk*: every route needs a signed-in account unless it says public.

    *hosts* are the Host headers that are answered; any other is a sign of DNS rebinding.
    """
    sessions = ServerSideSessionConfig(
        key="session", max_age=_SESSION_SECONDS, samesite="strict", httponly=True, renew_on_access=True
    )
    return Litestar(
        route_handlers=[
            home,
            language,
            *entrance.ROUTES,
            *restore.ROUTES,
            *studies.ROUTES,
            *tracing.ROUTES,
            *sightings.ROUTES,
            *vault.ROUTES,
            create_static_files_router("/static", [_HERE / "static"], opt={"public": True}),
        ],
        state=State({"desk": desk}),
        before_request=sign_in_wall,
        after_request=add_headers,
        middleware=[sessions.middleware],
        csrf_config=CSRFConfig(secret=secrets.token_hex(32), cookie_samesite="strict", cookie_httponly=True),
        allowed_hosts=AllowedHostsConfig(allowed_hosts=hosts, www_redirect=False),
        template_config=TemplateConfig(directory=_HERE / "templates", engine=JinjaTemplateEngine),
        exception_handlers={PleuraError: error_page, HTTPException: http_page, 500: crash_page},
        request_max_body_size=MAX_UPLOAD,
        openapi_config=None,
        # Requests are not logged; faults go to the root logger by `crash_page`.
        logging_config=None,
        on_shutdown=[desk.close],
    )


@get("/", sync_to_thread=False)
def home() -> Redirect:
    """The list of studies is the first page."""
    return Redirect("/studies")


@post("/language/{code:str}", opt={"public": True}, sync_to_thread=False)
def language(code: FromPath[str]) -> Redirect:
    """Remember the reader's language and go back to the first page."""
    chosen = code if code in LANGUAGES else "zh"
    cookie = Cookie(key=LANGUAGE_COOKIE, value=chosen, max_age=_YEAR, samesite="strict", httponly=True)
    return Redirect("/", cookies=[cookie])


async def sign_in_wall(request: Request[Any, Any, Any]) -> Response[Any] | None:
    """Send whoever is not signed in to the right door; public routes are open."""
    if request.route_handler.opt.get("public"):
        return None
    if request.session.get("account") and request.app.state["desk"].is_open:
        return None
    if is_restorer(request):
        return Redirect("/restore")
    return Redirect("/sign-in" if request.app.state["desk"].is_open else "/first-run")


async def add_headers(response: Response[Any]) -> Response[Any]:
    """*response* with the headers that keep pages out of frames, caches and strangers' hands."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def error_page(request: Request[Any, Any, Any], error: PleuraError) -> Template:
    """What happened, to what, and the next step, in the reader's language."""
    what, next_step = texts(request).error(error)
    status = _STATUS.get(type(error), 500)
    facts = {"what": what, "next_step": next_step, "code": error.code}
    return _private(page(request, "error.html", facts, status))


def http_page(request: Request[Any, Any, Any], error: HTTPException) -> Template:
    """A page for what the web itself refuses: a missing page, a stale form, too large a file."""
    say = texts(request)
    if error.status_code == 404:
        words = say("this page does not exist"), say("go back to the studies")
    elif error.status_code == 413:
        words = say("the file is too large for the browser"), say("use pleura import on the machine itself")
    else:
        words = say("the browser's request was not accepted"), say("reload the page and try again")
    facts = {"what": words[0], "next_step": words[1], "code": f"http-{error.status_code}"}
    return _private(page(request, "error.html", facts, error.status_code))


def crash_page(request: Request[Any, Any, Any], error: Exception) -> Template:
    """A calm page without details; the log has the kind and the place of the fault, never a value."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    number = secrets.token_hex(4)
    _log.error("fault %s: %s at %s:%s", number, type(error).__name__, place.filename, place.lineno)
    say = texts(request)
    facts = {
        "what": say("something went wrong inside pleura"),
        "next_step": say("try again; if it stays so, report this number"),
        "code": number,
    }
    return _private(page(request, "error.html", facts, 500))


def _private(answer: Template) -> Template:
    answer.headers.update(_HEADERS)
    return answer
