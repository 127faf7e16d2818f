"""A machine in memory on which everything is well until a test says otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class FakeMachine:
    """The port `Machine`."""

    free: int = 50 << 30
    private: bool = True
    left: list[Path] = field(default_factory=list)
    chinese: Path | None = Path("/usr/share/fonts/chinese.ttc")
    chromium: str | None = "/usr/bin/chromium"

    def home(self) -> Path:
        return Path("/home/pleura")

    def free_bytes(self) -> int:
        return self.free

    def is_private(self) -> bool:
        return self.private

    def leftovers(self) -> list[Path]:
        return self.left

    def sweep(self) -> None:
        self.left = []

    def font(self) -> Path | None:
        return self.chinese

    def browser(self) -> str | None:
        return self.chromium
