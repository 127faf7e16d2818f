"""A real PostgreSQL server of its own cluster, reached through a socket in a temporary folder."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PLACES: Final = ("/usr/lib/postgresql", "/opt/homebrew/opt")
_SUPERUSER: Final = "pleura"


def postgres_programs() -> Path | None:
    """The folder with initdb and postgres, the newest version on this machine."""
    found = [path.parent for place in _PLACES for path in Path(place).glob("*/bin/initdb")]
    if found:
        return max(found)
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """The socket folder of a running server; gone with its data when the block ends."""
    programs = postgres_programs()
    assert programs is not None
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        home, user = Path(folder), _unprivileged()
        if user:
            shutil.chown(home, user)
        as_user = {"user": user, "cwd": folder} if user else {"cwd": folder}
        data = home / "data"
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                _SUPERUSER,
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
            ],
            check=True,
            capture_output=True,
            **as_user,  # type: ignore[call-overload]
        )
        control = [programs / "pg_ctl", "-D", data, "-w", "-o", f"-k {folder} -c listen_addresses=''"]
        subprocess.run(
            [*control, "-l", home / "log", "start"], check=True, stdout=subprocess.DEVNULL, **as_user
        )
        try:
            yield folder
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, **as_user)


def fresh_database(sockets: str, name: str) -> str:
    """The plain URL of a new empty database."""
    programs = postgres_programs()
    assert programs is not None
    subprocess.run(
        [programs / "createdb", "-h", sockets, "-U", _SUPERUSER, name], check=True, capture_output=True
    )
    return f"postgresql://{_SUPERUSER}@/{name}?host={sockets}"


def _unprivileged() -> str | None:
    """Who runs the server: it refuses to be run by root."""
    if os.geteuid():
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
