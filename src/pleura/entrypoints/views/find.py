"""A search in words and as a picture, in the reader's language."""

from __future__ import annotations

from typing import Any, Final

from pleura.domain.tracing import Found
from pleura.entrypoints.language import Texts
from pleura.imaging.picture import outlined
from pleura.imaging.rasters import encode_png, to_array, to_raster
from pleura.imaging.work import shrunk
from pleura.monitor.find import Finding

_SIDE: Final = 2000
"""Long side of the outlined picture at most, in pixels."""


def find_lines(finding: Finding, say: Texts) -> list[str]:
    """One line for each original that the picture shows, numbered as in its picture."""
    found = finding.report.found
    if not found:
        return [say("none of the originals here is in it")]
    return [f"{number}. {_line(each, say)}" for number, each in enumerate(found, start=1)]


def _line(found: Found, say: Texts) -> str:
    support: dict[str, str | int] = {"inliers": found.inliers, "agreement": f"{found.agreement:.2f}"}
    if found.same_exposure:
        return say("{image} ({inliers} features agree, likeness {agreement})", image=found.image, **support)
    return say(
        "another exposure of the patient of {image} ({inliers} features agree, likeness {agreement})",
        image=found.image,
        **support,
    )


def find_facts(finding: Finding) -> dict[str, Any]:
    """The report under the names that other programs may rely on."""
    return {
        "found": [
            {
                "image": each.image,
                "same_exposure": each.same_exposure,
                "inliers": each.inliers,
                "agreement": round(each.agreement, 3),
                "corners": [[round(column), round(row)] for column, row in each.corners],
            }
            for each in finding.report.found
        ],
        "seconds": round(finding.report.seconds, 2),
    }


def find_picture(finding: Finding) -> bytes:
    """The picture with the outline and the number of every original in it, as PNG."""
    picture = shrunk(to_array(finding.picture), _SIDE)
    scale = picture.shape[0] / finding.picture.rows, picture.shape[1] / finding.picture.columns
    outlines = [
        ([(column * scale[1], row * scale[0]) for column, row in each.corners], each.same_exposure)
        for each in finding.report.found
    ]
    return encode_png(to_raster(outlined(picture, outlines)))
