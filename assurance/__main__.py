"""``python -m assurance [KIND] [--sample N] [--seed S] [--jobs J]``: one kind, or all."""

from __future__ import annotations

import importlib
import sys

KINDS = ("faults", "powerloss", "container", "restored")

given = sys.argv[1:]
kinds, options = (given[:1], given[1:]) if given and not given[0].startswith("-") else (list(KINDS), given)
if not set(kinds) <= set(KINDS):
    print(
        f"usage: python -m assurance [{'|'.join(KINDS)}] [--sample N] [--seed S] [--jobs J]", file=sys.stderr
    )
    sys.exit(2)
worst = 0
for kind in kinds:
    print(f"\n## {kind}: `./run assure {kind}`\n", flush=True)
    # A kind is loaded when it is asked for, so that each needs only what it uses itself.
    worst = max(worst, importlib.import_module(f"assurance.{kind}").main(options))
sys.exit(worst)
