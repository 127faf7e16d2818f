"""From the environment to an open house, the same way for every command."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from pleura.bootstrap import House, open_house
from pleura.entrypoints.language import Texts
from pleura.entrypoints.passphrase import read_passphrase
from pleura.settings import Settings


@contextlib.contextmanager
def opened(*, alone: bool = False) -> Iterator[tuple[House, Texts]]:
    """The house that the environment names, with the reader's language; closed when the block ends.

    *alone*: nobody else may be at work in the home.
    """
    settings = Settings.from_environment(os.environ)
    say = Texts(settings.language)
    with open_house(settings, lambda: read_passphrase(settings, say), alone=alone) as house:
        yield house, say
