"""Secrets come from a file or a prompt, never from the command line."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from pleura.domain.errors import BadInput, EnvironmentFault
from pleura.entrypoints.language import Texts
from pleura.settings import Settings


def read_passphrase(settings: Settings, say: Texts) -> str:
    """The passphrase of the home, from ``PLEURA_PASSPHRASE_FILE`` or a prompt."""
    if settings.passphrase_file is not None:
        return first_line(settings.passphrase_file)
    return _prompt(say("Passphrase: "))


def new_secret(file: Path | None, question: str, say: Texts) -> str:
    """A new secret, from *file* or asked for twice; raises BadInput when the two differ."""
    if file is not None:
        return first_line(file)
    secret = _prompt(question)
    if _prompt(say("Once more: ")) != secret:
        raise BadInput("secrets-differ", "the two entries differ", "start again")
    return secret


def known_secret(file: Path | None, question: str) -> str:
    """A secret that is known already, from *file* or asked for once."""
    return first_line(file) if file is not None else _prompt(question)


def read_lines(file: Path | None, question: str) -> list[str]:
    """Secret lines from *file*, or asked for until an empty one; raises EnvironmentFault."""
    if file is None:
        return list(iter(lambda: _prompt(question), ""))
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file) from error


def first_line(file: Path) -> str:
    """The first line of *file* without its line ending; raises EnvironmentFault."""
    try:
        with file.open(encoding="utf-8") as stream:
            return stream.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file) from error


def _unreadable(file: Path) -> EnvironmentFault:
    return EnvironmentFault(
        "secret-file-unreadable",
        "the secret file {file} cannot be read as text",
        "check the path and its permissions",
        file=str(file),
    )


def _prompt(question: str) -> str:
    if not sys.stdin.isatty():
        raise EnvironmentFault(
            "no-passphrase",
            "a secret is needed and there is no terminal to ask at",
            "set PLEURA_PASSPHRASE_FILE (for init also --password-file) to a file that holds it",
        )
    return getpass.getpass(question)
