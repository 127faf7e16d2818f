"""The closed list of reasons why received bytes are refused.

The list is closed so that the process that holds the keys never shows a text written by the process
that read the hostile bytes: only a code and its facts cross the socket.
"""

from __future__ import annotations

from typing import Final

from pleura.domain.errors import BadInput

REFUSALS: Final[dict[str, BadInput]] = {
    refusal.code: refusal
    for refusal in (
        BadInput("file-empty", "the file is empty", "export it again from where it came from"),
        BadInput(
            "file-unreadable",
            "the file cannot be read",
            "check that the path names a file and that you may read it",
        ),
        BadInput(
            "file-too-large",
            "the file is larger than {limit} MiB",
            "give the images one by one or in smaller archives",
        ),
        BadInput(
            "not-an-image",
            "the file is neither a DICOM instance nor a PNG, JPEG, TIFF or BMP picture",
            "give an image file; the name of a file does not decide what it is",
        ),
        BadInput(
            "dicomdir",
            "the file is a DICOMDIR, an index of images without an image in it",
            "give the folder that holds it; every file in the folder is read by itself",
        ),
        BadInput(
            "dicom-truncated",
            "the DICOM file ends in the middle of an element",
            "copy the file again from where it came from",
        ),
        BadInput(
            "dicom-malformed",
            "the DICOM file breaks the encoding rules of the standard",
            "export it again from the device or the archive",
        ),
        BadInput(
            "dicom-too-deep",
            "the DICOM file nests sequences deeper than {limit} levels",
            "do not trust this file; ask its sender where it comes from",
        ),
        BadInput(
            "dicom-too-many-elements",
            "the DICOM file holds more than {limit} elements",
            "do not trust this file; ask its sender where it comes from",
        ),
        BadInput(
            "dicom-inflates",
            "the compressed DICOM file inflates to more than {limit} MiB",
            "do not trust this file; ask its sender where it comes from",
        ),
        BadInput(
            "dicom-uid",
            "the DICOM file lacks {keyword} or holds one that is not a UID",
            "export it again from the device or the archive",
        ),
        BadInput(
            "transfer-syntax-unsupported",
            "the transfer syntax {uid} is not supported",
            "export the image uncompressed, as JPEG 2000, JPEG, JPEG-LS or RLE",
        ),
        BadInput(
            "no-pixel-data",
            "the DICOM file holds no picture",
            "give image instances; reports and presentation states are not images",
        ),
        BadInput(
            "pixel-format-unsupported",
            "the pixels are of a kind that is not supported",
            "export the image with 8 or 16 bits as MONOCHROME1, MONOCHROME2, RGB, YBR or PALETTE COLOR",
        ),
        BadInput(
            "pixel-data-short",
            "the pixel data hold {got} bytes where the header promises {expected}",
            "copy the file again from where it came from",
        ),
        BadInput(
            "too-many-pixels",
            "the header promises {columns} x {rows} pixels in {frames} frames, which is over the limit",
            "check the file: no radiograph is that large",
        ),
        BadInput(
            "picture-too-large",
            "the picture has more than {limit} million pixels",
            "check the file: no radiograph is that large",
        ),
        BadInput(
            "pixel-data-differs",
            "the compressed picture is not of the size or the kind that the DICOM header promises",
            "do not trust this file; export it again from the device or the archive",
        ),
        BadInput(
            "decode-failed",
            "the file is damaged: a part of it cannot be decoded",
            "copy the file again from where it came from",
        ),
        BadInput(
            "decode-memory",
            "the file needs more memory than one image may have",
            "do not trust this file; ask its sender where it comes from",
        ),
        BadInput(
            "decode-died",
            "the process that read the file died, so the file is refused",
            "do not trust this file; ask its sender where it comes from",
        ),
        BadInput(
            "decode-timeout",
            "reading the file took longer than {seconds} seconds",
            "do not trust this file; ask its sender where it comes from",
        ),
        BadInput(
            "derive-differs",
            "the new pixels are not of the size of the original",
            "make the copy from this original without changing its size",
        ),
        BadInput("zip-malformed", "the archive is damaged", "copy the archive again from where it came from"),
        BadInput(
            "zip-encrypted",
            "the archive is locked with a password",
            "unlock it and give the files",
        ),
        BadInput(
            "zip-too-many-files",
            "the archive holds more than {limit} files",
            "unpack it and give the folder",
        ),
        BadInput(
            "zip-bomb",
            "the archive unpacks to far more than its size allows",
            "do not trust this archive; ask its sender where it comes from",
        ),
        BadInput(
            "zip-unsafe-name",
            "the archive holds a link or a path that leaves its folder",
            "do not trust this archive; ask its sender where it comes from",
        ),
    )
}


def refuse(code: str, **facts: str | int) -> BadInput:
    """The refusal with the given *code* of the table, its template filled with *facts*."""
    listed = REFUSALS[code]
    return BadInput(listed.code, listed.what, listed.next_step, **facts)
