"""Fonts of the machine: pictures with Chinese words need one that has them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_CHINESE_FONTS: Final = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
)


def find_font() -> Path | None:
    """The first font with Chinese characters on this machine."""
    return next((path for path in map(Path, _CHINESE_FONTS) if path.is_file()), None)
