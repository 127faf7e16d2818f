"""One kind of assurance: ``python -m assurance faults|powerloss|container [--sample N] [--seed S] [--jobs J]``."""

from __future__ import annotations

import importlib
import sys

KINDS = ("faults", "powerloss", "container")

if len(sys.argv) < 2 or sys.argv[1] not in KINDS:
    print(
        f"usage: python -m assurance {{{','.join(KINDS)}}} [--sample N] [--seed S] [--jobs J]",
        file=sys.stderr,
    )
    sys.exit(2)
# A kind is loaded when it is asked for, so that each needs only what it uses itself.
sys.exit(importlib.import_module(f"assurance.{sys.argv[1]}").main(sys.argv[2:]))
