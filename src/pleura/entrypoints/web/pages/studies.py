"""Studies, images and copies."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.exceptions import NotFoundException
from litestar.params import Body, FromPath, FromQuery
from litestar.response import Redirect, Template

from pleura.domain.images import Image
from pleura.entrypoints.intake import unpacked
from pleura.entrypoints.views.comparison import comparison_lines, comparison_picture
from pleura.entrypoints.web.desk import Picture
from pleura.entrypoints.web.pages.entrance import FormBody
from pleura.entrypoints.web.pages.uploads import kept
from pleura.entrypoints.web.view import AnyRequest, desk, page, pending, signed_in, texts
from pleura.prevent.copies import CopyRequest

PAGE: Final = 50
"""Images on one page of the list."""

VIEWING: Final = "view in the browser"

_MEDIA: Final = {"png": "image/png", "jpeg": "image/jpeg", "dicom": "application/dicom"}
_SUFFIX: Final = {"png": "png", "jpeg": "jpg", "dicom": "dcm"}

Uploads = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)]


@get("/studies", sync_to_thread=True)
def list_studies(
    request: AnyRequest, before: FromQuery[str | None] = None, patient: FromQuery[str | None] = None
) -> Template:
    """One page of studies, newest first, each with its images; of one patient, or of all."""
    images = desk(request).house.vault.page(PAGE + 1, before=before, patient=patient)
    shown = images[:PAGE]
    facts = {
        "studies": _by_study(shown),
        "patient": patient,
        "older": shown[-1].id if len(images) > PAGE else None,
        "searched": None,
    }
    return page(request, "studies.html", facts)


@post("/find", status_code=200, sync_to_thread=True)
def find_patient(request: AnyRequest, data: FormBody) -> Template | Redirect:
    """The images of the patient with that ID: it comes in the body of the request and is in no address."""
    house = desk(request).house
    patient = house.vault.patient_called(data.get("patient_id", ""), data.get("issuer", ""))
    if patient is None:
        facts: dict[str, object] = {"studies": [], "patient": None, "older": None, "searched": True}
        return page(request, "studies.html", facts)
    return Redirect(f"/studies?patient={patient}")


@get("/images/{image:str}", sync_to_thread=True)
def show_image(request: AnyRequest, image: FromPath[str]) -> Template:
    """One image as a marked picture made for this view alone, and the copies that were made of it."""
    house, viewer = desk(request).house, signed_in(request)
    found = house.vault.image(image)
    request_view = CopyRequest(image=image, recipient=viewer, purpose=VIEWING, form="jpeg")
    issued = house.copies.issue(request_view, actor=f"web:{viewer}")
    picture = Picture(owner=viewer, media_type=_MEDIA["jpeg"], content=issued.content)
    facts = {
        "image": found,
        "record": issued.record,
        "picture": desk(request).pictures.keep(picture),
        "copies": house.copies.records_of(image),
        "viewing": VIEWING,
    }
    return page(request, "image.html", facts)


@get("/pictures/{name:str}", sync_to_thread=False)
def fetch_picture(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """A picture that a page of this person asked for; it is made once, with its page."""
    picture = desk(request).pictures.fetch(name, signed_in(request))
    if picture is None:
        raise NotFoundException
    return Response(picture.content, media_type=picture.media_type)


@post("/images/{image:str}/copies", status_code=200, sync_to_thread=True)
def make_copy(request: AnyRequest, image: FromPath[str], data: FormBody) -> Response[bytes]:
    """A marked copy as a download, named by the copy and nothing else."""
    form = data.get("form", "")
    wanted = CopyRequest(
        image=image,
        recipient=data.get("recipient", ""),
        purpose=data.get("purpose", ""),
        form=form,  # type: ignore[arg-type]  # the record refuses a form that does not exist
    )
    issued = desk(request).house.copies.issue(wanted, actor=f"web:{signed_in(request)}")
    name = f"{issued.record.copy}.{_SUFFIX[issued.record.form]}"
    return Response(
        issued.content,
        media_type=_MEDIA[issued.record.form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@get("/images/{image:str}/copies/{copy:str}", sync_to_thread=True)
def show_copy(request: AnyRequest, image: FromPath[str], copy: FromPath[str]) -> Template:
    """One copy beside its original: how much it differs, in figures and as a picture."""
    here, viewer, say = desk(request), signed_in(request), texts(request)
    found = here.house.comparisons.compare(image, copy, actor=f"web:{viewer}")
    sheet = comparison_picture(found, say, here.house.font)
    name = here.pictures.keep(Picture(owner=viewer, media_type=_MEDIA["png"], content=sheet))
    facts = {"image": image, "copy": copy, "lines": comparison_lines(found, say), "picture": name}
    return page(request, "copy.html", facts)


@get("/import")
async def import_form(request: AnyRequest) -> Template:
    """The page where films are dropped."""
    waiting = await sync_to_thread(pending, request)
    return page(request, "import.html", {"arrivals": None, "pending": waiting})


@post("/import", status_code=200, sync_to_thread=True)
def import_films(request: AnyRequest, data: Uploads) -> Template:
    """What became of each file."""
    given = data.get("files", [])
    uploads = [
        upload
        for upload in (given if isinstance(given, list) else [given])
        if isinstance(upload, UploadFile) and upload.filename
    ]
    say, actor = texts(request), f"web:{signed_in(request)}"
    arrivals = []
    with desk(request).house.workspace() as folder:
        for upload in uploads:
            file = kept(upload, folder)
            for path in unpacked(file, desk(request).house, file.with_suffix(".unpacked")):
                arrival = desk(request).house.arrivals.receive(path, actor=actor)
                reason = say.error(arrival.refusal) if arrival.refusal else None
                arrivals.append({"name": upload.filename, "arrival": arrival, "reason": reason})
    return page(request, "import.html", {"arrivals": arrivals, "pending": pending(request)})


def _by_study(images: list[Image]) -> list[list[Image]]:
    """*images*, newest first, by study in the order of their newest image."""
    studies: dict[str, list[Image]] = {}
    for image in images:
        studies.setdefault(image.study, []).append(image)
    return list(studies.values())


ROUTES: Final[list[Any]] = [
    list_studies,
    find_patient,
    show_image,
    fetch_picture,
    make_copy,
    show_copy,
    import_form,
    import_films,
]
