"""The stored values of the first frame, decoded by pinned codecs after the compressed header was checked.

RLE by pydicom itself, JPEG baseline and JPEG 2000 by Pillow, the rest by imagecodecs. The wheels of
pylibjpeg are not used: two of them can be crashed by a file.
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

import numpy as np
from imagecodecs import jpeg2k_decode, jpeg_decode, jpegls_decode
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import DecodeRunner, get_decoder
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from pleura.imaging.dicom.reading import JPEG2000_FAMILY, JPEG_FAMILY, NATIVE, number
from pleura.imaging.dicom.refusals import refuse

DECODER_DEPENDENCIES: Final[dict[str, tuple[str, ...]]] = dict.fromkeys(
    JPEG_FAMILY | JPEG2000_FAMILY, ("imagecodecs",)
)
"""Asked for by pydicom of every plugin module."""

_JPEG_SOFS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}


class Compressed(NamedTuple):
    """What the header of a compressed frame promises."""

    rows: int
    columns: int
    samples: int
    precision: int


def is_available(uid: str) -> bool:
    """Whether this module decodes *uid*; asked by pydicom of every plugin module."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes:
    """The native bytes of one frame; called by pydicom as its plugin ``imagecodecs``."""
    syntax = runner.transfer_syntax
    if syntax in JPEG2000_FAMILY:
        decoded = jpeg2k_decode(source)
    elif syntax in (JPEGLSLossless, JPEGLSNearLossless):
        decoded = jpegls_decode(source)
    else:
        decoded = jpeg_decode(source, bitspersample=jpeg_header(source).precision)
    stored = decoded.astype(f"{decoded.dtype.kind}{runner.bits_allocated // 8}", copy=False)
    return bytes(stored.tobytes())


def first_frame(dataset: Dataset) -> NDArray[Any]:
    """The first frame as (rows, columns) or (rows, columns, 3): stored values, YBR turned into RGB.

    Grey values are extracted from ``BitsStored`` bits and carry their sign. Raises BadInput where the
    compressed frame is not what the header says.
    """
    return np.ascontiguousarray(in_range(decoded_frame(dataset), dataset))


def decoded_frame(dataset: Dataset) -> NDArray[Any]:
    """The first frame as `first_frame`, but with whatever lies in the bits above ``BitsStored``."""
    uid = dataset.file_meta.TransferSyntaxUID
    decoder = get_decoder(uid)
    plugin = ""
    if uid not in NATIVE:
        _check_compressed(dataset)
        plugin = _plugin(dataset)
    if plugin == "imagecodecs" and plugin not in decoder.available_plugins:
        decoder.add_plugin(plugin, (__name__, decode_frame.__name__))
    # Bits above BitsStored are taken care of here, for every syntax alike and with one copy fewer.
    options: dict[str, Any] = {"view_only": True, "correct_unused_bits": False}
    frame, _ = decoder.as_array(dataset, index=0, decoding_plugin=plugin, **options)
    wanted = (number(dataset, "Rows"), number(dataset, "Columns"))
    if frame.shape[:2] != wanted or frame.dtype.itemsize > 2:
        raise refuse("pixel-data-differs")
    return np.asarray(frame.astype(frame.dtype.newbyteorder("="), copy=False))


def jpeg_header(frame: bytes) -> Compressed:
    """The frame header of a JPEG or JPEG-LS stream (ITU-T T.81 B.2.2, T.87 C.2.2)."""
    position = 2
    while frame[:2] == b"\xff\xd8" and position + 10 <= len(frame) and frame[position] == 0xFF:
        marker = frame[position + 1]
        if marker in _JPEG_SOFS:
            precision, rows, columns, samples = struct.unpack_from(">BHHB", frame, position + 4)
            return Compressed(rows, columns, samples, precision)
        padding = marker == 0xFF
        position += 1 if padding else 2 + struct.unpack_from(">H", frame, position + 2)[0]
    raise refuse("pixel-data-differs")


def jpeg2000_header(frame: bytes) -> Compressed:
    """The SIZ segment of a raw JPEG 2000 codestream (ITU-T T.800 A.5.1).

    A JP2 wrapper is refused: PS3.5 section A.4.4 allows the codestream alone, and its palette box is
    what crashes some decoders.
    """
    if frame[:4] != b"\xff\x4f\xff\x51" or len(frame) < 43:
        raise refuse("pixel-data-differs")
    right, bottom, left, top, tile_columns, tile_rows = struct.unpack_from(">IIIIII", frame, 8)
    tiles = right * bottom // max(1, tile_columns * tile_rows)
    if not tile_columns or not tile_rows or tiles > 65535:
        raise refuse("pixel-data-differs")
    samples, depth = struct.unpack_from(">HB", frame, 40)
    return Compressed(bottom - top, right - left, samples, (depth & 0x7F) + 1)


def _check_compressed(dataset: Dataset) -> None:
    """Compare the compressed header with the data set before any codec sees the frame."""
    uid = dataset.file_meta.TransferSyntaxUID
    frames = number(dataset, "NumberOfFrames", 1)
    frame = get_frame(dataset.PixelData, 0, number_of_frames=frames)
    if uid == RLELossless:
        return
    found = jpeg2000_header(frame) if uid in JPEG2000_FAMILY else jpeg_header(frame)
    promised = tuple(number(dataset, word) for word in ("Rows", "Columns", "SamplesPerPixel"))
    if found[:3] != promised or found.precision > number(dataset, "BitsAllocated"):
        raise refuse("pixel-data-differs")


def _plugin(dataset: Dataset) -> str:
    uid = dataset.file_meta.TransferSyntaxUID
    if uid == RLELossless:
        return "pydicom"
    return "pillow" if uid in (JPEGBaseline8Bit, JPEG2000, JPEG2000Lossless) else "imagecodecs"


def in_range(frame: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """The frame without what old devices kept in the bits above ``BitsStored`` (PS3.5 section 8.1.1)."""
    spare = frame.dtype.itemsize * 8 - number(dataset, "BitsStored")
    if frame.ndim == 3 or spare <= 0:
        return frame
    aligned: NDArray[Any] = np.left_shift(frame, spare)
    np.right_shift(aligned, spare, out=aligned)
    return aligned
