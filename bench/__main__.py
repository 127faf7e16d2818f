"""All benches in turn, or those named: ``python -m bench [NAME...]``; or one, with arguments of its own:
``python -m bench NAME ARGUMENT...``.

A part of a bench that runs by itself is named with a dot: ``python -m bench attribution.photos``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

BENCHES = ("seal", "vault", "catalogue", "marking", "attribution", "search")


def planned(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """The benches that are meant, and the arguments of the one bench that has any."""
    names = [*given]
    arguments: list[str] = []
    for place, word in enumerate(given):
        if word.partition(".")[0] not in BENCHES:
            names, arguments = [*given[:place]], [*given[place:]]
            break
    if arguments and len(names) != 1:
        raise SystemExit(
            f"{arguments[0]} is no bench, and arguments are given to one bench only; "
            f"usage: python -m bench [{'|'.join(BENCHES)}] [ARGUMENT...]"
        )
    return names or [*BENCHES], arguments


def main(given: Sequence[str]) -> None:
    """Run them, each in a process of its own, with a heading and its time."""
    names, arguments = planned(given)
    # One thread for each library, so that CPU seconds are seconds of one core.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    for name in names:
        # Folders by their names: a table that is published tells nothing of the machine it was made on.
        shown = " ".join(["python -m bench." + name, *(Path(word).name for word in arguments)])
        print(f"\n## {name}: `{shown}`\n", flush=True)
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", f"bench.{name}", *arguments], check=False, env=environment
        )
        if done.returncode:
            # The bench has said why.
            sys.exit(done.returncode)
        print(f"\n({time.monotonic() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
