"""The way in: first run, sign-in, sign-out."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect, Template

from pleura.bootstrap import Founding, found_house
from pleura.crypto.roots.recovery import spelled
from pleura.domain.errors import BadInput, Refused
from pleura.entrypoints.web.desk import Desk
from pleura.entrypoints.web.view import AnyRequest, Form, desk, page, texts

FormBody = Annotated[Form, Body(media_type=RequestEncodingType.URL_ENCODED)]

PUBLIC: Final = {"public": True}


@get("/first-run", opt=PUBLIC, sync_to_thread=False)
def first_run(request: AnyRequest) -> Template | Redirect:
    """The form that makes a home."""
    if desk(request).is_open:
        return Redirect("/sign-in")
    return page(request, "first_run.html", {"problem": None, "form": {}})


@post("/first-run", opt=PUBLIC, status_code=200, sync_to_thread=True)
def make_home(request: AnyRequest, data: FormBody) -> Template | Redirect:
    """A new home and its recovery sheet, shown once."""
    if desk(request).is_open:
        return Redirect("/sign-in")
    try:
        desk(request).brake.press()
        recovery_code = _make_home(request, data)
    except (BadInput, Refused) as error:
        # The secrets that were typed do not go back into the page.
        kept = {"administrator": data.get("administrator", "")}
        facts = {"problem": texts(request).error(error), "form": kept}
        return page(request, "first_run.html", facts, 400)
    return page(request, "recovery.html", {"recovery_code": recovery_code})


def _make_home(request: AnyRequest, data: Form) -> str:
    here = desk(request)
    check_setup_code(here, data.get("setup_code", ""))
    here.restoring.refuse_running()
    refuse_differing(data, "passphrase")
    refuse_differing(data, "password")
    founding = Founding(
        passphrase=data.get("passphrase", ""),
        administrator=data.get("administrator", ""),
        password=data.get("password", ""),
    )
    recovery_code = spelled(found_house(here.settings, founding))
    here.open(founding.passphrase)
    return recovery_code


def refuse_differing(data: Form, field: str) -> None:
    """Raise BadInput when a secret was not typed twice the same."""
    if data.get(field) != data.get(f"{field}_again"):
        raise BadInput("secrets-differ", "the two entries differ", "start again")


def check_setup_code(here: Desk, typed: str) -> None:
    """Raise Refused for whoever does not see the terminal."""
    # The brake leaves no room to learn the code from the time of the answer.
    if typed.strip() != here.setup_code:
        raise Refused(
            "wrong-setup-code",
            "the set-up code is not the one on the terminal",
            "copy it from the terminal where pleura serve was started",
        )


@get("/sign-in", opt=PUBLIC, sync_to_thread=False)
def sign_in_form(request: AnyRequest) -> Template | Redirect:
    """The sign-in form."""
    if not desk(request).is_open:
        return Redirect("/first-run")
    return page(request, "sign_in.html", {"problem": None})


@post("/sign-in", opt=PUBLIC, status_code=200, sync_to_thread=True)
def sign_in(request: AnyRequest, data: FormBody) -> Template | Redirect:
    """The studies for a right name and password; else the form again, the same for either being wrong."""
    brake = desk(request).brake
    try:
        brake.press()
        account = desk(request).house.accounts.sign_in(data.get("name", ""), data.get("password", ""))
    except Refused as error:
        return page(request, "sign_in.html", {"problem": texts(request).error(error)}, 403)
    brake.release()
    # A session from before the sign-in is not carried over.
    request.clear_session()
    request.set_session({"account": account.name})
    return Redirect("/studies")


@post("/sign-out", sync_to_thread=False)
def sign_out(request: AnyRequest) -> Redirect:
    """End the session."""
    request.clear_session()
    return Redirect("/sign-in")


ROUTES: Final[list[Any]] = [first_run, make_home, sign_in_form, sign_in, sign_out]
