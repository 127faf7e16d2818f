"""Drop a picture: trace which copy it came from, or find every film that it shows."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

from litestar import get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Template

from pleura.domain.errors import BadInput
from pleura.entrypoints.views.find import find_lines, find_picture
from pleura.entrypoints.views.trace import trace_lines, trace_picture
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
    with _given(data) as path:
        found = here.house.tracer.trace(path, actor=f"web:{viewer}")
    sheet = trace_picture(found, say, here.house.font)
    name = here.pictures.keep(Picture(owner=viewer, media_type="image/png", content=sheet))
    headline, *lines = trace_lines(found.report, say)
    return page(
        request,
        "trace.html",
        {"report": found.report, "headline": headline, "lines": lines, "picture": name, "pending": 0},
    )


@get("/look")
async def find_form(request: AnyRequest) -> Template:
    """The page where a picture is dropped that may show several films."""
    waiting = await sync_to_thread(pending, request)
    return page(request, "find.html", {"found": None, "pending": waiting})


@post("/look", status_code=200, sync_to_thread=True)
def find(request: AnyRequest, data: Upload) -> Template:
    """Every original in the picture, outlined."""
    here, viewer, say = desk(request), signed_in(request), texts(request)
    with _given(data) as path:
        finding = here.house.finder.find(path, actor=f"web:{viewer}")
    sheet = Picture(owner=viewer, media_type="image/png", content=find_picture(finding))
    lines = [
        {"words": line, "image": found.image}
        for line, found in zip(find_lines(finding, say), finding.report.found, strict=False)
    ]
    answer = {"found": lines, "picture": here.pictures.keep(sheet), "pending": 0}
    return page(request, "find.html", answer)


@contextlib.contextmanager
def _given(data: dict[str, Any]) -> Iterator[Path]:
    """The file of the picture that was given; raises BadInput where there is none."""
    upload = data.get("picture")
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise BadInput("no-picture", "no picture was given", "choose a file or drop one on the page")
    with tempfile.TemporaryDirectory(prefix="pleura-suspect-") as folder:
        yield kept(upload, Path(folder))


ROUTES: Final[list[Any]] = [trace_form, trace, find_form, find]
