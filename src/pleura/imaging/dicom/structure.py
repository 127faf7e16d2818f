"""The skeleton of a DICOM file: where its data set lies, and that the encoding is whole and bounded.

This scan comes before pydicom reads anything, because pydicom silently accepts a value cut short by
the end of the file, inflates without a bound and recurses once per nested sequence.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from mmap import mmap
from typing import Final

from pydicom.datadict import dictionary_VR
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from pleura.imaging.dicom.refusals import refuse

MAX_INFLATED: Final = 512 << 20
"""Bytes that a deflated data set may have in clear."""
MAX_RATIO: Final = 50
"""Clear bytes per deflated byte; radiographs reach about 4, a bomb 1,000."""
RATIO_FREE: Final = 64 << 20
"""Clear bytes that no ratio is asked of."""
MAX_DEPTH: Final = 32
"""Levels of nested sequences; real data sets of any kind stay below ten."""
MAX_ELEMENTS: Final = 500_000
"""Elements, items and fragments in one file."""

Content = bytes | mmap
"""A file's bytes, or the file itself mapped, of which only what is looked at takes memory."""

UNDEFINED: Final = 0xFFFFFFFF
"""The length of a value that ends at a delimiter (PS3.5 section 7.1.1)."""

_ITEM: Final = 0xFFFEE000
_ITEM_END: Final = 0xFFFEE00D
_SEQUENCE_END: Final = 0xFFFEE0DD
_PIXEL_DATA: Final = 0x7FE00010
_LONG_VRS: Final = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT_VRS: Final = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """A DICOM file taken apart as PS3.10 section 7 says, the data set inflated."""

    transfer_syntax_uid: str
    data: Content
    start: int
    """Where in *data* the data set begins; it goes on to the end. Pixels are not copied to say so."""
    implicit: bool
    little: bool


@dataclass(frozen=True)
class _Header:
    tag: int
    vr: bytes
    value: int
    """Position of the first byte of the value."""
    length: int


@dataclass(frozen=True)
class _Level:
    kind: str
    """``items`` (a sequence), ``elements`` (an item or the root) or ``fragments``."""
    end: int
    """No value of this level may pass this position."""
    defined: bool
    implicit: bool


def is_part10(data: Content) -> bool:
    """Whether *data* begins as PS3.10 section 7.1 says: 128 bytes of preamble, then ``DICM``."""
    return data[128:132] == b"DICM"


def looks_like_dataset(data: Content) -> bool:
    """Whether *data* may be a data set without preamble: it begins in group 0002 or 0008."""
    if len(data) < 8 or data[0:2] not in (b"\x02\x00", b"\x08\x00") or data[3] != 0:
        return False
    explicit = data[4:6] in _SHORT_VRS | _LONG_VRS
    return explicit or struct.unpack_from("<I", data, 4)[0] <= len(data)


def take_apart(data: Content) -> Skeleton:
    """The proven skeleton of the DICOM file *data*; raises BadInput where it is broken or a bomb."""
    uid, start = _file_meta(data, 132 if is_part10(data) else 0)
    if uid == DeflatedExplicitVRLittleEndian:
        data, start = _inflate(data[start:]), 0
    skeleton = Skeleton(
        transfer_syntax_uid=uid,
        data=data,
        start=start,
        implicit=uid == ImplicitVRLittleEndian,
        little=uid != ExplicitVRBigEndian,
    )
    _scan(skeleton)
    return skeleton


def _file_meta(data: Content, start: int) -> tuple[str, int]:
    """The transfer syntax UID and the position of the data set (PS3.10 section 7.1, table 7.1-1)."""
    uid = ""
    position = start
    while data[position : position + 2] == b"\x02\x00":
        header = _header(data, position, implicit=False, little=True)
        position = header.value + header.length
        if position > len(data):
            raise refuse("dicom-truncated")
        if header.tag == 0x00020010:
            uid = data[header.value : position].decode("ascii", "replace").strip("\0 ")
    if uid:
        return uid, position
    # A data set sent without its file meta information is explicit or implicit little endian.
    explicit = data[position + 4 : position + 6] in _SHORT_VRS | _LONG_VRS
    return (ExplicitVRLittleEndian if explicit else ImplicitVRLittleEndian), position


def _inflate(packed: bytes) -> bytes:
    """The data set deflated as PS3.5 section A.5 says, within its bounds."""
    limit = min(MAX_INFLATED, max(RATIO_FREE, MAX_RATIO * len(packed)))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    clear = inflater.decompress(packed, limit)
    if inflater.unconsumed_tail:
        raise refuse("dicom-inflates", limit=limit >> 20)
    if not inflater.eof:
        raise refuse("dicom-truncated")
    return clear


def _header(data: Content, position: int, *, implicit: bool, little: bool) -> _Header:
    """The element header at *position* (PS3.5 sections 7.1.2, 7.1.3 and 7.5)."""
    order = "<" if little else ">"
    if position + 8 > len(data):
        raise refuse("dicom-truncated")
    group, element = struct.unpack_from(order + "HH", data, position)
    tag = group << 16 | element
    if implicit or group == 0xFFFE:
        return _Header(tag, b"", position + 8, struct.unpack_from(order + "I", data, position + 4)[0])
    vr = data[position + 4 : position + 6]
    if vr in _SHORT_VRS:
        return _Header(tag, vr, position + 8, struct.unpack_from(order + "H", data, position + 6)[0])
    if vr not in _LONG_VRS:
        raise refuse("dicom-malformed")
    if position + 12 > len(data):
        raise refuse("dicom-truncated")
    return _Header(tag, vr, position + 12, struct.unpack_from(order + "I", data, position + 8)[0])


def _scan(skeleton: Skeleton) -> None:
    """Walk every element; raises BadInput at the first that is cut, misplaced, too deep or too many."""
    data, position = skeleton.data, skeleton.start
    levels = [_Level("elements", len(data), defined=True, implicit=skeleton.implicit)]
    for _ in range(MAX_ELEMENTS):
        while levels and levels[-1].defined and position == levels[-1].end:
            levels.pop()
        if not levels:
            return
        header = _header(data, position, implicit=levels[-1].implicit, little=skeleton.little)
        position = _step(header, levels)
        if len(levels) > 2 * MAX_DEPTH:
            raise refuse("dicom-too-deep", limit=MAX_DEPTH)
    raise refuse("dicom-too-many-elements", limit=MAX_ELEMENTS)


def _step(header: _Header, levels: list[_Level]) -> int:
    """The position after *header*, with its level opened or closed in *levels*."""
    level = levels[-1]
    defined = header.length != UNDEFINED
    end = header.value + header.length if defined else level.end
    if header.value > level.end or end > level.end:
        raise refuse("dicom-truncated" if level.end == levels[0].end else "dicom-malformed")
    if level.kind == "fragments" and not defined:
        raise refuse("dicom-malformed")
    if header.tag in (_ITEM_END, _SEQUENCE_END):
        _close(header, levels)
        return header.value
    opened = _opened(header, level, end, defined=defined)
    if opened is None:
        return end
    levels.append(opened)
    return header.value


def _close(header: _Header, levels: list[_Level]) -> None:
    """Close the level that a delimiter ends (PS3.5 section 7.5.1)."""
    level = levels.pop()
    belongs = (level.kind == "elements") == (header.tag == _ITEM_END)
    if level.defined or not belongs or header.length:
        raise refuse("dicom-malformed")


def _opened(header: _Header, level: _Level, end: int, *, defined: bool) -> _Level | None:
    """The level that *header* opens, None for a plain value."""
    if (level.kind == "elements") == (header.tag == _ITEM):
        raise refuse("dicom-malformed")
    if level.kind == "items":
        return _Level("elements", end, defined, level.implicit)
    if level.kind == "fragments":
        return None
    if header.vr == b"SQ" or (level.implicit and _is_sequence(header.tag)):
        return _Level("items", end, defined, level.implicit)
    if defined:
        return None
    if header.tag == _PIXEL_DATA:
        return _Level("fragments", end, defined, level.implicit)
    if header.vr not in (b"UN", b""):
        raise refuse("dicom-malformed")
    # PS3.5 section 6.2.2 note 4: a UN of undefined length holds an implicit little endian sequence.
    return _Level("items", end, defined, implicit=True)


def _is_sequence(tag: int) -> bool:
    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:
        return False
