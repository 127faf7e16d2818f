"""Rasters as arrays and back, and as PNG and JPEG files."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pleura.domain.rasters import Raster


def to_array(raster: Raster) -> NDArray[Any]:
    """The pixels as (rows, columns) or (rows, columns, 3), little endian, read-only."""
    dtype = np.dtype(f"<{'i' if raster.signed else 'u'}{raster.bits // 8}")
    shape = (raster.rows, raster.columns) if raster.samples == 1 else (raster.rows, raster.columns, 3)
    return np.frombuffer(raster.data, dtype).reshape(shape)


def to_raster(array: NDArray[Any]) -> Raster:
    """The raster of an integer array of 8 or 16 bits shaped (rows, columns) or (rows, columns, 3)."""
    bits: Literal[8, 16] = 8 if array.dtype.itemsize == 1 else 16
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return Raster(
        rows=array.shape[0],
        columns=array.shape[1],
        samples=1 if array.ndim == 2 else 3,
        bits=bits,
        signed=array.dtype.kind == "i",
        data=little.tobytes(),
    )


def encode_png(raster: Raster) -> bytes:
    """The raster as a PNG file (ISO/IEC 15948)."""
    return _encode(raster, "PNG")


def encode_jpeg(raster: Raster, quality: int) -> bytes:
    """The 8-bit raster as a JPEG file (ITU-T T.81) of *quality* 1..95, colour without subsampling."""
    return _encode(raster, "JPEG", quality=quality, subsampling=0)


def decode_own(content: bytes) -> Raster:
    """The raster of a file that `encode_png` or `encode_jpeg` made: no file from outside is read here."""
    with Image.open(BytesIO(content), formats=("PNG", "JPEG")) as picture:
        return to_raster(np.asarray(picture))


def _encode(raster: Raster, kind: str, **options: int) -> bytes:
    stream = BytesIO()
    Image.fromarray(to_array(raster)).save(stream, kind, **options)
    return stream.getvalue()
