"""``python -m pleura``: the command line."""

from __future__ import annotations

from pleura.entrypoints.cli.app import main

if __name__ == "__main__":
    main()
