"""``pleura serve``: placeholder until the web door lands in this work tree."""

from __future__ import annotations


def command() -> None:
    """Serve the web application."""
