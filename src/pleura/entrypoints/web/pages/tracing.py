"""Trace a picture: drop it, and read which copy it came from."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any, Final

from litestar import get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Template

from pleura.domain.errors import BadInput
from pleura.entrypoints.trace_view import trace_lines, trace_picture
from pleura.entrypoints.web.desk import Picture
from pleura.entrypoints.web.pages.uploads import kept
from pleura.entrypoints.web.view import AnyRequest, desk, page, pending, signed_in, texts

Upload = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)]


@get("/trace")
async def trace_form(request: AnyRequest) -> Template:
    """The page where a found picture is dropped."""
    waiting = await sync_to_thread(pending, request)
    return page(request, "trace.html", {"report": None, "pending": waiting})


@post("/trace", status_code=200, sync_to_thread=True)
def trace(request: AnyRequest, data: Upload) -> Template:
    """The verdict on the picture, with the side-by-side picture."""
    here, viewer, say = desk(request), signed_in(request), texts(request)
    upload = data.get("picture")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise BadInput("no-picture", "no picture was given", "choose a file or drop one on the page")
    with tempfile.TemporaryDirectory(prefix="pleura-suspect-") as folder:
        found = here.house.tracer.trace(kept(upload, Path(folder)), actor=f"web:{viewer}")
    sheet = trace_picture(found, say, here.house.font)
    name = here.pictures.keep(Picture(owner=viewer, media_type="image/png", content=sheet))
    headline, *lines = trace_lines(found.report, say)
    return page(
        request,
        "trace.html",
        {"report": found.report, "headline": headline, "lines": lines, "picture": name, "pending": 0},
    )


ROUTES: Final[list[Any]] = [trace_form, trace]
