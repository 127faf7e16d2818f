"""Image searches with the keys that a person has for them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pleura.domain.errors import BadInput
from pleura.domain.watching.asking import SearchEngine, engine_name


class _Keys(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    folder: str = ""


def search_engine(name: str, key_file: Path) -> SearchEngine:
    """The image search called *name* with the key in *key_file*, which is not kept; raises BadInput."""
    # An HTTP client, which no other command should have to load.
    from pleura.adapters.searching.google import GoogleVision  # noqa: PLC0415
    from pleura.adapters.searching.tineye import TinEye  # noqa: PLC0415
    from pleura.adapters.searching.transport import over_https  # noqa: PLC0415
    from pleura.adapters.searching.yandex import Yandex  # noqa: PLC0415

    chosen = engine_name(name)
    try:
        keys = msgspec.json.decode(key_file.read_bytes(), type=_Keys)
    except (OSError, msgspec.MsgspecError) as error:
        raise BadInput(
            "bad-key-file",
            "the file {file} holds no key of an image search",
            'write JSON into it: {{"key": "..."}}, for yandex with "folder" too',
            file=str(key_file),
        ) from error
    match chosen:
        case "google":
            return GoogleVision(keys.key, over_https)
        case "tineye":
            return TinEye(keys.key, over_https)
        case "yandex":
            return Yandex(keys.key, keys.folder, over_https)
