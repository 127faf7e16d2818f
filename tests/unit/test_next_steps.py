"""A next step that names a command names one that is there, with options that it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from tests.fakes.messages import messages

from pleura.entrypoints.cli.app import app

_MENTION = re.compile(r"pleura((?: [a-z]+)+)((?: --[a-z-]+)*)")


def mentions() -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Text, words after ``pleura``, options."""
    for text in sorted(messages()):
        for words, options in _MENTION.findall(text):
            yield text, tuple(words.split()), tuple(options.split())


ROOT: Any = typer.main.get_command(app)


def command(words: tuple[str, ...]) -> Any:
    """The command or group that *words* begin with, None where a group has no such command."""
    found = ROOT
    for word in words:
        if not hasattr(found, "commands"):
            break
        found = found.commands.get(word)
    return found


@pytest.mark.parametrize(("text", "words", "options"), list(mentions()))
def test_a_command_that_is_named_is_there(
    text: str, words: tuple[str, ...], options: tuple[str, ...]
) -> None:
    if words[0] not in ROOT.commands and not options:
        return  # pleura as the name of the product, in a sentence

    found = command(words)

    assert found is not None, text
    assert set(options) <= {name for parameter in found.params for name in parameter.opts}, text


def test_a_command_that_is_not_there_is_noticed() -> None:
    assert command(("key", "frobnicate")) is None
    assert command(("key", "rotate")) is ROOT.commands["key"].commands["rotate"]
