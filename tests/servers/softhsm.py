"""A real PKCS#11 token in software: SoftHSM 2 with its own folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MODULES: Final = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"),
)


@dataclass(frozen=True, kw_only=True)
class SoftToken:
    """What opens the token; ``environment`` is needed by every process that uses it."""

    module: Path
    label: str
    pin: str
    environment: dict[str, str]


def softhsm_module() -> Path | None:
    """The library, where the package softhsm2 is installed."""
    found = next((path for path in _MODULES if path.exists()), None)
    return found if shutil.which("softhsm2-util") else None


@contextlib.contextmanager
def softhsm_token() -> Iterator[SoftToken]:
    """A fresh token; the library reads its folder from SOFTHSM2_CONF when it is first loaded."""
    module = softhsm_module()
    assert module is not None
    with tempfile.TemporaryDirectory(prefix="softhsm-") as folder:
        tokens = Path(folder) / "tokens"
        tokens.mkdir()
        settings = Path(folder) / "softhsm2.conf"
        settings.write_text(
            f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        environment = {"SOFTHSM2_CONF": str(settings)}
        subprocess.run(
            [
                "softhsm2-util",
                "--init-token",
                "--free",
                "--label",
                "ward",
                "--so-pin",
                "87654321",
                "--pin",
                "2468-1357",
            ],
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
        )
        yield SoftToken(module=module, label="ward", pin="2468-1357", environment=environment)
