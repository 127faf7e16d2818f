"""Pictures that are not DICOM: opened by header first, then as upright grey or RGB without alpha."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pleura.imaging.dicom.reading import MAX_FRAME_PIXELS
from pleura.imaging.dicom.refusals import refuse

RECEIVED_FORMATS: Final = ("PNG", "JPEG", "TIFF", "BMP")
"""What may become an original."""
SUSPECT_FORMATS: Final = (*RECEIVED_FORMATS, "WEBP", "GIF", "AVIF", "JPEG2000")
"""What a leaked picture may be; the first frame is taken."""
_SIXTEEN_BITS: Final = frozenset({"I;16", "I;16L", "I;16B"})


class Picture(NamedTuple):
    """A decoded picture and the name of the format it came in."""

    pixels: NDArray[Any]
    """(rows, columns) of 8 or 16 bits, or (rows, columns, 3) of 8 bits."""
    kind: str


def open_picture(data: bytes, formats: tuple[str, ...], longest: int | None = None) -> Picture:
    """The picture in *data*, upright as its EXIF says, alpha flattened on white, grey where RGB is grey.

    It is made smaller where a side is above *longest* pixels. Raises BadInput where the header
    promises too many pixels; errors of the decoder are left to `only_refusals`.
    """
    try:
        image: Image.Image = Image.open(BytesIO(data), formats=formats)
    except (UnidentifiedImageError, SyntaxError):
        raise refuse("not-an-image") from None
    except Image.DecompressionBombError:
        raise refuse("picture-too-large", limit=MAX_FRAME_PIXELS // 10**6) from None
    if image.size[0] * image.size[1] > MAX_FRAME_PIXELS:
        raise refuse("picture-too-large", limit=MAX_FRAME_PIXELS // 10**6)
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    image = _flat(ImageOps.exif_transpose(image))
    if longest is not None and max(image.size) > longest:
        image.thumbnail((longest, longest), reducing_gap=2.0)
    return Picture(_grey_where_equal(np.asarray(image)), kind)


def _flat(image: Image.Image) -> Image.Image:
    """The first frame as mode ``L``, ``I;16`` or ``RGB``."""
    if image.mode in _SIXTEEN_BITS:
        return image
    if image.mode in ("I", "F"):
        raise refuse("pixel-format-unsupported")
    if image.mode == "1":
        return image.convert("L")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image if image.mode == "L" else image.convert("RGB")


def _grey_where_equal(pixels: NDArray[Any]) -> NDArray[Any]:
    if pixels.dtype.itemsize == 2:
        return np.ascontiguousarray(pixels.astype(np.uint16))
    if pixels.ndim == 3 and (pixels == pixels[:, :, :1]).all():
        pixels = pixels[:, :, 0]
    return np.ascontiguousarray(pixels)
