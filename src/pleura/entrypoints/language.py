"""The reader's language: every text is written in English and translated by one catalogue."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Final

from babel.messages.pofile import read_po

from pleura.domain.errors import PleuraError

LANGUAGES: Final = ("zh", "en")


class Texts:
    """Texts in one language, ``zh`` or ``en``; English is what the source says."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._catalogue = chinese() if self.language == "zh" else {}

    def __call__(self, template: str, **facts: str | int | float) -> str:
        """*template* in the reader's language with *facts* filled in."""
        translated = self._catalogue.get(template, template)
        return translated.format(**facts) if facts else translated

    def error(self, error: PleuraError) -> tuple[str, str]:
        """What happened and the next step, in the reader's language."""
        return self(error.what, **error.facts), self(error.next_step, **error.facts)


@functools.cache
def chinese() -> dict[str, str]:
    """The Chinese text of every English one."""
    source = files("pleura") / "locale" / "zh" / "LC_MESSAGES" / "pleura.po"
    with source.open("rb") as stream:
        catalogue = read_po(stream, locale="zh")
    return {
        message.id: message.string
        for message in catalogue
        if isinstance(message.id, str) and isinstance(message.string, str) and message.id and message.string
    }
