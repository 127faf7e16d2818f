"""Processes that have the program ready, to fork operations from."""

from __future__ import annotations

import contextlib
import functools
import importlib
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from assurance import tracing
from assurance.operations import OPERATIONS, prepare
from assurance.places import Place, scratch
from assurance.verdict import violations
from pleura.adapters.database.migrate import upgrade


@contextlib.contextmanager
def workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """*jobs* processes, each with one thread only, so that it may fork; ended when the block ends."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_warm_up) as pool:
        yield pool


def _warm_up() -> None:
    """Load whatever a verdict loads at its first use, so that the calls of every later run are the same."""
    # What a home loads only when it needs it would be loaded in some runs and not in others.
    for late in ("encodings.ascii", "alembic.command", "alembic.script", "pleura.adapters.storage.s3"):
        importlib.import_module(late)
    # A library that computed in threads of its own here would wait for them in the forked process.
    os.environ["OMP_NUM_THREADS"] = "1"
    with scratch() as folder:
        upgrade(f"sqlite:///{folder / 'warm.db'}")
        place = Place(folder / "place")
        tracing.run(functools.partial(prepare, "import", place, 0), folder)
        found = violations(place, OPERATIONS["import"].check, [], finished=True)
    if found:
        raise RuntimeError(f"a home that nothing struck is judged: {found}")
