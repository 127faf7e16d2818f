"""A home comes back from a backup or replica: where it is, which snapshot, how far it is, what came back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect, Template

from pleura.crypto.roots.recovery import read_code
from pleura.crypto.roots.root import new_passphrase
from pleura.domain.custody.places import BucketPlace, FolderPlace, Place
from pleura.domain.errors import BadInput, PleuraError
from pleura.entrypoints.web.desk import Desk
from pleura.entrypoints.web.pages.entrance import PUBLIC, FormBody, check_setup_code, refuse_differing
from pleura.entrypoints.web.view import AnyRequest, desk, is_restorer, page, texts

_MOST_BUCKET: Final = 64 << 10
_SHOWN: Final = 50
"""Names of images that lack something, on the page; the terminal and the doctor name all."""

PlaceForm = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)]


@get("/restore", opt=PUBLIC)
async def restore(request: AnyRequest) -> Template | Redirect:
    """As far as the restore is, for whoever has shown the set-up code; for all others the form."""
    # Litestar forgets a second thread handler of one path; this one takes its thread by itself.
    return await sync_to_thread(_state, request)


def _state(request: AnyRequest) -> Template | Redirect:
    here, mine = desk(request), is_restorer(request)
    if mine and here.restoring.restored and here.is_open:
        return _restored(request)
    if here.is_open:
        return Redirect("/sign-in")
    if mine and here.restoring.is_running:
        return page(request, "restore_running.html", {"restoring": here.restoring})
    if mine and here.restoring.found:
        return _choice(request, here.restoring.fault)
    # A home that came back and does not open has a fault, and nothing left to choose from.
    fault = here.restoring.fault if mine else None
    problem = texts(request).error(fault) if fault else None
    return page(request, "restore.html", {"problem": problem, "form": {}})


@post("/restore", opt=PUBLIC, status_code=200, sync_to_thread=True)
def look(request: AnyRequest, data: PlaceForm) -> Template | Redirect:
    """The snapshots that the recovery code opens in the place, to choose from."""
    here = desk(request)
    if here.is_open:
        return Redirect("/sign-in")
    try:
        here.brake.press()
        check_setup_code(here, str(data.get("setup_code", "")))
        place = _place(data)
        here.restoring.look(place, read_code(str(data.get("recovery_code", "")).splitlines()))
    except PleuraError as error:
        # The code, and the keys of a bucket, do not go back into the page.
        kept = {"folder": str(data.get("folder", ""))}
        return page(request, "restore.html", {"problem": texts(request).error(error), "form": kept}, 400)
    request.set_session({"restorer": True})
    return Redirect("/restore")


@post("/restore/begin", opt=PUBLIC, status_code=200, sync_to_thread=True)
def begin(request: AnyRequest, data: FormBody) -> Template | Redirect:
    """The chosen snapshot on its way back, under a new passphrase."""
    here = desk(request)
    if not _may_go_on(request, here):
        return Redirect("/restore")
    try:
        refuse_differing(data, "passphrase")
        passphrase = data.get("passphrase", "")
        new_passphrase(passphrase)  # Refuses a weak one before anything begins.
        here.restoring.begin(data.get("snapshot", ""), passphrase)
    except PleuraError as error:
        return _choice(request, error, data.get("snapshot", ""), 400)
    return Redirect("/restore")


@post("/restore/again", opt=PUBLIC, status_code=200, sync_to_thread=False)
def again(request: AnyRequest) -> Redirect:
    """Back to the form, for another place."""
    if _may_go_on(request, desk(request)):
        desk(request).restoring.forget()
    return Redirect("/restore")


def _may_go_on(request: AnyRequest, here: Desk) -> bool:
    restoring = here.restoring
    return is_restorer(request) and restoring.found is not None and not restoring.is_running


def _choice(
    request: AnyRequest, problem: PleuraError | None, chosen: str = "", status: int = 200
) -> Template:
    found = desk(request).restoring.found
    facts = {
        "problem": texts(request).error(problem) if problem else None,
        "snapshots": found.snapshots if found else [],
        "chosen": chosen,
    }
    return page(request, "restore_choice.html", facts, status)


def _restored(request: AnyRequest) -> Template:
    here = desk(request)
    restored = here.restoring.restored
    lacking = sorted({name.partition("/")[0] for name in restored.lacking}) if restored else []
    facts = {
        "restored": restored,
        "lacking": lacking[:_SHOWN],
        "more": len(lacking[_SHOWN:]),
        "count": len(lacking),
        "depots": here.house.depots.all(),
    }
    return page(request, "restored.html", facts)


def _place(data: dict[str, Any]) -> Place:
    """The folder or the bucket that the form names; raises BadInput."""
    folder, bucket = str(data.get("folder", "")).strip(), _bucket_text(data)
    if bool(folder) == bool(bucket):
        raise BadInput(
            "one-place",
            "a restore takes one place: a folder, or the file of a bucket",
            "fill in one of the two, and leave the other empty",
        )
    return _bucket(bucket) if bucket else _folder(folder)


def _bucket_text(data: dict[str, Any]) -> bytes:
    upload = data.get("bucket_file")
    if isinstance(upload, UploadFile) and upload.filename:
        return upload.file.read(_MOST_BUCKET)
    return str(data.get("bucket", "")).strip().encode()


def _bucket(text: bytes) -> BucketPlace:
    try:
        return msgspec.json.decode(text, type=BucketPlace)
    except msgspec.MsgspecError as error:
        raise BadInput(
            "bad-bucket-text",
            "what was given does not name a bucket",
            "give JSON with endpoint, bucket, access_key and secret_key, see docs/commands.md",
        ) from error


def _folder(typed: str) -> FolderPlace:
    folder = Path(typed)
    if not folder.is_absolute() or not folder.is_dir():
        raise BadInput(
            "no-such-backup-folder",
            "there is no folder {folder} on this machine",
            "give the whole path, such as /media/backup, and mount the disk first",
            folder=typed,
        )
    return FolderPlace(folder=str(folder))


ROUTES: Final[list[Any]] = [restore, look, begin, again]
