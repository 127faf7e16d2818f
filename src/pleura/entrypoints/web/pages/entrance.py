"""The way in: first run, sign-in, sign-out."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect, Template

from pleura.bootstrap import Founding, Restored, Source, found_house, restore_house
from pleura.crypto.roots.recovery import read_code, spelled
from pleura.domain.custody.places import FolderPlace
from pleura.domain.errors import BadInput, PleuraError, Refused
from pleura.entrypoints.web.desk import Desk
from pleura.entrypoints.web.view import AnyRequest, Form, desk, page, texts

FormBody = Annotated[Form, Body(media_type=RequestEncodingType.URL_ENCODED)]

_PUBLIC: Final = {"public": True}


@get("/first-run", opt=_PUBLIC, sync_to_thread=False)
def first_run(request: AnyRequest) -> Template | Redirect:
    """The form that makes a home."""
    if desk(request).is_open:
        return Redirect("/sign-in")
    return page(request, "first_run.html", {"problem": None, "form": {}})


@post("/first-run", opt=_PUBLIC, status_code=200, sync_to_thread=True)
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
    _check_setup_code(here, data)
    for first, second in (("passphrase", "passphrase_again"), ("password", "password_again")):
        if data.get(first) != data.get(second):
            raise BadInput("secrets-differ", "the two entries differ", "start again")
    founding = Founding(
        passphrase=data.get("passphrase", ""),
        administrator=data.get("administrator", ""),
        password=data.get("password", ""),
    )
    recovery_code = spelled(found_house(here.settings, founding))
    here.open(founding.passphrase)
    return recovery_code


def _check_setup_code(here: Desk, data: Form) -> None:
    # The brake leaves no room to learn the code from the time of the answer.
    if data.get("setup_code", "").strip() != here.setup_code:
        raise Refused(
            "wrong-setup-code",
            "the set-up code is not the one on the terminal",
            "copy it from the terminal where pleura serve was started",
        )


@get("/restore", opt=_PUBLIC, sync_to_thread=False)
def restore_form(request: AnyRequest) -> Template | Redirect:
    """The form that brings a home back from a backup."""
    if desk(request).is_open:
        return Redirect("/sign-in")
    return page(request, "restore.html", {"problem": None, "form": {}, "restored": None})


@post("/restore", opt=_PUBLIC, status_code=200, sync_to_thread=True)
def restore_home(request: AnyRequest, data: FormBody) -> Template | Redirect:
    """The home as the newest snapshot of a backup has it."""
    here = desk(request)
    if here.is_open:
        return Redirect("/sign-in")
    try:
        here.brake.press()
        restored = _restore_home(here, data)
    except PleuraError as error:
        kept = {"folder": data.get("folder", "")}
        facts = {"problem": texts(request).error(error), "form": kept, "restored": None}
        return page(request, "restore.html", facts, 400)
    return page(request, "restore.html", {"problem": None, "form": {}, "restored": restored})


def _restore_home(here: Desk, data: Form) -> Restored:
    _check_setup_code(here, data)
    if data.get("passphrase") != data.get("passphrase_again"):
        raise BadInput("secrets-differ", "the two entries differ", "start again")
    source = Source(
        place=FolderPlace(folder=data.get("folder", "")),
        code=read_code(data.get("recovery_code", "").splitlines()),
    )
    passphrase = data.get("passphrase", "")
    restored = restore_house(here.settings, source, passphrase, actor="web")
    here.open(passphrase)
    return restored


@get("/sign-in", opt=_PUBLIC, sync_to_thread=False)
def sign_in_form(request: AnyRequest) -> Template | Redirect:
    """The sign-in form."""
    if not desk(request).is_open:
        return Redirect("/first-run")
    return page(request, "sign_in.html", {"problem": None})


@post("/sign-in", opt=_PUBLIC, status_code=200, sync_to_thread=True)
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


ROUTES: Final[list[Any]] = [first_run, make_home, restore_form, restore_home, sign_in_form, sign_in, sign_out]
