"""What the person running pleura may decide, read once from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PORT: Final = 8470
"""Where the web application listens unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the home is and how its passphrase is given."""

    home: Path
    """``PLEURA_HOME``: the one folder that holds everything; default ``~/.pleura``."""
    passphrase_file: Path | None = None
    """``PLEURA_PASSPHRASE_FILE``: a file with the passphrase on its first line; else a prompt asks."""
    language: str = "zh"
    """``PLEURA_LANGUAGE``, else the locale of the terminal: ``zh`` or ``en``."""

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> Settings:
        """The settings that *environment* (``os.environ``) asks for."""
        home = environment.get("PLEURA_HOME")
        passphrase_file = environment.get("PLEURA_PASSPHRASE_FILE")
        return Settings(
            home=Path(home) if home else Path.home() / ".pleura",
            passphrase_file=Path(passphrase_file) if passphrase_file else None,
            language=_language(environment),
        )


def _language(environment: Mapping[str, str]) -> str:
    asked = environment.get("PLEURA_LANGUAGE") or environment.get("LC_ALL") or environment.get("LANG") or "zh"
    # The bare C locale says nothing about the reader, and Chinese is our first language.
    if asked.split(".")[0] in {"C", "POSIX"}:
        return "zh"
    return "zh" if asked.startswith("zh") else "en"
