"""What this machine has and how the home lies on its disk."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import stat
from pathlib import Path
from typing import Final

from pleura.adapters.fonts import find_font
from pleura.adapters.storage.durable import disk_faults
from pleura.adapters.storage.home import Home
from pleura.adapters.storage.moving import BUILDING
from pleura.adapters.storage.objects import FolderObjects

_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
_PR_SET_DUMPABLE: Final = 4  # prctl(2)


class Machine:
    """The port `Machine` for one home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def home(self) -> Path:
        """The folder of the home."""
        return self._home.path

    def free_bytes(self) -> int:
        """Bytes that this user may still write on the disk of the home; raises EnvironmentFault."""
        with disk_faults(self._home.path):
            return shutil.disk_usage(self._home.path).free

    def is_private(self) -> bool:
        """Whether nobody but the owner may read the home; raises EnvironmentFault."""
        with disk_faults(self._home.path):
            return not stat.S_IMODE(self._home.path.stat().st_mode) & 0o077

    def leftovers(self) -> list[Path]:
        """Files of commands that were cut: unfinished objects and everything in the scratch folder.

        Raises EnvironmentFault where the disk fails.
        """
        with disk_faults(self._home.path):
            return self._leftovers()

    def _leftovers(self) -> list[Path]:
        scratch = [path for path in self._home.scratch.rglob("*") if path.is_file()]
        root_files = [path for path in self._home.path.glob(".*") if path.is_file()]
        unused = self._home.database_left_behind()
        founding = [path for path in self._home.path.glob(f"{BUILDING}*/**/*") if path.is_file()]
        objects = FolderObjects(self._home.objects).unfinished()
        packs = [path for path in self._home.packs.glob(".*") if path.is_file()]
        return [*objects, *packs, *root_files, *unused, *scratch, *founding]

    def sweep(self) -> None:
        """Remove the leftovers; the caller is alone in the home. Raises EnvironmentFault."""
        with disk_faults(self._home.path):
            for path in self._leftovers():
                path.unlink(missing_ok=True)
                # An import that was cut early leaves a folder with nothing else in it.
                if path.parent.parent == self._home.objects and not any(path.parent.iterdir()):
                    path.parent.rmdir()
            for folder in (self._home.scratch, *self._home.path.glob(f"{BUILDING}*")):
                shutil.rmtree(folder, ignore_errors=True)

    def font(self) -> Path | None:
        """A font with Chinese characters."""
        return find_font()

    def browser(self) -> str | None:
        """The system's Chromium."""
        return next((found for name in _BROWSERS if (found := shutil.which(name))), None)


def guard_memory() -> None:
    """Let no core dump of this process be written, and no other process of this user read its memory.

    prctl(2) PR_SET_DUMPABLE, setrlimit(2) RLIMIT_CORE. Swap is the machine's own to encrypt.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.geteuid() == 0:
        # For root the flag hides nothing, and it would take /proc/self away from the workers.
        return
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
