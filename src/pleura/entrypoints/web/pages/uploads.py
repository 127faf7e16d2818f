"""Uploaded files on their way to a worker."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from litestar.datastructures import UploadFile


def kept(upload: UploadFile, folder: Path) -> Path:
    """The upload as a private file in *folder* under a name of our own, never the sender's."""
    path = folder / secrets.token_hex(8)
    path.touch(mode=0o600)
    with path.open("wb") as stream:
        shutil.copyfileobj(upload.file, stream)
    return path
