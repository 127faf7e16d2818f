"""Archives unpacked within bounds; bombs, links and paths outside refused."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from pleura.adapters.disposable.unzip import MAX_FILES, unzip
from pleura.domain.errors import BadInput


def archive(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members:
            opened.writestr(name, content)
    return stream.getvalue()


def unpack(data: bytes, folder: Path) -> list[bytes]:
    target = os.open(folder, os.O_RDONLY)
    try:
        count = unzip(BytesIO(data), target, 1 << 30)
    finally:
        os.close(target)
    return [(folder / f"{number:06d}").read_bytes() for number in range(1, count + 1)]


def code_of(data: bytes, folder: Path) -> str:
    with pytest.raises(BadInput) as caught:
        unpack(data, folder)
    return caught.value.code


def link() -> zipfile.ZipInfo:
    member = zipfile.ZipInfo("link")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def test_files_are_written_under_numbers_whatever_their_names(tmp_path: Path) -> None:
    inner = archive(("x", b"inner"))

    files = unpack(archive(("DICOM/IM1", b"one"), ("名.dcm", b"two"), ("n.zip", inner)), tmp_path)

    assert files == [b"one", b"two", inner]


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../up", "..\\up"])
def test_a_path_that_leaves_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    assert code_of(archive((name, b"x")), tmp_path) == "zip-unsafe-name"
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_refused(tmp_path: Path) -> None:
    assert code_of(archive((link(), b"/etc/passwd")), tmp_path) == "zip-unsafe-name"


def test_a_bomb_of_zeros_is_refused_while_it_streams(tmp_path: Path) -> None:
    assert code_of(archive(("zeros", bytes(80 << 20))), tmp_path) == "zip-bomb"
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 64 << 20


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    members = [(str(number), b"") for number in range(MAX_FILES + 1)]

    assert code_of(archive(*members), tmp_path) == "zip-too-many-files"


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    data = bytearray(archive(("a", bytes(range(256))), ("b", bytes(range(256)))))
    second = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, second + 42, 0)

    assert code_of(bytes(data), tmp_path) == "zip-bomb"


def test_a_locked_archive_is_refused(tmp_path: Path) -> None:
    data = bytearray(archive(("a", b"secret")))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1

    assert code_of(bytes(data), tmp_path) == "zip-encrypted"


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"text", archive(("a", bytes(500)))[:-10]])
def test_a_damaged_archive_is_refused(data: bytes, tmp_path: Path) -> None:
    assert code_of(data, tmp_path) == "zip-malformed"


def test_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    data = bytearray(archive(("a", b"content")))
    struct.pack_into("<I", data, data.rindex(b"PK\x01\x02") + 16, 1)

    assert code_of(bytes(data), tmp_path) == "zip-malformed"
